package iptables

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// parse reads what "iptables -S" prints.
func parse(listing string) (*Table, error) {
	t := &Table{Policies: map[string]string{}, Chains: map[string][][]string{}}
	for line := range strings.Lines(listing) {
		words, err := split(strings.TrimSuffix(line, "\n"))
		if err != nil {
			return nil, fmt.Errorf("iptables -S: line %q: %w", line, err)
		}
		if len(words) < 2 {
			continue
		}
		chain := words[1]
		switch words[0] {
		case "-P":
			t.Policies[chain] = strings.Join(words[2:3], "")
			t.Chains[chain] = append(t.Chains[chain], nil...)
		case "-N":
			t.Chains[chain] = append(t.Chains[chain], nil...)
		case "-A":
			t.addRule(chain, words[2:])
		}
	}
	return t, nil
}

// addRule adds a rule, and its counters if the listing has them.
func (t *Table) addRule(chain string, words []string) {
	for at := 0; at+2 < len(words); at++ {
		packets, err := strconv.ParseUint(words[at+1], 10, 64)
		bytes, err2 := strconv.ParseUint(words[at+2], 10, 64)
		if words[at] != "-c" || err != nil || err2 != nil {
			continue
		}
		if t.Counts == nil {
			t.Counts = map[string][]Count{}
		}
		t.Counts[chain] = append(t.Counts[chain], Count{packets, bytes})
		words = slices.Delete(words, at, at+3)
		break
	}
	t.Chains[chain] = append(t.Chains[chain], words)
}

// Find returns what a rule of a chain has matched, and whether the chain has the rule.
func (t *Table) Find(chain string, words []string) (Count, bool) {
	at := slices.IndexFunc(t.Chains[chain], func(w []string) bool { return slices.Equal(w, words) })
	if at < 0 || at >= len(t.Counts[chain]) {
		return Count{}, at >= 0
	}
	return t.Counts[chain][at], true
}

// split divides a line into words, which may be in double quotes.
func split(line string) (words []string, err error) {
	word, in, quoted := strings.Builder{}, false, false
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '\\' && i+1 < len(line):
			i++
			word.WriteByte(line[i])
			in = true
		case c == '"':
			quoted, in = !quoted, true
		case c == ' ' && !quoted:
			if in {
				words = append(words, word.String())
			}
			word.Reset()
			in = false
		default:
			word.WriteByte(c)
			in = true
		}
	}
	if quoted {
		return nil, fmt.Errorf("a quote is open")
	}
	if in {
		words = append(words, word.String())
	}
	return words, nil
}
