package portmap

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"syscall"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/host/nft"
	"github.com/libcni/libcni/core/internal/host/rtnl"
	"github.com/libcni/libcni/core/internal/host/sysctl"
	"github.com/libcni/libcni/core/internal/kit/drift"
	"github.com/libcni/libcni/core/plugin"
)

// comparison is a CHECK in progress.
type comparison struct {
	drift.List
	*plan
	inv    *plugin.Invocation
	config *config
	reader *nft.Reader
	names  map[string]string // of the ports, by nameKey of their claims; there may be thousands
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
	link, unreachable := linkTo(ctx, inv, k.localAddress())
	if err := nft.View(ctx, func(r *nft.Reader) error {
		k.reader, k.Found = r, nil
		k.prefetch(link)
		if err := k.rules(); err != nil {
			return err
		}
		return k.records(link)
	}); err != nil {
		return nil, err
	}
	return k, k.settings(ctx, link, unreachable)
}

// prefetch looks up all elements in one request.
func (k *comparison) prefetch(link string) {
	prefetch(k.reader, k.items())
	k.reader.Prefetch(owners().Set, ownerKey(k.owner))
	if link != "" {
		k.reader.Prefetch(localnet(link).Set, nft.Addr(k.localAddress()))
	}
}

func (k *comparison) rules() error {
	chains, sets, rules := common()
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
	object := "chain " + want.Name
	switch {
	case have == nil:
		k.Missing(object)
	case have.Hook != want.Hook || have.Type != want.Type || have.Priority != want.Priority ||
		have.Drop:
		k.Differs(object, "its type, hook, priority and policy", "other ones")
	}
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

// records looks for the elements that DEL depends on: the counter, and the container's use of the
// link's route_localnet where that is ours to turn off.
func (k *comparison) records(link string) error {
	counted, err := k.reader.Find(owners().Set, ownerKey(k.owner))
	if err != nil {
		return err
	}
	if counted == nil {
		k.Missing("element of " + nft.DescribeOwner(k.owner.Comment()) + " of set " + owners().Name)
	}
	if link == "" {
		return nil
	}
	ours, err := k.reader.HasSet(localnet(link).Set)
	if err != nil || !ours {
		return err
	}
	want := k.routed(link)
	have, err := k.reader.Find(want.set.Set, want.element.Key)
	if err == nil {
		k.element(want, have)
	}
	return err
}

func (k *comparison) element(want item, have *nft.Element) {
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
	if have != nil && !k.owner.Owns(have.Comment) {
		k.Differs(object+" owner", nft.DescribeOwner(k.owner.Comment()),
			nft.DescribeOwner(have.Comment))
	}
}

// describe names an element.
func (k *comparison) describe(i item) string {
	if k.names == nil {
		k.names = map[string]string{}
		for _, p := range k.ports {
			setDefault(k.names, nameKey(p.claim()), p.String())
		}
	}
	if name, found := k.names[nameKey(i)]; found {
		return name
	}
	addr, _ := netip.AddrFromSlice(i.element.Key)
	return addr.String()
}

// nameKey distinguishes a port with a host address from one without, whose key may have the same
// bytes.
func nameKey(i item) string {
	return string(append([]byte{byte(len(i.set.Key))}, i.element.Key...))
}

func setDefault(m map[string]string, key, value string) {
	if _, found := m[key]; !found {
		m[key] = value
	}
}

// isUnreachable reports whether the kernel has no route to an address, or a prohibiting one. Other
// errors mean that the lookup failed.
func isUnreachable(err error) bool {
	for _, reason := range []error{
		syscall.ENETUNREACH, syscall.EHOSTUNREACH, syscall.EACCES, syscall.EINVAL, rtnl.ErrNotFound,
	} {
		if errors.Is(err, reason) {
			return true
		}
	}
	return false
}

// settings compares the settings that the rules need.
func (k *comparison) settings(ctx context.Context, link string, unreachable error) error {
	if isUnreachable(unreachable) {
		k.Differs("route to "+k.localAddress().String(), "present", unreachable.Error())
	} else if unreachable != nil {
		return unreachable
	} else if link != "" {
		value, err := sysctl.Get(routeLocalnet(link))
		if err != nil {
			return err
		}
		k.Differs("sysctl net/"+routeLocalnet(link), "1", value)
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
