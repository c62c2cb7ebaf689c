package nft

import (
	"slices"

	"github.com/google/nftables"

	"github.com/libcni/libcni/core/internal/host/nft/wire"
)

// Chain returns the chain of that name, or nil.
func (r *Reader) Chain(t Table, name string) (*Chain, error) {
	f := fact{ofChain, t, name}
	if value, known, err := r.recall(f); known || err != nil {
		chain, _ := value.(*Chain)
		return clone(chain), err
	}

	var chain *Chain
	_, table, err := r.askIn(t, getChain(t, name, &chain))
	if err != nil {
		return nil, err
	}
	r.keep(f, chain, chain == nil, table)
	return clone(chain), nil
}

// getChain asks for a chain, which stays nil if it does not exist.
func getChain(t Table, name string, found **Chain) *wire.Question {
	return wire.GetChain(byte(t.Family), t.Name, name, func(c wire.Chain) {
		decoded := decodeChain(c)
		decoded.Uses = c.Uses
		*found = &decoded
	})
}

func clone(c *Chain) *Chain {
	if c == nil {
		return nil
	}
	copied := *c
	return &copied
}

// Chains returns the chains of a table.
func (r *Reader) Chains(t Table) ([]Chain, error) {
	return list(r, fact{ofChains, t, ""}, func(chains *[]Chain) *wire.Question {
		return wire.ListChains(byte(t.Family), func(c wire.Chain) {
			if chain := decodeChain(c); chain.Table == t {
				*chains = append(*chains, chain)
			}
		})
	})
}

// ForwardChains returns the base chains, in any table of IP or of bridges, that forwarded packets
// pass. It reads all chains.
func (r *Reader) ForwardChains() ([]Chain, error) {
	if err := r.begin(); err != nil {
		return nil, err
	}

	var found []Chain
	q := wire.ListChains(0, func(c wire.Chain) {
		if chain := decodeChain(c); chain.Hook == Forward {
			found = append(found, chain)
		}
	})
	if err := r.ask(q); err != nil {
		return nil, err
	}
	_, err := q.Outcome()
	return found, err
}

func decodeChain(c wire.Chain) Chain {
	decoded := Chain{Table: Table{Family(c.Family), c.Table}, Name: c.Name, Type: c.Type,
		Priority: c.Priority, Drop: c.Drop}
	if c.Base {
		decoded.Hook = Hook(c.Hook) + Prerouting
	}
	return decoded
}

// Rules returns the rules of a chain in their order, with handles.
func (r *Reader) Rules(c Chain) ([]Rule, error) {
	if r.replaced[c.id()] {
		return nil, nil
	}
	f := fact{ofRules, c.Table, c.Name}
	value, known, err := r.recall(f)
	if err != nil {
		return nil, err
	}

	rules, _ := value.([]Rule)
	if !known {
		if rules, err = r.readRules(c, f); err != nil {
			return nil, err
		}
	}
	return inChain(c, rules), nil
}

// CountedRules is Rules with the counters of this moment: those of cached rules are of the past.
func (r *Reader) CountedRules(c Chain) ([]Rule, error) {
	if err := r.begin(); err != nil {
		return nil, err
	}
	rules, err := r.readRules(c, fact{ofRules, c.Table, c.Name})
	return inChain(c, rules), err
}

// inChain returns copies of rules that name their chain.
func inChain(c Chain, rules []Rule) []Rule {
	rules = slices.Clone(rules)
	for i := range rules {
		rules[i].Chain = c
	}
	return rules
}

func (r *Reader) readRules(c Chain, f fact) ([]Rule, error) {
	if exists, err := r.HasTable(c.Table); !exists {
		return nil, err
	}
	r.settled = false
	read, found, err := r.c.Rules(c.Table.encoded(), c.encoded())
	if !found {
		return nil, err
	}

	rules := decodeRules(c.Table.Family, read)
	if table, known := r.table(c.Table); known {
		r.keep(f, rules, rules == nil, table)
	}
	return rules, nil
}

func decodeRules(f Family, read []*nftables.Rule) []Rule {
	var rules []Rule
	for _, n := range read {
		rules = append(rules, Rule{Exprs: n.Exprs, Comment: ruleComment(n.UserData), Handle: n.Handle,
			encodings: encodingsOf(f, n.Exprs)})
	}
	return rules
}

// HasRule reports whether the rule's chain has it: one with the same comment that does the same.
func (r *Reader) HasRule(rule Rule) (bool, error) {
	rules, err := r.Rules(rule.Chain)
	return slices.ContainsFunc(rules, rule.Prepared().equal), err
}
