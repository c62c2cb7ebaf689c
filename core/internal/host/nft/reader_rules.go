package nft

import (
	"encoding/binary"
	"slices"

	"golang.org/x/sys/unix"
)

// Chain returns the chain of that name.
func (r *Reader) Chain(t Table, name string) (*Chain, error) {
	f := fact{ofChain, t, name}
	if value, known, err := r.recall(f); known || err != nil {
		chain, _ := value.(*Chain)
		return clone(chain), err
	}
	var chain *Chain
	body := appendName(appendName(nil, unix.NFTA_CHAIN_TABLE, t.Name), unix.NFTA_CHAIN_NAME, name)
	_, told, err := r.consult(t, &question{kind: unix.NFT_MSG_GETCHAIN, family: t.Family, body: body, answer: func(attributes []byte) error {
		parsed, err := parseChain(t.Family, attributes)
		chain = &parsed
		return err
	}})
	if err != nil {
		return nil, err
	}
	r.keep(f, chain, chain == nil, told)
	return clone(chain), nil
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
	f := fact{ofChains, t, ""}
	if value, known, err := r.recall(f); known || err != nil {
		chains, _ := value.([]Chain)
		return slices.Clone(chains), err
	}
	var chains []Chain
	_, told, err := r.consult(t, askChains(t.Family, func(c Chain) {
		if c.Table == t {
			chains = append(chains, c)
		}
	}))
	if err != nil {
		return nil, err
	}
	r.keep(f, chains, chains == nil, told)
	return slices.Clone(chains), nil
}

// askChains asks for the chains of a family, that of all if it is 0.
func askChains(f Family, each func(Chain)) *question {
	return &question{kind: unix.NFT_MSG_GETCHAIN, family: f, list: true, inAny: func(f Family, attributes []byte) error {
		chain, err := parseChain(f, attributes)
		if err == nil {
			each(chain)
		}
		return err
	}}
}

func parseChain(f Family, data []byte) (c Chain, err error) {
	c.Table.Family = f
	err = eachAttribute(data, func(kind uint16, value []byte) error {
		switch {
		case kind == unix.NFTA_CHAIN_TABLE:
			c.Table.Name = text(value)
		case kind == unix.NFTA_CHAIN_NAME:
			c.Name = text(value)
		case kind == unix.NFTA_CHAIN_TYPE:
			c.Type = text(value)
		case kind == unix.NFTA_CHAIN_POLICY && len(value) == 4:
			c.Drop = binary.BigEndian.Uint32(value) == 0 // NF_DROP
		case kind == unix.NFTA_CHAIN_HOOK:
			return eachAttribute(value, func(kind uint16, value []byte) error {
				switch {
				case kind == unix.NFTA_HOOK_HOOKNUM && len(value) == 4:
					c.Hook = Hook(binary.BigEndian.Uint32(value)) + Prerouting
				case kind == unix.NFTA_HOOK_PRIORITY && len(value) == 4:
					c.Priority = int(int32(binary.BigEndian.Uint32(value)))
				}
				return nil
			})
		}
		return nil
	})
	return c, err
}

// DroppingForwards returns the chains of any table that drop what the host forwards if no rule of theirs accepts it. It
// reads all chains there are.
func (r *Reader) DroppingForwards() ([]Chain, error) {
	if err := r.open(); err != nil {
		return nil, err
	}
	var dropping []Chain
	q := askChains(0, func(c Chain) {
		f := c.Table.Family
		if routed := f == IPv4 || f == IPv6 || f == Inet; routed && c.Hook == Forward && c.Drop {
			dropping = append(dropping, c)
		}
	})
	if err := r.ask(q); err != nil {
		return nil, err
	}
	_, err := outcome(q)
	return dropping, err
}

// Rules returns the rules of a chain in their order, with handles.
func (r *Reader) Rules(c Chain) ([]Rule, error) {
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
	rules = slices.Clone(rules)
	for i := range rules {
		rules[i].Chain = c
	}
	return rules, nil
}

// readRules has them decoded by the encoder, which knows all steps.
func (r *Reader) readRules(c Chain, f fact) ([]Rule, error) {
	if there, err := r.HasTable(c.Table); !there {
		return nil, err
	}
	encoder, err := r.c.newEncoder()
	if err != nil {
		return nil, err
	}
	r.settled = false
	found, err := encoder.GetRules(c.Table.encoded(), c.encoded())
	if ok, err := r.c.outcome(err); !ok {
		return nil, err
	}
	var rules []Rule
	for _, n := range found {
		rules = append(rules, Rule{Exprs: n.Exprs, Comment: ruleComment(n.UserData), Handle: n.Handle})
	}
	if told, known := r.table(c.Table); known {
		r.keep(f, rules, rules == nil, told)
	}
	return rules, nil
}

// HasRule says whether the rule's chain has it: one with the same comment that does the same.
func (r *Reader) HasRule(rule Rule) (bool, error) {
	rules, err := r.Rules(rule.Chain)
	return slices.ContainsFunc(rules, rule.equal), err
}
