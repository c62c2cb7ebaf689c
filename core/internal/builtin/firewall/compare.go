package firewall

import (
	"context"
	"fmt"
	"slices"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/host/firewalld"
	"github.com/libcni/libcni/core/internal/host/iptables"
	"github.com/libcni/libcni/core/internal/host/nft"
	"github.com/libcni/libcni/core/plugin"
)

const (
	present = "present"
	missing = "missing"
)

// compare returns what differs from what Add makes. It changes nothing.
func (a *attachment) compare(ctx context.Context, inv *plugin.Invocation, zones *firewalld.Conn) ([]fault.Drift, error) {
	if a.Backend == backendIPTables {
		return a.checkChains(ctx, inv)
	}
	var found []fault.Drift
	err := nft.View(ctx, func(r *nft.Reader) (err error) {
		found, err = a.check(r)
		return err
	})
	if err != nil {
		return nil, noNFTables(err)
	}
	older, err := a.checkLegacy(ctx, inv)
	if err != nil {
		return nil, err
	}
	sources, err := a.checkSources(ctx, zones)
	return slices.Concat(found, older, sources), err
}

func drift(expected, actual, object string, args ...any) fault.Drift {
	return fault.Drift{Plugin: pluginType, Object: fmt.Sprintf(object, args...), Expected: expected, Actual: actual}
}

// check compares the tables of libcni and the others' chains.
func (a *attachment) check(r *nft.Reader) ([]fault.Drift, error) {
	c := a.content()
	c.expect(r)
	found, err := checkForward(r)
	if err != nil {
		return nil, err
	}
	for _, rule := range c.rules {
		d, err := checkRule(r, rule)
		if err != nil {
			return nil, err
		}
		found = append(found, d...)
	}
	for _, m := range c.elements {
		d, err := a.checkElement(r, m)
		if err != nil {
			return nil, err
		}
		found = append(found, d...)
	}
	for _, f := range families() {
		lacking, place, err := a.foreignLack(r, f)
		if err != nil {
			return nil, err
		}
		found = append(found, foreignDrift(programName(f), place, lacking)...)
	}
	return found, nil
}

// checkForward compares the chain that all packets pass: it holds our rules, in their order, and no others.
func checkForward(r *nft.Reader) ([]fault.Drift, error) {
	c := forwardChain()
	there, err := r.Chain(c.Table, c.Name)
	if err != nil {
		return nil, err
	}
	have, err := r.Rules(c)
	if err != nil {
		return nil, err
	}
	var found []fault.Drift
	if there != nil && (there.Hook != c.Hook || there.Priority != c.Priority || there.Drop) {
		found = append(found, drift("at the hook forward, priority 0, policy accept", "another kind", "nftables chain %s", c.Name))
	}
	want := forwardRules()
	for _, rule := range want {
		if !slices.ContainsFunc(have, func(o nft.Rule) bool { return same(o, rule) }) {
			found = append(found, drift(present, missing, "nftables rule %q in chain %s", rule.Comment, c.Name))
		}
	}
	for _, rule := range have {
		if !slices.ContainsFunc(want, func(o nft.Rule) bool { return same(o, rule) }) {
			found = append(found, drift(missing, present, "nftables rule %q, handle %d in chain %s", rule.Comment, rule.Handle, c.Name))
		}
	}
	if len(found) == 0 && !slices.EqualFunc(have, want, same) {
		found = append(found, drift("in order", "in another order", "nftables rules of chain %s", c.Name))
	}
	return found, nil
}

func checkRule(r *nft.Reader, rule nft.Rule) ([]fault.Drift, error) {
	have, err := r.Rules(rule.Chain)
	if err != nil || slices.ContainsFunc(have, func(o nft.Rule) bool { return same(o, rule) }) {
		return nil, err
	}
	return []fault.Drift{drift(present, missing, "nftables rule %q in chain %s", rule.Comment, rule.Chain.Name)}, nil
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

func foreignDrift(program string, place opening, lacking []nft.IptablesRule) []fault.Drift {
	var found []fault.Drift
	for _, rule := range lacking {
		found = append(found, drift(present, missing, "%s rule -A %s %s", program, place.chain, iptables.Line(words(rule)...)))
	}
	return found
}

func (a *attachment) checkLegacy(ctx context.Context, inv *plugin.Invocation) ([]fault.Drift, error) {
	var found []fault.Drift
	for _, f := range a.older {
		l, err := readLegacy(ctx, inv, f)
		if err != nil {
			return nil, err
		}
		if l == nil {
			continue
		}
		lacking, place, err := a.legacyLack(l)
		if err != nil {
			return nil, err
		}
		found = append(found, foreignDrift(programName(f)+"-legacy", place, lacking)...)
	}
	return found, nil
}

func (a *attachment) checkSources(ctx context.Context, zones *firewalld.Conn) ([]fault.Drift, error) {
	if zones == nil {
		return nil, nil
	}
	var found []fault.Drift
	for _, p := range a.addresses {
		there, err := zones.HasSource(ctx, a.Zone, p.Addr())
		if err != nil {
			return nil, err
		}
		if !there {
			found = append(found, drift(present, missing, "firewalld zone %s source %s", a.Zone, p.Addr()))
		}
	}
	return found, nil
}
