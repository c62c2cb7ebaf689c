package iptables

import (
	"fmt"
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
			t.Chains[chain] = append(t.Chains[chain], words[2:])
		}
	}
	return t, nil
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
