package nft

import (
	"errors"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
)

// IsMisplaced reports whether a chain of that name exists that the kernel calls elsewhere.
func (r *Reader) IsMisplaced(c Chain) (bool, error) {
	there, err := r.Chain(c.Table, c.Name)
	if err != nil || there == nil {
		return false, err
	}
	kind := func(c Chain) string {
		if c.Hook != None && c.Type == "" {
			return typeFilterChain
		}
		return c.Type
	}
	return there.Hook != c.Hook || c.Hook != None && (there.Priority != c.Priority ||
		kind(*there) != kind(c) || there.Drop != c.Drop), nil
}

// IsInUse reports whether a base chain exists where the kernel calls it, and has that number of
// rules; AnyRules stands for every number but none. It reads no rules.
func (r *Reader) IsInUse(c Chain, rules int) (bool, error) {
	elsewhere, err := r.IsMisplaced(c)
	if err != nil || elsewhere {
		return false, err
	}
	there, err := r.Chain(c.Table, c.Name)
	if err != nil || there == nil {
		return false, err
	}
	return there.Uses == rules || rules == AnyRules && there.Uses > 0, nil
}

// AnyRules is a number of rules for IsInUse.
const AnyRules = -1

// misplaced returns those of the chains that a batch makes that exist elsewhere.
func (tx *Tx) misplaced() (map[chainName]bool, error) {
	found := map[chainName]bool{}
	for c := range tx.chains {
		elsewhere, err := tx.IsMisplaced(c)
		if err != nil {
			return nil, err
		}
		if elsewhere && c.Hook != None {
			found[c.id()] = true
		}
	}
	return found, nil
}

// chainName identifies a chain.
type chainName struct {
	table Table
	name  string
}

func (c Chain) id() chainName { return chainName{c.Table, c.Name} }

// refusesChain reports whether an error may be that of a base chain that exists elsewhere.
func refusesChain(err error) bool {
	return errors.Is(err, ErrUnsupported) || errors.Is(err, ErrExists)
}

// replace deletes a chain before it is made again. Its rules are those of a chain that had no
// effect, and are not kept.
func (tx *Tx) replace(c Chain) {
	named := Chain{Table: c.Table, Name: c.Name}.encoded()
	tx.encode(func(e *nftables.Conn) error { e.FlushChain(named); return nil })
	tx.encode(func(e *nftables.Conn) error { e.DelChain(named); return nil })
}

// EndsAlways reports whether no packet passes the rule: it has no condition, and a verdict that
// ends the evaluation of its chain.
func (r Rule) EndsAlways() bool {
	for _, step := range r.Exprs {
		switch v := step.(type) {
		case *expr.Counter, *expr.Log:
		case *expr.Verdict:
			return v.Kind != expr.VerdictJump && v.Kind != expr.VerdictContinue
		case *expr.Reject:
			return true
		default:
			return false
		}
	}
	return false
}
