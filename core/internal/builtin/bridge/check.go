package bridge

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strconv"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/host/rtnl"
	"github.com/libcni/libcni/core/internal/kit/iface"
	"github.com/libcni/libcni/core/internal/kit/ipam"
	"github.com/libcni/libcni/core/internal/kit/router"
	"github.com/libcni/libcni/core/plugin"
)

// comparison is a CHECK in progress.
type comparison struct {
	*config
	*iface.Comparison
}

// Check compares everything that Add made, and its prerequisites, with the state of the kernel.
func (bridge) Check(ctx context.Context, inv *plugin.Invocation) error {
	k, err := newComparison(ctx, inv)
	if err != nil {
		return err
	}
	if err := k.compare(ctx); err != nil {
		return err
	}
	return k.Verdict(k.IPAM.Type, ipam.New(inv, k.IPAM.Type).Run(ctx, plugin.Check))
}

func newComparison(ctx context.Context, inv *plugin.Invocation) (*comparison, error) {
	c, err := parse(inv.Config)
	if err != nil {
		return nil, err
	}
	k, err := iface.NewComparison(ctx, inv, pluginType, &c.Settings)
	return &comparison{c, k}, err
}

// compare covers everything except the allocations of the IPAM plugin.
func (k *comparison) compare(ctx context.Context) error {
	master, err := k.bridge(ctx)
	if err != nil {
		return err
	}
	port, end, err := k.Pair(ctx, k.DisableContainerInterface)
	if err != nil {
		return err
	}
	if err := k.port(ctx, port, master); err != nil {
		return err
	}
	if err := k.contents(ctx, end); err != nil {
		return err
	}
	if err := k.gateway(ctx, master); err != nil {
		return err
	}
	return k.rules(k.Inv, recorded(k.Was)).Check(ctx, &k.List)
}

// bridge compares the bridge. It returns nil if the bridge does not exist.
func (k *comparison) bridge(ctx context.Context) (*rtnl.Link, error) {
	object := "bridge " + k.Bridge
	link, err := iface.LookUp(ctx, k.Host, k.Bridge)
	switch {
	case err != nil:
		return nil, err
	case link == nil:
		k.Missing(object)
		return nil, nil
	case link.Bridge == nil:
		k.Differs(object, "a bridge", iface.Kind(link))
		return nil, nil
	}
	k.Up(object, link)
	if link.Alias == mark {
		router.CheckIgnored(k.Inv, &k.List, object, link)
	}
	k.Is(link.Promiscuous || !k.PromiscMode, object, "promiscuous", "not promiscuous")
	k.Is(link.Bridge.VLANFiltering || !k.filtersVLANs(), object, "vlan filtering", "no vlan filtering")
	// The MAC address of a bridge without addresses may change with its ports.
	if was := k.Was.Host(k.Bridge); was != nil && was.Mac != "" && k.IsGateway && k.VLAN == 0 {
		k.Differs(object+" mac", was.Mac, link.MAC.String())
	}
	return link, nil
}

// port compares the host's end as a port of the bridge. Either may be nil.
func (k *comparison) port(ctx context.Context, port, master *rtnl.Link) error {
	if port == nil || master == nil {
		return nil
	}
	object := "link " + port.Name
	if port.Port == nil || port.Master != master.Index {
		k.Differs(object, "port of bridge "+k.Bridge, "not a port of it")
		return nil
	}
	if k.HairpinMode { // otherwise a chained portmap may have turned it on
		k.Differs(object+" hairpin", "true", strconv.FormatBool(port.Port.Hairpin))
	}
	k.Differs(object+" isolated", strconv.FormatBool(k.PortIsolation),
		strconv.FormatBool(port.Port.Isolated))
	if want := portVLANs(k.VLAN, k.trunk); want != nil && master.Bridge.VLANFiltering {
		return k.vlans(ctx, object, port.Index, want, master.Bridge.DefaultPVID)
	}
	return nil
}

// vlans compares memberships. Additional memberships are not a difference, except that in the
// default VLAN, which ADD removes.
func (k *comparison) vlans(ctx context.Context, object string, index int, want []rtnl.VLAN,
	byDefault int) error {
	ports, err := k.Host.PortVLANs(ctx)
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
			k.Missing(fmt.Sprintf("%s vlan %d", object, v.ID))
		} else {
			k.Differs(fmt.Sprintf("%s vlan %d", object, v.ID), describeVLAN(v), describeVLAN(have[i]))
		}
	}
	unwanted := !k.PreserveDefaultVLAN && slices.ContainsFunc(have,
		func(h rtnl.VLAN) bool { return h.ID == byDefault }) &&
		!slices.ContainsFunc(want, func(w rtnl.VLAN) bool { return w.ID == byDefault })
	k.Is(!unwanted, fmt.Sprintf("%s vlan %d", object, byDefault), "missing", "present")
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

// contents compares addresses and routes of the container's end.
func (k *comparison) contents(ctx context.Context, end *rtnl.Link) error {
	if k.IPAM.Type == "" || end == nil {
		return nil
	}
	routes, err := containerRoutes(k.Was.Routes, k.Was.IPs())
	if err != nil {
		return fault.InvalidConfig("prevResult", "prevResult: %v", err)
	}
	return k.Contents(ctx, k.Container, end, iface.Contents{Addresses: k.Was.Addresses(),
		Connected: true, Routes: routes})
}

// gateway compares the host's addresses in the container's networks, and checks that the host
// forwards.
func (k *comparison) gateway(ctx context.Context, master *rtnl.Link) error {
	if !k.IsGateway || k.IPAM.Type == "" {
		return nil
	}
	link := master
	if k.VLAN != 0 {
		var err error
		if link, err = iface.LookUp(ctx, k.Host, k.gatewayLink()); err != nil {
			return err
		}
		if err := k.vlanGateway(ctx, link, master); err != nil {
			return err
		}
	}
	if link != nil {
		want := iface.Contents{Addresses: k.gateways(), Routes: hostRoutes(k.Was.IPs()), Connected: true,
			Neighbors: link.Alias == mark}
		if err := k.Contents(ctx, k.Host, link, want); err != nil {
			return err
		}
	}
	return router.CheckForwarding(ctx, k.Inv, &k.List, k.Host, k.Was.Addresses())
}

// vlanGateway compares the link with the gateway addresses of a VLAN; it may be nil, as the bridge.
func (k *comparison) vlanGateway(ctx context.Context, link, master *rtnl.Link) error {
	object := "link " + k.gatewayLink()
	if link == nil {
		k.Missing(object)
		return nil
	}
	k.Up(object, link)
	if master == nil {
		return nil
	}
	port, err := otherEnd(ctx, k.Host, link)
	if err != nil {
		return err
	}
	if port == nil || port.Master != master.Index {
		k.Differs(object, "connected with bridge "+k.Bridge, "not connected with it")
		return nil
	}
	k.Up("link "+port.Name, port)
	if !master.Bridge.VLANFiltering {
		return nil
	}
	return k.vlans(ctx, object, port.Index, portVLANs(k.VLAN, nil), master.Bridge.DefaultPVID)
}

// gateways returns the host's addresses in the container's networks.
func (k *comparison) gateways() (gateways []netip.Prefix) {
	for _, ip := range k.Was.IPs() {
		address, ok := ipam.Prefix(ip.Address)
		if gateway := ipam.Addr(ip.Gateway); ok && gateway.IsValid() {
			gateways = append(gateways, netip.PrefixFrom(gateway, address.Bits()))
		}
	}
	return distinct(gateways)
}
