package bridge

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"

	types100 "github.com/containernetworking/cni/pkg/types/100"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/host/rtnl"
	"github.com/libcni/libcni/core/internal/host/sysctl"
	"github.com/libcni/libcni/core/internal/kit"
	"github.com/libcni/libcni/core/plugin"
)

// comparison is a CHECK under way: it collects what differs and goes on.
type comparison struct {
	*config
	inv       *plugin.Invocation
	was       record
	host      *rtnl.Conn
	container *rtnl.Conn
	found     []fault.Drift
}

// Check compares everything that Add made, and what it needed to be there, with what the kernel holds.
func (bridge) Check(ctx context.Context, inv *plugin.Invocation) error {
	k, err := newComparison(ctx, inv)
	if err != nil {
		return err
	}
	if err := k.compare(ctx); err != nil {
		return err
	}
	return k.verdict(delegate(ctx, k.config, inv, plugin.Check))
}

// compare looks at everything but what the address plugin holds.
func (k *comparison) compare(ctx context.Context) error {
	master, err := k.bridge(ctx)
	if err != nil {
		return err
	}
	end, err := k.pair(ctx, master)
	if err != nil {
		return err
	}
	if err := k.contents(ctx, end); err != nil {
		return err
	}
	if err := k.gateway(ctx, master); err != nil {
		return err
	}
	return k.rules(ctx)
}

func newComparison(ctx context.Context, inv *plugin.Invocation) (*comparison, error) {
	c, err := parse(inv.Config)
	if err != nil {
		return nil, err
	}
	if inv.PrevResult == nil {
		return nil, fault.InvalidConfig("prevResult", "prevResult: CHECK needs the result of the ADD")
	}
	value, err := inv.PrevResult.Value()
	if err != nil {
		return nil, fault.InvalidConfig("prevResult", "prevResult: %v", err)
	}
	if inv.Netns == nil {
		return nil, fault.InvalidRequest("netns", "netns: bridge needs the container's network namespace")
	}
	k := &comparison{config: c, inv: inv, was: record{value}}
	if k.host, err = kit.Host(ctx, inv); err != nil {
		return nil, err
	}
	k.container, err = kit.Container(ctx, inv)
	return k, err
}

// verdict joins the address plugin's answer with what was found.
func (k *comparison) verdict(ipam error) error {
	var f *fault.Error
	switch {
	case ipam == nil:
	case errors.As(ipam, &f) && f.Kind == fault.KindDrift:
		k.found = append(k.found, f.Drift...)
	case len(k.found) == 0:
		return ipam
	default:
		k.differs("ipam "+k.IPAM.Type, "no error", ipam.Error())
	}
	return fault.NewDrift(k.found)
}

func (k *comparison) differs(object, expected, actual string) {
	if expected != actual {
		k.found = append(k.found, fault.Drift{Plugin: pluginType, Object: object, Expected: expected, Actual: actual})
	}
}

// is reports a state that should be and is not.
func (k *comparison) is(holds bool, object, expected, actual string) {
	if !holds {
		k.differs(object, expected, actual)
	}
}

func (k *comparison) missing(object string) { k.differs(object, "present", "missing") }

func upOrDown(up bool) string {
	if up {
		return "up"
	}
	return "down"
}

// bridge compares the bridge; it returns nil if there is none.
func (k *comparison) bridge(ctx context.Context) (*rtnl.Link, error) {
	object := "bridge " + k.Bridge
	link, err := lookUp(ctx, k.host, k.Bridge)
	switch {
	case err != nil:
		return nil, err
	case link == nil:
		k.missing(object)
		return nil, nil
	case link.Bridge == nil:
		k.differs(object, "a bridge", describeKind(link))
		return nil, nil
	}
	k.differs(object, "up", upOrDown(link.Up))
	k.is(link.Promiscuous || !k.PromiscMode, object, "promiscuous", "not promiscuous")
	k.is(link.Bridge.VLANFiltering || !k.filtersVLANs(), object, "vlan filtering", "no vlan filtering")
	if i := slices.IndexFunc(k.was.Interfaces, func(i *types100.Interface) bool {
		return i.Sandbox == "" && i.Name == k.Bridge && i.Mac != ""
	}); i >= 0 && k.IsGateway && k.VLAN == 0 { // the MAC of a bridge without address may change with its ports
		k.differs(object+" mac", k.was.Interfaces[i].Mac, link.MAC.String())
	}
	return link, nil
}

// pair compares both ends; it returns the container's, or nil if there is none.
func (k *comparison) pair(ctx context.Context, master *rtnl.Link) (*rtnl.Link, error) {
	end, err := k.containerEnd(ctx)
	if err != nil {
		return nil, err
	}
	name := k.was.hostName(k.inv, k.config)
	object := "link " + name
	port, err := lookUp(ctx, k.host, name)
	switch {
	case err != nil:
		return nil, err
	case port == nil:
		k.missing(object)
		return end, nil
	case port.Kind != "veth":
		k.differs(object, "of kind veth", describeKind(port))
		return end, nil
	}
	k.is(end == nil || end.Peer == port.Index && port.Peer == end.Index, object,
		"the other end of "+k.inv.IfName, "the other end of something else")
	return end, k.portState(ctx, object, port, master)
}

func (k *comparison) portState(ctx context.Context, object string, port, master *rtnl.Link) error {
	k.differs(object, "up", upOrDown(port.Up))
	if i := slices.IndexFunc(k.was.Interfaces, func(i *types100.Interface) bool {
		return i.Sandbox == "" && i.Name == port.Name
	}); i >= 0 {
		k.identity(object, k.was.Interfaces[i], port)
	}
	if master == nil {
		return nil
	}
	if port.Port == nil || port.Master != master.Index {
		k.differs(object, "port of bridge "+k.Bridge, "not a port of it")
		return nil
	}
	if k.HairpinMode { // else a chained portmap may have turned it on
		k.differs(object+" hairpin", "true", strconv.FormatBool(port.Port.Hairpin))
	}
	k.differs(object+" isolated", strconv.FormatBool(k.PortIsolation), strconv.FormatBool(port.Port.Isolated))
	if want := portVLANs(k.VLAN, k.trunk); want != nil && master.Bridge.VLANFiltering {
		return k.vlans(ctx, object, port.Index, want, master.Bridge.DefaultPVID)
	}
	return nil
}

// vlans compares memberships. Those beyond ours are somebody's wish, but for the one we take away.
func (k *comparison) vlans(ctx context.Context, object string, index int, want []rtnl.VLAN, byDefault int) error {
	ports, err := k.host.PortVLANs(ctx)
	if err != nil {
		return err
	}
	var have []rtnl.VLAN
	for _, p := range ports {
		if p.Index == index {
			have = p.VLANs
		}
	}
	for _, v := range want {
		i := slices.IndexFunc(have, func(h rtnl.VLAN) bool { return h.ID == v.ID })
		if i < 0 {
			k.missing(fmt.Sprintf("%s vlan %d", object, v.ID))
		} else {
			k.differs(fmt.Sprintf("%s vlan %d", object, v.ID), describeVLAN(v), describeVLAN(have[i]))
		}
	}
	unwanted := !k.PreserveDefaultVLAN && slices.ContainsFunc(have, func(h rtnl.VLAN) bool { return h.ID == byDefault }) &&
		!slices.ContainsFunc(want, func(w rtnl.VLAN) bool { return w.ID == byDefault })
	k.is(!unwanted, fmt.Sprintf("%s vlan %d", object, byDefault), "missing", "present")
	return nil
}

func describeVLAN(v rtnl.VLAN) string {
	switch {
	case v.PVID && v.Untagged:
		return "untagged"
	case v.PVID || v.Untagged:
		return "half tagged"
	default:
		return "tagged"
	}
}

func (k *comparison) containerEnd(ctx context.Context) (*rtnl.Link, error) {
	object := "link " + k.inv.IfName
	end, err := lookUp(ctx, k.container, k.inv.IfName)
	switch {
	case err != nil:
		return nil, err
	case end == nil:
		k.missing(object)
		return nil, nil
	case end.Kind != "veth":
		k.differs(object, "of kind veth", describeKind(end))
		return nil, nil
	}
	k.is(end.Up || k.DisableContainerInterface, object, "up", "down")
	was, _ := k.was.container(k.inv)
	if was == nil {
		k.differs("prevResult", "an interface "+k.inv.IfName+" in the container", "missing")
		return end, nil
	}
	k.identity(object, was, end)
	return end, nil
}

// identity compares what a result says about a link.
func (k *comparison) identity(object string, was *types100.Interface, link *rtnl.Link) {
	if was.Mac != "" {
		k.differs(object+" mac", was.Mac, link.MAC.String())
	}
	mtu := was.Mtu
	if mtu == 0 { // results before 1.1.0 do not tell
		mtu = k.MTU
	}
	if mtu != 0 {
		k.differs(object+" mtu", strconv.Itoa(mtu), strconv.Itoa(link.MTU))
	}
}

// contents compares addresses and routes of the container's end. Of the result, which is that of the whole chain, only
// what belongs to this interface counts.
func (k *comparison) contents(ctx context.Context, end *rtnl.Link) error {
	if k.IPAM.Type == "" || end == nil {
		return nil
	}
	have, err := k.container.Addresses(ctx, end.Index)
	if err != nil {
		return err
	}
	routes, err := k.container.Routes(ctx, end.Index)
	if err != nil {
		return err
	}
	for _, ip := range k.ips() {
		want, ok := prefixOf(ip.Address)
		if !ok {
			continue
		}
		object := fmt.Sprintf("address %s on %s", want, k.inv.IfName)
		if !slices.ContainsFunc(have, func(a rtnl.Address) bool { return a.Prefix == want }) {
			k.missing(object)
		} else if !want.IsSingleIP() && !slices.ContainsFunc(routes, func(r rtnl.Route) bool { return r.Dst == want.Masked() }) {
			k.missing(fmt.Sprintf("route %s on %s", want.Masked(), k.inv.IfName))
		}
	}
	wanted, err := routesVia(k.was.Routes, k.ips())
	if err != nil {
		return fault.InvalidConfig("prevResult", "prevResult: %v", err)
	}
	for _, want := range wanted {
		k.route(want, routes)
	}
	return nil
}

func (k *comparison) ips() []*types100.IPConfig {
	_, index := k.was.container(k.inv)
	var ips []*types100.IPConfig
	for _, ip := range k.was.IPs {
		if ip.Interface == nil || *ip.Interface == index {
			ips = append(ips, ip)
		}
	}
	return ips
}

func (k *comparison) route(want rtnl.Route, have []rtnl.Route) {
	object := fmt.Sprintf("route %s on %s", want.Dst, k.inv.IfName)
	var nearest *rtnl.Route
	for i, r := range have {
		if r.Dst != want.Dst {
			continue
		}
		if sameRoute(want, r) {
			return
		}
		if nearest == nil || r.Gateway == want.Gateway {
			nearest = &have[i]
		}
	}
	if nearest == nil {
		k.missing(object)
		return
	}
	k.differs(object, want.String(), nearest.String())
}

// sameRoute compares what the wanted route tells; the rest is the kernel's default, or moved by a plugin of the chain.
func sameRoute(want, have rtnl.Route) bool {
	same := func(w, h int) bool { return w == 0 || w == h }
	return (!want.Gateway.IsValid() || want.Gateway == have.Gateway) && same(want.MTU, have.MTU) &&
		same(want.AdvMSS, have.AdvMSS) && same(want.Priority, have.Priority) && same(want.Table, have.Table) &&
		same(want.Scope, have.Scope)
}

// gateway compares the host's addresses in the container's networks, and that it forwards.
func (k *comparison) gateway(ctx context.Context, master *rtnl.Link) error {
	if !k.IsGateway || k.IPAM.Type == "" {
		return nil
	}
	link := master
	if k.VLAN != 0 {
		var err error
		if link, err = lookUp(ctx, k.host, k.gatewayLink()); err != nil {
			return err
		}
		if link == nil {
			k.missing("link " + k.gatewayLink())
		} else {
			k.differs("link "+link.Name, "up", upOrDown(link.Up))
		}
	}
	if link != nil {
		if err := k.gatewayAddresses(ctx, link); err != nil {
			return err
		}
	}
	return k.forwarding()
}

func (k *comparison) gatewayAddresses(ctx context.Context, link *rtnl.Link) error {
	have, err := k.host.Addresses(ctx, link.Index)
	if err != nil {
		return err
	}
	for _, ip := range k.ips() {
		address, ok := prefixOf(ip.Address)
		gateway := addrOf(ip.Gateway)
		if !ok || !gateway.IsValid() {
			continue
		}
		want := netip.PrefixFrom(gateway, address.Bits())
		if !slices.ContainsFunc(have, func(a rtnl.Address) bool { return a.Prefix == want }) {
			k.missing(fmt.Sprintf("address %s on %s", want, link.Name))
		}
	}
	return nil
}

func (k *comparison) forwarding() error {
	for _, f := range []struct {
		setting string
		family  func(netip.Addr) bool
	}{{forwarding4, netip.Addr.Is4}, {forwarding6, netip.Addr.Is6}} {
		if !slices.ContainsFunc(k.ips(), func(ip *types100.IPConfig) bool { return f.family(addrOf(ip.Address.IP)) }) {
			continue
		}
		value, err := sysctl.Get(f.setting)
		if err != nil {
			return err
		}
		k.differs("sysctl net/"+f.setting, "1", value)
	}
	return nil
}
