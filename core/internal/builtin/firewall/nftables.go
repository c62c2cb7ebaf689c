package firewall

import (
	"context"
	"slices"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/host/nft"
	"github.com/libcni/libcni/core/plugin"
)

// nftables is the backend that keeps its rules in libcni's tables, and accepting rules in the chain FORWARD that iptables
// has in nftables.
type nftables struct{ inv *plugin.Invocation }

func (b nftables) status(ctx context.Context) error {
	return noNFTables(nft.View(ctx, func(r *nft.Reader) error { return warnOfDrops(r, b.inv) }))
}

func (b nftables) add(ctx context.Context, a *attachment) error {
	return noNFTables(nft.Update(ctx, b.inv.StateDir, a.queueAdd))
}

func (b nftables) repair(ctx context.Context, a *attachment) error {
	return noNFTables(nft.Update(ctx, b.inv.StateDir, a.queueRepair))
}

func (b nftables) check(ctx context.Context, a *attachment) ([]fault.Drift, error) {
	var found []fault.Drift
	err := nft.View(ctx, func(r *nft.Reader) (err error) {
		found, err = a.checkTables(r)
		return err
	})
	return found, noNFTables(err)
}

func (b nftables) remove(ctx context.Context, t target) (removal, error) {
	var gone removal
	err := nft.Update(ctx, b.inv.StateDir, func(tx *nft.Tx) (err error) {
		gone, err = t.sweep(tx)
		return err
	})
	if err != nil {
		return removal{}, ignoreUnsupported(err)
	}
	if addresses := gone.byReference(); len(addresses) > 0 {
		err = nft.Update(ctx, b.inv.StateDir, func(tx *nft.Tx) error { return removeReferenceRules(tx, addresses) })
	}
	return gone, ignoreUnsupported(err)
}

// queueAdd queues the changes that bring the attachment's rules to the desired state. An element of another attachment
// at one of the addresses becomes this one's: the IPAM plugin knows who has the address now.
func (a *attachment) queueAdd(tx *nft.Tx) error {
	c := a.content()
	c.prefetch(tx.Reader)
	complete, err := a.networkExists(tx.Reader, c)
	if err != nil {
		return err
	}
	if !complete {
		if err := a.queueShared(tx, c); err != nil {
			return err
		}
	}
	for _, m := range c.elements {
		if err := a.put(tx, m); err != nil {
			return err
		}
	}
	return a.queuePairs(tx)
}

// queueRepair is queueAdd for a repair, which looks at what exists more closely and leaves others' elements.
func (a *attachment) queueRepair(tx *nft.Tx) error {
	c := a.content()
	c.prefetch(tx.Reader)
	if err := a.queueShared(tx, c); err != nil {
		return err
	}
	for _, m := range c.elements {
		e, err := tx.Find(m.set, m.key)
		if err != nil {
			return err
		}
		if e != nil && m.own && !a.owner.Owns(e.Comment) {
			continue
		}
		if err := a.put(tx, m); err != nil {
			return err
		}
	}
	return a.queuePairs(tx)
}

// networkExists reports whether the network's sets are there. Its rules were made in the same batch, so that another
// container of the network does not look at them.
func (a *attachment) networkExists(r *nft.Reader, c content) (bool, error) {
	admin := adminChain(a.AdminChain)
	chain, err := r.Chain(admin.Table, admin.Name)
	if err != nil || chain == nil {
		return false, err
	}
	for _, s := range c.sets {
		if exists, err := r.HasSet(s); err != nil || !exists {
			return false, err
		}
	}
	return true, nil
}

// queueShared queues the objects that all containers share, and those that the network's containers share.
func (a *attachment) queueShared(tx *nft.Tx, c content) error {
	tx.Ensure(baseChain())
	for _, inner := range innerChains() {
		tx.Ensure(inner)
	}
	tx.Ensure(adminChain(a.AdminChain))
	if err := queueBaseRules(tx); err != nil {
		return err
	}
	for _, s := range c.sets {
		tx.Ensure(s)
	}
	for _, r := range c.rules {
		tx.Ensure(r.Chain)
		if err := ensureRule(tx, r); err != nil {
			return err
		}
	}
	return nil
}

// queueBaseRules makes baseRules the only rules of their chain, in their order. Administrators have a chain of their own.
func queueBaseRules(tx *nft.Tx) error {
	have, err := tx.Rules(baseChain())
	if err != nil || slices.EqualFunc(have, baseRules(), same) {
		return err
	}
	tx.FlushChain(baseChain())
	for _, r := range baseRules() {
		tx.AddRule(r)
	}
	return nil
}

// ensureRule queues a rule that is missing. Several rules of a network have the same comment.
func ensureRule(tx *nft.Tx, r nft.Rule) error {
	exists, err := hasRule(tx.Reader, r)
	if err == nil && !exists {
		tx.AddRule(r)
	}
	return err
}

func hasRule(r *nft.Reader, want nft.Rule) (bool, error) {
	have, err := r.Rules(want.Chain)
	return contains(have, want), err
}

func contains(have []nft.Rule, want nft.Rule) bool {
	return slices.ContainsFunc(have, func(r nft.Rule) bool { return same(r, want) })
}

func same(a, b nft.Rule) bool { return a.Comment == b.Comment && a.Same(b) }

func (a *attachment) put(tx *nft.Tx, m member) error {
	e := nft.Element{Key: m.key}
	if m.own {
		e.Comment = a.owner.Comment()
	}
	return tx.Put(m.set, e)
}

// checkTables returns the differences in libcni's tables and in the host's chains.
func (a *attachment) checkTables(r *nft.Reader) ([]fault.Drift, error) {
	c := a.content()
	c.prefetch(r)
	found, err := checkBase(r)
	if err != nil {
		return nil, err
	}
	for _, rule := range c.rules {
		exists, err := hasRule(r, rule)
		if err != nil {
			return nil, err
		}
		if !exists {
			found = append(found, drift(present, missing, "nftables rule %q in chain %s", rule.Comment, rule.Chain.Name))
		}
	}
	for _, m := range c.elements {
		d, err := a.checkElement(r, m)
		if err != nil {
			return nil, err
		}
		found = append(found, d...)
	}
	pairs, err := a.checkPairs(r)
	return append(found, pairs...), err
}

// checkBase returns the differences of the base chain and its rules.
func checkBase(r *nft.Reader) ([]fault.Drift, error) {
	c := baseChain()
	chain, err := r.Chain(c.Table, c.Name)
	if err != nil {
		return nil, err
	}
	have, err := r.Rules(c)
	if err != nil {
		return nil, err
	}
	var found []fault.Drift
	if chain != nil && (chain.Hook != c.Hook || chain.Priority != c.Priority || chain.Drop) {
		found = append(found, drift("at the hook forward, priority 0, policy accept", "another kind", "nftables chain %s", c.Name))
	}
	return append(found, checkBaseRules(have)...), nil
}

// checkBaseRules compares the rules of the base chain, which has no others.
func checkBaseRules(have []nft.Rule) []fault.Drift {
	var found []fault.Drift
	want, name := baseRules(), baseChain().Name
	for _, rule := range want {
		if !contains(have, rule) {
			found = append(found, drift(present, missing, "nftables rule %q in chain %s", rule.Comment, name))
		}
	}
	for _, rule := range have {
		if !contains(want, rule) {
			found = append(found, drift(missing, present, "nftables rule %q, handle %d in chain %s", rule.Comment, rule.Handle, name))
		}
	}
	if len(found) == 0 && !slices.EqualFunc(have, want, same) {
		found = append(found, drift("in order", "in another order", "nftables rules of chain %s", name))
	}
	return found
}

func (a *attachment) checkElement(r *nft.Reader, m member) ([]fault.Drift, error) {
	e, err := r.Find(m.set, m.key)
	if err != nil {
		return nil, err
	}
	switch {
	case e == nil:
		return []fault.Drift{drift(present, missing, "nftables set %s element %s", m.set.Name, m.text)}, nil
	case m.own && !a.owner.Owns(e.Comment):
		return []fault.Drift{drift("for "+nft.DescribeOwner(a.owner.Comment()), "for "+nft.DescribeOwner(e.Comment),
			"nftables set %s element %s", m.set.Name, m.text)}, nil
	}
	return nil, nil
}
