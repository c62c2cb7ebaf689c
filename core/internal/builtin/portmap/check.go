package portmap

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/host/nft"
	"github.com/libcni/libcni/core/internal/kit"
	"github.com/libcni/libcni/core/internal/kit/drift"
	"github.com/libcni/libcni/core/internal/kit/filter"
	"github.com/libcni/libcni/core/plugin"
)

// comparison is a CHECK in progress.
type comparison struct {
	drift.List
	*plan
	inv    *plugin.Invocation
	config *config
	reader *nft.Reader
}

// Check compares every rule and element with the plan, and the settings that the rules need.
func (portmap) Check(ctx context.Context, inv *plugin.Invocation) error {
	k, err := compare(ctx, inv)
	if err != nil {
		return err
	}
	return fault.NewDrift(k.Found)
}

// compare returns the differences from the plan. Without published ports there are no differences.
func compare(ctx context.Context, inv *plugin.Invocation) (*comparison, error) {
	c, err := parse(inv.Config)
	if err != nil {
		return nil, err
	}
	if inv.PrevResult == nil {
		return nil, fault.InvalidConfig("prevResult",
			"prevResult: portmap needs the result of the ADD")
	}
	k := &comparison{List: drift.List{Plugin: pluginType}, inv: inv, config: c}
	if len(c.mappings) == 0 {
		return k, nil
	}
	if k.plan, err = newPlan(c, inv); err != nil {
		return nil, err
	}
	if err := nft.View(ctx, func(r *nft.Reader) error {
		k.reader, k.Found = r, nil
		k.prefetch()
		ineffective, err := filter.CheckChains(r, k.chains()...)
		if err != nil {
			return err
		}
		k.Add(ineffective)
		if err := k.form(); err != nil {
			return err
		}
		return k.rules()
	}); err != nil {
		return nil, err
	}
	return k, k.settings(ctx)
}

// prefetch looks up all elements in one request.
func (k *comparison) prefetch() {
	if numberOf(k.ports) <= maxLookups {
		prefetch(k.reader, k.items())
	}
	k.reader.Prefetch(owners().Set, ownerKey(k.owner))
}

// form looks for the counter, on which DEL depends, and learns from it which version attached.
func (k *comparison) form() error {
	k.earlier = false
	counter, err := k.reader.Find(owners().Set, ownerKey(k.owner))
	if err != nil {
		return err
	}
	if counter == nil {
		k.Missing("element of " + nft.DescribeOwner(k.owner.Comment()) + " of set " + owners().Name)
		return nil
	}
	_, k.earlier = elementCount(*counter)
	return nil
}

func (k *comparison) rules() error {
	current, err := k.reader.HasSet(linked(v4).Set)
	if err != nil {
		return err
	}
	chains, sets, rules := common(k.earlier && !current)
	for _, c := range chains {
		if err := k.chain(c); err != nil {
			return err
		}
	}
	for _, t := range k.used() {
		if suffix := k.suffix[t.family]; suffix != "" {
			sets = append(sets, oneHost(t.family, suffix), anyHost(t.family, suffix))
			rules = append(rules, conditional(t.family, k.owner.Network, k.plan.rules[t.family])...)
			rules = append(rules, translating(t.family, suffix)...)
		}
		for _, proto := range k.protocolsOfRanges(t.family) {
			more, lookups := ranges(t.family, proto, k.suffix[t.family])
			sets, rules = append(sets, more...), append(rules, lookups...)
		}
		if len(t.sources) > 0 {
			sets = append(sets, masqueraded(t.family, k.owner.Network, t.sources))
			rules = append(rules, masquerade(t.family, k.owner.Network, t.sources)...)
		}
	}
	if err := k.sets(sets); err != nil {
		return err
	}
	if err := k.hasRules(rules); err != nil {
		return err
	}
	return k.elements()
}

func (k *comparison) chain(want nft.Chain) error {
	have, err := k.reader.Chain(want.Table, want.Name)
	if err != nil {
		return err
	}
	k.Is(have != nil, "chain "+want.Name, "present", "missing")
	return nil
}

func (k *comparison) sets(wanted []set) error {
	names, err := k.reader.SetNames(table())
	if err != nil {
		return err
	}
	have := map[string]bool{}
	for _, name := range names {
		have[name] = true
	}
	for _, s := range wanted {
		if !have[s.Name] {
			k.Missing("set " + s.Name)
		}
	}
	return nil
}

// hasRules looks for rules. It reads each chain once.
func (k *comparison) hasRules(wanted []nft.Rule) error {
	read := map[string][]nft.Rule{}
	count := map[string]int{}
	for _, w := range wanted {
		have, known := read[w.Chain.Name]
		if !known {
			var err error
			if have, err = k.reader.Rules(w.Chain); err != nil {
				return err
			}
			read[w.Chain.Name] = have
		}
		w = w.Prepared()
		count[w.Chain.Name]++
		found := false
		for _, h := range have {
			found = found || h.Comment == w.Comment && h.Same(w)
		}
		if !found {
			k.Missing(fmt.Sprintf("rule %d of chain %s", count[w.Chain.Name], w.Chain.Name))
		}
	}
	return nil
}

func (k *comparison) elements() error {
	items := k.items()
	for _, group := range grouped(items) {
		look := newLookup(k.reader, len(group))
		for _, want := range group {
			have, err := look.find(want.set, want.element.Key)
			if err != nil {
				return err
			}
			k.element(want, have)
		}
	}
	return nil
}

func (k *comparison) element(want item, have *nft.Element) {
	isOwn := have != nil && k.owns(have.Comment, want.element.Comment)
	if isOwn && have.SameValue(want.element) {
		return
	}
	if want.set.role == links && have != nil { // a record, which says nothing of the ports
		return
	}
	p, isMap := redirected(want)
	object := "element " + k.describe(want) + " of set " + want.set.Name
	expected := "present"
	if isMap {
		expected = p.to.String()
	}
	switch {
	case have == nil:
		k.Differs(object, expected, "missing")
	case isMap:
		actual, _ := redirected(item{want.set, *have})
		k.Differs(object, expected, actual.to.String())
	}
	if have != nil && !isOwn {
		k.Differs(object+" owner", nft.DescribeOwner(k.owner.Comment()),
			nft.DescribeOwner(have.Comment))
	}
	if have != nil && isOwn && !bytes.Equal(have.Last, want.element.Last) {
		actual, _ := decoded(item{want.set, *have})
		k.Differs(object+" range", k.describe(want), actual.String())
	}
}

// describe names an element.
func (k *comparison) describe(i item) string {
	if i.set.role == redirects || i.set.role == portClaims {
		p, _ := decoded(i)
		return p.String()
	}
	addr, _ := netip.AddrFromSlice(i.element.Key)
	return addr.String()
}

// settings compares the settings that the rules need.
func (k *comparison) settings(ctx context.Context) error {
	if k.servesLoopback() && !k.earlier {
		host, err := kit.Host(ctx, k.inv)
		if err != nil {
			return err
		}
		there, err := hasStandIn(ctx, host)
		if err != nil {
			return err
		}
		if !there {
			k.Missing("route local " + loopbackStandIn().String())
		}
	}
	if !k.config.masquerades() {
		return nil
	}
	port, err := hairpinPort(ctx, k.inv)
	if err != nil {
		return err
	}
	if port != nil && !port.Port.Hairpin {
		k.Differs("link "+port.Name+" hairpin", "true", "false")
	}
	return nil
}
