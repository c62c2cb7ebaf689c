package firewall

import (
	"fmt"
	"slices"

	"github.com/libcni/libcni/core/internal/host/nft"
	"github.com/libcni/libcni/core/internal/kit/drift"
)

// policyExists reports whether exactly the rules of the attachment's policy are in place. The base
// rules count among them, since their order decides what a policy applies to.
func (a *attachment) policyExists(r *nft.Reader, c content) (bool, error) {
	if a.bridge == "" {
		return true, nil
	}
	base, err := r.Rules(baseChain())
	if err != nil || !slices.EqualFunc(distinct(base), baseRules(), same) {
		return false, err
	}
	for _, rule := range c.rules {
		if exists, err := hasRule(r, rule); err != nil || !exists {
			return false, err
		}
	}
	outdated, err := a.outdated(r, c)
	return len(outdated) == 0, err
}

// outdated returns the rules of the network that belong to another policy, or to a policy as an
// earlier version of libcni made it. An attachment without policy says nothing about the network's.
func (a *attachment) outdated(r *nft.Reader, c content) ([]nft.Rule, error) {
	if a.bridge == "" {
		return nil, nil
	}
	var found []nft.Rule
	comment := network(a.owner.Network).comment()
	for _, chain := range policyChains() {
		rules, err := r.Rules(chain)
		if err != nil {
			return nil, err
		}
		for _, rule := range rules {
			if rule.Comment == comment && !contains(c.in(chain), rule) {
				found = append(found, rule)
			}
		}
	}
	return found, nil
}

// in returns the rules of a chain.
func (c content) in(chain nft.Chain) []nft.Rule {
	return slices.DeleteFunc(slices.Clone(c.rules), func(r nft.Rule) bool {
		return r.Chain.Table != chain.Table || r.Chain.Name != chain.Name
	})
}

func (a *attachment) queueOutdatedRemoval(tx *nft.Tx, c content) error {
	rules, err := a.outdated(tx.Reader, c)
	if err == nil {
		tx.DeleteRules(rules...)
	}
	return err
}

func (a *attachment) checkOutdated(r *nft.Reader, c content, list *drift.List) error {
	rules, err := a.outdated(r, c)
	for _, rule := range rules {
		list.Differs(fmt.Sprintf("%s, handle %d", describeRule(rule), rule.Handle), "missing",
			"present")
	}
	return err
}
