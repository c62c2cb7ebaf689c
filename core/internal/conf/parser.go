package conf

import (
	"bytes"
	"slices"
	"sync"
)

// Parser is Parse for many texts that are often the same: the containers of a network come with one configuration, and
// what is recorded of each is that. It remembers the last few. Safe for concurrent use; the zero value is ready.
type Parser struct {
	mu     sync.Mutex
	recent []parsed // the latest first
}

// parsed is a text and what is in it.
type parsed struct {
	text []byte
	list *List
}

// Limits of what is remembered: some more than the networks that are in use at a time, of a size that one has.
const (
	maxRemembered = 16
	maxText       = 64 << 10
)

// Parse is the function Parse. Calls with the same text may be given the same list.
func (p *Parser) Parse(data []byte) (*List, error) {
	if list := p.find(data); list != nil {
		return list, nil
	}
	text := bytes.Clone(data)
	list, err := Parse(text)
	if err == nil && len(text) <= maxText {
		p.remember(parsed{text, list})
	}
	return list, err
}

func (p *Parser) find(data []byte) *List {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := slices.IndexFunc(p.recent, func(r parsed) bool { return bytes.Equal(r.text, data) })
	if i < 0 {
		return nil
	}
	found := p.recent[i]
	copy(p.recent[1:], p.recent[:i])
	p.recent[0] = found
	return found.list
}

func (p *Parser) remember(r parsed) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.recent = slices.Insert(p.recent, 0, r)
	p.recent = p.recent[:min(len(p.recent), maxRemembered)]
}
