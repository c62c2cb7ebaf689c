package nft

import (
	"maps"
	"sync"
)

// memory is what was read of the rules of some network namespaces, so that it need not be read again.
//
// The kernel counts every change of rules, of all processes in a network namespace: its generation. What was read of one
// is true for as long as the count stays. After a batch of our own, which the kernel applies to the generation it was
// made for and to no other, all of it is true but what the batch changed. After any other change nothing is.
//
// Only what changes in no other way is kept: no elements of sets that packets can add to, nothing that passes with
// time, and nothing of tables that go with a process (see Reader.keep). Namespaces are told by their cookie, which is
// never given twice until the host starts anew.
//
// Safe for concurrent use; the zero value is ready.
type memory struct {
	mu     sync.Mutex
	spaces []space // the latest last
}

// space is what is known of a network namespace. Its facts are never changed, only replaced.
type space struct {
	cookie     uint64
	generation uint32
	facts      facts
}

// fact names something that can be known.
type fact struct {
	about subject
	table Table
	name  string
}

type facts map[fact]any

type subject byte

const (
	ofTable    subject = iota // tableFact
	ofChain                   // *Chain
	ofChains                  // []Chain of a table
	ofSet                     // bool: whether it is there
	ofSetNames                // []string of a table
	ofRules                   // []Rule of a chain
	ofIptables                // []IptablesRule of a chain
	ofRanges                  // []Element of an interval set
)

// tableFact says whether a table is there, and whether it goes with the process that made it.
type tableFact struct{ there, owned bool }

// Limits of what is kept. Beyond, all of a namespace is forgotten.
const (
	maxSpaces = 4
	maxFacts  = 1 << 10
	maxKept   = 1 << 14 // rules and other parts of lists
)

// recall returns what is known of a namespace, and of which generation. A cookie of 0 is none.
func (m *memory) recall(cookie uint64) (uint32, facts) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s := m.find(cookie); s != nil {
		return s.generation, s.facts
	}
	return 0, nil
}

func (m *memory) find(cookie uint64) *space {
	for i := range m.spaces {
		if m.spaces[i].cookie == cookie {
			return &m.spaces[i]
		}
	}
	return nil
}

// learn adds what was read since a namespace had the generation. What others know of a later one is worth more.
func (m *memory) learn(cookie uint64, generation uint32, read facts) {
	if len(read) == 0 || cookie == 0 {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.find(cookie)
	switch {
	case s == nil:
		m.make(cookie, generation, read)
	case s.generation == generation:
		s.facts = s.facts.with(read)
	case later(generation, s.generation):
		s.generation, s.facts = generation, read.with(nil)
	}
}

// advance says that a batch was the change from one generation to the next, and what it touched. What was read before it
// is learned.
func (m *memory) advance(cookie uint64, from, to uint32, read facts, touched map[fact]bool) {
	if cookie == 0 {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.find(cookie)
	if s == nil {
		s = m.make(cookie, from, nil)
	}
	switch {
	case s.generation == from:
		s.generation, s.facts = to, s.facts.with(read).without(touched)
	case later(to, s.generation):
		s.generation, s.facts = to, read.without(touched)
	}
}

// make forgets the namespace that was first known if there are too many.
func (m *memory) make(cookie uint64, generation uint32, read facts) *space {
	if len(m.spaces) >= maxSpaces {
		m.spaces = append(m.spaces[:0], m.spaces[1:]...)
	}
	m.spaces = append(m.spaces, space{cookie, generation, read.with(nil)})
	return &m.spaces[len(m.spaces)-1]
}

// later compares generations, which begin again after the highest.
func later(a, b uint32) bool { return int32(a-b) > 0 }

// with returns the facts and some more.
func (f facts) with(more facts) facts {
	if len(more) == 0 && f != nil {
		return f
	}
	all := make(facts, len(f)+len(more))
	maps.Copy(all, f)
	maps.Copy(all, more)
	if len(all) > maxFacts || all.size() > maxKept {
		return facts{}
	}
	return all
}

func (f facts) without(touched map[fact]bool) facts {
	left := f
	for t := range touched {
		if _, found := left[t]; found {
			if len(left) == len(f) {
				left = maps.Clone(f)
			}
			delete(left, t)
		}
	}
	return left
}

func (f facts) size() (n int) {
	for _, value := range f {
		switch list := value.(type) {
		case []Rule:
			n += len(list)
		case []IptablesRule:
			n += len(list)
		case []Element:
			n += len(list)
		case []Chain:
			n += len(list)
		case []string:
			n += len(list)
		}
	}
	return n
}
