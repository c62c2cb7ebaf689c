package nft

import (
	"errors"
	"fmt"

	"github.com/google/nftables"
)

// Reader looks at the rules as they are. Of objects that are not there it returns nothing, and no error. It is valid
// until the function it was given to returns.
type Reader struct {
	c     *conn
	began uint32 // the generation
}

func newReader(c *conn) (*Reader, error) {
	c.interrupted = false
	generation, err := c.generation()
	return &Reader{c: c, began: generation}, err
}

// generation is the number of changes so far, of all processes in the network namespace.
func (c *conn) generation() (uint32, error) {
	g, err := c.nft.GetGen()
	if c.failed != nil {
		return 0, c.failed
	}
	if err != nil {
		return 0, fmt.Errorf("nftables: %w", err)
	}
	return g.ID, nil
}

func (r *Reader) changed() (bool, error) {
	if r.c.interrupted {
		return true, nil
	}
	now, err := r.c.generation()
	return now != r.began, err
}

// outcome settles the error of a reading: the kernel's goes before the decoder's, and what is not there is no error.
func (r *Reader) outcome(err error) (found bool, failed error) {
	switch {
	case r.c.interrupted:
		return false, ErrChanged
	case errors.Is(r.c.failed, ErrNotFound):
		return false, nil
	case r.c.failed != nil:
		return false, r.c.failed
	case err != nil:
		return false, fmt.Errorf("nftables: %w", err)
	}
	return true, nil
}

// HasTable says whether there is such a table.
func (r *Reader) HasTable(t Table) (bool, error) {
	_, err := r.c.nft.ListTableOfFamily(t.Name, nftables.TableFamily(t.Family))
	return r.outcome(err)
}

// Chain returns the chain of that name.
func (r *Reader) Chain(t Table, name string) (*Chain, error) {
	c, err := r.c.nft.ListChain(t.encoded(), name)
	if found, err := r.outcome(err); !found {
		return nil, err
	}
	chain := decodeChain(c, t)
	return &chain, nil
}

// Chains returns the chains of a table.
func (r *Reader) Chains(t Table) ([]Chain, error) {
	all, err := r.c.nft.ListChainsOfTableFamily(nftables.TableFamily(t.Family))
	if found, err := r.outcome(err); !found {
		return nil, err
	}
	var chains []Chain
	for _, c := range all {
		if c.Table != nil && c.Table.Name == t.Name {
			chains = append(chains, decodeChain(c, t))
		}
	}
	return chains, nil
}

func decodeChain(c *nftables.Chain, t Table) Chain {
	chain := Chain{Table: t, Name: c.Name}
	if c.Hooknum != nil {
		chain.Type, chain.Hook = string(c.Type), Hook(*c.Hooknum)+Prerouting
		if c.Priority != nil {
			chain.Priority = int(*c.Priority)
		}
		chain.Drop = c.Policy != nil && *c.Policy == nftables.ChainPolicyDrop
	}
	return chain
}

// SetNames returns the names of the sets and maps of a table.
func (r *Reader) SetNames(t Table) ([]string, error) {
	sets, err := r.c.nft.GetSets(t.encoded())
	if found, err := r.outcome(err); !found {
		return nil, err
	}
	var names []string
	for _, s := range sets {
		names = append(names, s.Name)
	}
	return names, nil
}

// HasSet says whether the table has a set of that name.
func (r *Reader) HasSet(s Set) (bool, error) {
	_, err := r.c.nft.GetSetByName(s.Table.encoded(), s.Name)
	return r.outcome(err)
}

// Find returns the element with the key; of an interval set, the one whose first key it is. One element is read, and
// not the set, but for interval sets.
func (r *Reader) Find(s Set, key []byte) (*Element, error) {
	if s.Interval {
		return r.findRange(s, key)
	}
	found, err := r.c.nft.FindSetElements(s.encoded(), []nftables.SetElement{{Key: key}})
	if ok, err := r.outcome(err); !ok {
		return nil, err
	}
	elements, err := s.decodeElements(found)
	if err != nil || len(elements) == 0 {
		return nil, err
	}
	return &elements[0], nil
}

func (r *Reader) findRange(s Set, key []byte) (*Element, error) {
	elements, err := r.Elements(s)
	for i, e := range elements {
		if string(e.Key) == string(key) {
			return &elements[i], err
		}
	}
	return nil, err
}

// Elements returns all elements of a set, the ranges of an interval set in ascending order.
func (r *Reader) Elements(s Set) ([]Element, error) {
	found, err := r.c.nft.GetSetElements(s.encoded())
	if ok, err := r.outcome(err); !ok {
		return nil, err
	}
	return s.decodeElements(found)
}

// Rules returns the rules of a chain in their order, with handles.
func (r *Reader) Rules(c Chain) ([]Rule, error) {
	found, err := r.c.nft.GetRules(c.Table.encoded(), c.encoded())
	if ok, err := r.outcome(err); !ok {
		return nil, err
	}
	var rules []Rule
	for _, f := range found {
		rules = append(rules, Rule{Chain: c, Exprs: f.Exprs, Comment: ruleComment(f.UserData), Handle: f.Handle})
	}
	return rules, nil
}

// HasRule says whether the rule's chain has it: one with the same comment that does the same.
func (r *Reader) HasRule(rule Rule) (bool, error) {
	rules, err := r.Rules(rule.Chain)
	for _, other := range rules {
		if rule.equal(other) {
			return true, err
		}
	}
	return false, err
}

// AtLeast returns the number of elements of a set that is not an interval set; of a large one, some dozens without
// reading all.
func (r *Reader) AtLeast(s Set) (int, error) { return peek(r.c.ctx, s) }
