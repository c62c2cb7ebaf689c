package portmap

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"syscall"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/host/nft"
	"github.com/libcni/libcni/core/internal/host/rtnl"
	"github.com/libcni/libcni/core/internal/host/sysctl"
	"github.com/libcni/libcni/core/internal/kit"
	"github.com/libcni/libcni/core/plugin"
)

// comparison is a CHECK under way.
type comparison struct {
	*plan
	reader *nft.Reader
	found  []fault.Drift
	names  map[string]string // of the ports, by what claims them; there may be thousands
}

// Check compares every rule and element with the plan, and the settings that belong to them.
func (portmap) Check(ctx context.Context, inv *plugin.Invocation) error {
	found, _, err := compare(ctx, inv)
	if err != nil {
		return err
	}
	return fault.NewDrift(found)
}

// compare returns what differs from the plan; no plan where nothing is published.
func compare(ctx context.Context, inv *plugin.Invocation) ([]fault.Drift, *plan, error) {
	c, err := parse(inv.Config)
	if err != nil {
		return nil, nil, err
	}
	if inv.PrevResult == nil {
		return nil, nil, fault.InvalidConfig("prevResult", "prevResult: portmap needs the result of the ADD")
	}
	if len(c.mappings) == 0 {
		return nil, nil, nil
	}
	p, err := newPlan(c, inv)
	if err != nil {
		return nil, nil, err
	}
	link, unreachable := linkTo(ctx, inv, p.localAddress())
	k := &comparison{plan: p}
	if err := nft.View(ctx, func(r *nft.Reader) error {
		k.reader, k.found = r, nil
		k.expect(link)
		if err := k.rules(); err != nil {
			return err
		}
		return k.records(link)
	}); err != nil {
		return nil, nil, err
	}
	return k.found, p, k.settings(ctx, c, inv, link, unreachable)
}

// expect has all elements asked for at once.
func (k *comparison) expect(link string) {
	expectKeys(k.reader, k.items())
	k.reader.Prefetch(owners(), ownerKey(k.owner))
	if link != "" {
		k.reader.Prefetch(localnet(link), nft.Addr(k.localAddress()))
	}
}

func (k *comparison) differs(object, expected, actual string) {
	if expected != actual {
		k.found = append(k.found, fault.Drift{Plugin: pluginType, Object: object, Expected: expected, Actual: actual})
	}
}

func (k *comparison) missing(object string) { k.differs(object, "present", "missing") }

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
	if err := k.present(rules); err != nil {
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
		k.missing(object)
	case have.Hook != want.Hook || have.Type != want.Type || have.Priority != want.Priority || have.Drop:
		k.differs(object, "as it was made", "another kind of chain")
	}
	return nil
}

func (k *comparison) sets(wanted []nft.Set) error {
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
			k.missing("set " + s.Name)
		}
	}
	return nil
}

// present looks for rules. Each chain is read once.
func (k *comparison) present(wanted []nft.Rule) error {
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
		count[w.Chain.Name]++
		found := false
		for _, h := range have {
			found = found || h.Comment == w.Comment && h.Same(w)
		}
		if !found {
			k.missing(fmt.Sprintf("rule %d of chain %s", count[w.Chain.Name], w.Chain.Name))
		}
	}
	return nil
}

func (k *comparison) elements() error {
	items := k.items()
	for _, group := range grouped(items) {
		look := finder(k.reader, len(group))
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

// records looks for what DEL goes by: that the attachment has elements, and that its address needs the link's
// route_localnet, where that is ours to take back.
func (k *comparison) records(link string) error {
	counted, err := k.reader.Find(owners(), ownerKey(k.owner))
	if err != nil {
		return err
	}
	if counted == nil {
		k.missing("element of " + nft.DescribeOwner(k.owner.Comment()) + " of set " + owners().Name)
	}
	if link == "" {
		return nil
	}
	ours, err := k.reader.HasSet(localnet(link))
	if err != nil || !ours {
		return err
	}
	return k.one(k.routed(link))
}

// one compares an element alone.
func (k *comparison) one(want item) error {
	have, err := k.reader.Find(want.set, want.element.Key)
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
		k.differs(object, expected, "missing")
	case isMap:
		actual, _ := redirected(item{want.set, *have})
		k.differs(object, expected, actual.to.String())
	}
	if have != nil && !k.owner.Owns(have.Comment) {
		k.differs(object+" owner", nft.DescribeOwner(k.owner.Comment()), nft.DescribeOwner(have.Comment))
	}
}

// describe names an element as nft lists it.
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

// nameKey tells a port with a host address from one without, whose key may have the same bytes.
func nameKey(i item) string { return string(append([]byte{byte(len(i.set.Key))}, i.element.Key...)) }

func setDefault(m map[string]string, key, value string) {
	if _, found := m[key]; !found {
		m[key] = value
	}
}

// leadsNowhere reports whether the kernel has no way to an address, or a prohibited one, as against one that it could not
// be asked for.
func leadsNowhere(err error) bool {
	for _, answer := range []error{syscall.ENETUNREACH, syscall.EHOSTUNREACH, syscall.EACCES, syscall.EINVAL, rtnl.ErrNotFound} {
		if errors.Is(err, answer) {
			return true
		}
	}
	return false
}

// settings compares what is set beside the rules.
func (k *comparison) settings(ctx context.Context, c *config, inv *plugin.Invocation, link string, unreachable error) error {
	if leadsNowhere(unreachable) {
		k.differs("route to "+k.localAddress().String(), "present", unreachable.Error())
	} else if unreachable != nil {
		return unreachable
	} else if link != "" {
		value, err := sysctl.Get(routeLocalnet(link))
		if err != nil {
			return err
		}
		k.differs("sysctl net/"+routeLocalnet(link), "1", value)
	}
	if !c.masquerades() {
		return nil
	}
	port, err := reflectable(ctx, inv)
	if err != nil {
		return err
	}
	if port != nil && !port.Port.Hairpin {
		k.differs("link "+port.Name+" hairpin", "true", "false")
	}
	return nil
}

// madeByUs reports whether a link is a bridge that the built-in bridge made, by the alias it gives: its route_localnet
// is nobody else's.
func madeByUs(ctx context.Context, inv *plugin.Invocation, name string) (bool, error) {
	if name == "" {
		return false, nil
	}
	host, err := kit.Host(ctx, inv)
	if err != nil {
		return false, err
	}
	link, err := host.LinkByName(ctx, name)
	if errors.Is(err, rtnl.ErrNotFound) {
		return false, nil
	}
	return err == nil && link.Alias == "libcni", err
}

// Repair makes what CHECK misses, in one batch.
func (portmap) Repair(ctx context.Context, inv *plugin.Invocation) error {
	found, p, err := compare(ctx, inv)
	if err != nil || len(found) == 0 {
		return err
	}
	c, err := parse(inv.Config)
	if err != nil {
		return err
	}
	link, err := linkTo(ctx, inv, p.localAddress())
	if err != nil {
		return err
	}
	made, err := madeByUs(ctx, inv, link)
	if err != nil {
		return err
	}
	if err := nft.Update(ctx, inv.StateDir, func(tx *nft.Tx) error {
		own, err := tracked(tx.Reader, link)
		if err != nil {
			return err
		}
		if made { // what said that it is ours may have gone with the rules
			own = link
		}
		return p.apply(tx, own, true)
	}); err != nil {
		return err
	}
	if err := settle(ctx, c, p, inv, link); err != nil {
		return err
	}
	still, _, err := compare(ctx, inv)
	for _, d := range found {
		if !slices.Contains(still, d) {
			inv.Repaired(d.Object)
		}
	}
	return err
}
