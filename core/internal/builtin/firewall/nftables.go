package firewall

import (
	"context"
	"fmt"
	"slices"

	"github.com/libcni/libcni/core/internal/host/nft"
	"github.com/libcni/libcni/core/internal/kit/drift"
	"github.com/libcni/libcni/core/internal/kit/filter"
	"github.com/libcni/libcni/core/plugin"
)

// nftables is the backend that keeps its rules in libcni's tables, and accepting rules in the chain
// FORWARD that iptables has in nftables.
type nftables struct {
	inv *plugin.Invocation

	besideFirewalld bool // the configuration asks for nftables, also where firewalld runs
}

func (b nftables) status(ctx context.Context) error {
	var found findings
	err := nft.View(ctx, func(r *nft.Reader) (err error) {
		found, err = network(b.inv.Network).examineHost(r, b.besideFirewalld)
		return err
	})
	if err != nil {
		return noNFTables(err)
	}
	return found.report(b.inv)
}

func (b nftables) add(ctx context.Context, a *attachment) error {
	err := noNFTables(nft.Update(ctx, b.inv.StateDir, a.queueAdd))
	a.warn(b.inv)
	return err
}

func (b nftables) repair(ctx context.Context, a *attachment) error {
	return noNFTables(nft.Update(ctx, b.inv.StateDir, a.queueRepair))
}

func (b nftables) check(ctx context.Context, a *attachment, list *drift.List) error {
	var found drift.List
	err := nft.View(ctx, func(r *nft.Reader) error {
		found = drift.List{Plugin: list.Plugin}
		return a.checkTables(r, &found)
	})
	list.Found = append(list.Found, found.Found...)
	return noNFTables(err)
}

func (b nftables) remove(ctx context.Context, t target) (removal, error) {
	var gone removal
	err := nft.Update(ctx, b.inv.StateDir, func(tx *nft.Tx) (err error) {
		gone, err = t.sweep(tx)
		return err
	})
	if err != nil {
		return removal{}, filter.IgnoreUnsupported(err)
	}
	if addresses := gone.byReference(); len(addresses) > 0 {
		err = nft.Update(ctx, b.inv.StateDir,
			func(tx *nft.Tx) error { return removeReferenceRules(tx, addresses) })
	}
	return gone, filter.IgnoreUnsupported(err)
}

// queueAdd queues the changes that bring the attachment's rules to the desired state. An element of
// another attachment for one of the addresses is taken over: the IPAM plugin has assigned the
// address to this attachment.
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
	if err := a.queueAccepts(tx); err != nil {
		return err
	}
	return a.noteNative(tx.Reader)
}

// queueRepair is queueAdd for a repair: it checks every object, and keeps elements of other
// attachments.
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
	return a.queueAccepts(tx)
}

// networkExists reports whether the base chain is intact, and the network's sets and the rules of
// its policy, if it has one, exist. Other rules were created in the same batch as the sets and need
// no check for further containers of the network.
func (a *attachment) networkExists(r *nft.Reader, c content) (bool, error) {
	if intact, err := r.IsInUse(baseChain(), len(baseRules())); err != nil || !intact {
		return false, err
	}
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
	return a.policyExists(r, c)
}

// queueShared queues the objects that all containers share, and those that the network's containers
// share.
func (a *attachment) queueShared(tx *nft.Tx, c content) error {
	tx.Ensure(baseChain())
	for _, inner := range innerChains() {
		tx.Ensure(inner)
	}
	tx.Ensure(adminChain(a.AdminChain))
	if err := filter.MendChains(tx, c.chains()...); err != nil {
		return err
	}
	if err := queueBaseRules(tx); err != nil {
		return err
	}
	if err := a.queueOutdatedRemoval(tx, c); err != nil {
		return err
	}
	return c.queue(tx)
}

// queue queues the sets, and the rules that are missing.
func (c content) queue(tx *nft.Tx) error {
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

// queueBaseRules makes baseRules the only rules of their chain, in their order. The administrator's
// rules are in a separate chain.
func queueBaseRules(tx *nft.Tx) error {
	have, err := tx.Rules(baseChain())
	if err != nil || slices.EqualFunc(distinct(have), baseRules(), same) {
		return err
	}
	tx.FlushChain(baseChain())
	for _, r := range baseRules() {
		tx.AddRule(r)
	}
	return nil
}

// distinct leaves out rules that an earlier one repeats, as after a saved rule set was loaded over
// itself. They have no effect.
func distinct(rules []nft.Rule) (first []nft.Rule) {
	for _, r := range rules {
		if !contains(first, r) {
			first = append(first, r)
		}
	}
	return first
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
	want = want.Prepared()
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

// checkTables lists the differences in libcni's tables and in the host's chains.
func (a *attachment) checkTables(r *nft.Reader, list *drift.List) error {
	c := a.content()
	c.prefetch(r)
	if err := checkBase(r, list); err != nil {
		return err
	}
	ineffective, err := filter.CheckChains(r, c.chains()...)
	if err != nil {
		return err
	}
	list.Add(ineffective)
	if err := a.checkContent(r, c, list); err != nil {
		return err
	}
	if err := a.checkOutdated(r, c, list); err != nil {
		return err
	}
	return a.checkAccepts(r, list)
}

// checkContent lists the differences of rules and elements.
func (a *attachment) checkContent(r *nft.Reader, c content, list *drift.List) error {
	for _, rule := range c.rules {
		exists, err := hasRule(r, rule)
		if err != nil {
			return err
		}
		if !exists {
			list.Missing(describeRule(rule))
		}
	}
	for _, m := range c.elements {
		if err := a.checkElement(r, m, list); err != nil {
			return err
		}
	}
	return nil
}

func describeRule(r nft.Rule) string {
	return fmt.Sprintf("nftables rule %q in chain %s", r.Comment, r.Chain.Name)
}

// checkBase lists the differences of the base chain and its rules.
func checkBase(r *nft.Reader, list *drift.List) error {
	c := baseChain()
	misplaced, err := filter.CheckPlace(r, c)
	if err != nil {
		return err
	}
	list.Add(misplaced)
	have, err := r.Rules(c)
	if err != nil {
		return err
	}
	harmless, err := isHarmless(r, have)
	if err != nil || harmless {
		return err
	}
	checkBaseRules(have, list)
	return nil
}

// isHarmless reports whether the rules of the base chain are those of earlier builds, and no policy
// makes a difference between them and baseRules.
func isHarmless(r *nft.Reader, have []nft.Rule) (bool, error) {
	if !slices.EqualFunc(distinct(have), earlierBaseRules(), same) {
		return false, nil
	}
	policies, err := r.Rules(isolationChain())
	return len(policies) == 0, err
}

// checkBaseRules compares the rules of the base chain, which has no others.
func checkBaseRules(have []nft.Rule, list *drift.List) {
	known := len(list.Found)
	want, name := baseRules(), baseChain().Name
	for _, rule := range want {
		if !contains(have, rule) {
			list.Missing(describeRule(rule))
		}
	}
	for _, rule := range have {
		if !contains(want, rule) {
			list.Differs(
				fmt.Sprintf("nftables rule %q, handle %d in chain %s", rule.Comment, rule.Handle,
					name),
				"missing",
				"present",
			)
		}
	}
	if len(list.Found) == known && !slices.EqualFunc(distinct(have), want, same) {
		list.Differs("nftables rules of chain "+name, "in order", "in another order")
	}
}

func (a *attachment) checkElement(r *nft.Reader, m member, list *drift.List) error {
	e, err := r.Find(m.set, m.key)
	if err != nil {
		return err
	}
	object := fmt.Sprintf("nftables set %s element %s", m.set.Name, m.text)
	switch {
	case e == nil:
		list.Missing(object)
	case m.own && !a.owner.Owns(e.Comment):
		list.Differs(object, "for "+nft.DescribeOwner(a.owner.Comment()),
			"for "+nft.DescribeOwner(e.Comment))
	}
	return nil
}
