package bridge

import (
	"bytes"
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/containernetworking/cni/pkg/types"
	types100 "github.com/containernetworking/cni/pkg/types/100"

	"github.com/libcni/libcni/core/internal/builtin/ipamconfig"
	"github.com/libcni/libcni/core/internal/host/rtnl"
	"github.com/libcni/libcni/core/plugin"
)

// mark is the alias of the bridges we create.
const mark = "libcni"

// containerIndex is the place of the container's interface in the result.
const containerIndex = 2

// plan is what an ADD does before addresses are known.
type plan struct {
	bridge      rtnl.NewBridge // as it is created if there is none; MTU when it is known
	mtu         int            // 0: inherit
	pair        rtnl.NewVeth   // Master and MTU when they are known
	port        rtnl.Port
	vlans       []rtnl.VLAN
	dropDefault bool // take the port out of the VLAN that the bridge gives every port
	up          bool // bring the container's end up
	dad         bool
}

// newPlan decides. hostMAC, containerMAC and bridgeMAC are used where the configuration names none.
func newPlan(c *config, inv *plugin.Invocation, bridgeMAC, hostMAC, containerMAC net.HardwareAddr) (*plan, error) {
	asked, err := requestedMAC(c, inv.Args)
	if err != nil {
		return nil, err
	}
	if asked != nil {
		containerMAC = asked
	}
	return &plan{
		bridge: rtnl.NewBridge{Name: c.Bridge, MAC: bridgeMAC, Promiscuous: c.PromiscMode, VLANFiltering: c.filtersVLANs()},
		mtu:    c.MTU,
		pair: rtnl.NewVeth{Name: inv.HostIfName, MAC: hostMAC, Up: true,
			PeerName: inv.IfName, PeerMAC: containerMAC, PeerNamespace: inv.Netns},
		port:        rtnl.Port{Hairpin: c.HairpinMode, Isolated: c.PortIsolation},
		vlans:       portVLANs(c.VLAN, c.trunk),
		dropDefault: (c.VLAN != 0 || len(c.trunk) > 0) && !c.PreserveDefaultVLAN,
		up:          !c.DisableContainerInterface,
		dad:         c.EnableDAD,
	}, nil
}

// portVLANs returns the memberships of a port: vlan untagged, those of the trunk tagged. A trunk alone leaves what is
// untagged in VLAN 1, as the reference plugin does.
func portVLANs(vlan int, trunk []int) []rtnl.VLAN {
	if vlan == 0 && len(trunk) == 0 {
		return nil
	}
	native := rtnl.VLAN{ID: cmp.Or(vlan, 1), PVID: true, Untagged: true}
	vlans := []rtnl.VLAN{native}
	for _, id := range trunk {
		if id != native.ID {
			vlans = append(vlans, rtnl.VLAN{ID: id})
		}
	}
	return vlans
}

// chooseMTU takes the configured MTU, else that of the way to the Internet, but not more than a bridge that is there
// carries. Zeros are unknown.
func chooseMTU(configured, defaultRoute, bridge int) int {
	if configured != 0 {
		return configured
	}
	if defaultRoute == 0 || bridge == 0 {
		return min(max(defaultRoute, bridge), maxMTU)
	}
	return min(defaultRoute, bridge, maxMTU)
}

// bridgeChange is what to change about a bridge.
type bridgeChange struct {
	create, vlanFiltering, set bool
	acceptRA                   bool // turn it off
	change                     rtnl.Change
}

func (c bridgeChange) nothing() bool { return !c.create && !c.vlanFiltering && !c.set && !c.acceptRA }

// bridgeChanges compares the link that has the bridge's name, nil for none, with what is wanted.
func bridgeChanges(want rtnl.NewBridge, link *rtnl.Link) (bridgeChange, error) {
	if link == nil {
		return bridgeChange{create: true}, nil
	}
	if link.Bridge == nil {
		return bridgeChange{}, fmt.Errorf("bridge %s: a link of that name exists and is %s, not a bridge; name another with the key \"bridge\"",
			want.Name, describeKind(link))
	}
	c := bridgeChange{
		vlanFiltering: want.VLANFiltering && !link.Bridge.VLANFiltering,
		acceptRA:      link.AcceptRA > 0,
		change:        rtnl.Change{Up: !link.Up, Promiscuous: want.Promiscuous && !link.Promiscuous},
	}
	c.set = c.change.Up || c.change.Promiscuous
	return c, nil
}

func describeKind(link *rtnl.Link) string {
	if link.Kind == "" {
		return "a device"
	}
	return "of kind " + link.Kind
}

// addressing is what an ADD does with the answer of the address plugin.
type addressing struct {
	ips       []*types100.IPConfig // for the result
	routes    []*types.Route       // for the result
	addresses []netip.Prefix       // for the container's interface
	via       []rtnl.Route         // routes through it, without its index
	gateways  []netip.Prefix       // for the bridge or its VLAN gateway
}

func (a *addressing) has(family func(netip.Addr) bool) bool {
	return slices.ContainsFunc(a.addresses, func(p netip.Prefix) bool { return family(p.Addr()) })
}

func newAddressing(c *config, ipam *types100.Result) (*addressing, error) {
	if len(ipam.IPs) == 0 {
		return nil, fmt.Errorf("ipam %s: answered without an address", c.IPAM.Type)
	}
	a := &addressing{}
	for _, route := range ipam.Routes {
		a.routes = append(a.routes, route.Copy())
	}
	for _, given := range ipam.IPs {
		ip := given.Copy()
		ip.Interface = types100.Int(containerIndex)
		address, ok := prefixOf(ip.Address)
		if !ok {
			return nil, fmt.Errorf("ipam %s: answered %s, which is no address", c.IPAM.Type, ip.Address.String())
		}
		if c.IsGateway {
			gateway, err := gatewayOf(address, ip.Gateway)
			if err != nil {
				return nil, err
			}
			ip.Gateway = gateway.Addr().AsSlice()
			a.gateways = append(a.gateways, gateway)
		}
		a.ips, a.addresses = append(a.ips, ip), append(a.addresses, address)
		if c.IsDefaultGateway && !hasDefault(a.routes, address.Addr()) {
			a.routes = append(a.routes, defaultRoute(ip.Gateway, address.Addr()))
		}
	}
	a.gateways = distinct(a.gateways)
	var err error
	a.via, err = routesVia(a.routes, a.ips)
	return a, err
}

func distinct(prefixes []netip.Prefix) (kept []netip.Prefix) {
	for _, p := range prefixes {
		if !slices.Contains(kept, p) {
			kept = append(kept, p)
		}
	}
	return kept
}

// gatewayOf returns the host's address in the network of address: the one given, else the first.
func gatewayOf(address netip.Prefix, given net.IP) (netip.Prefix, error) {
	gateway := address.Masked().Addr().Next()
	if given != nil {
		gateway = addrOf(given)
	}
	switch {
	case !gateway.IsValid() || given == nil && !address.Contains(gateway):
		return netip.Prefix{}, fmt.Errorf("network %s has no room for a gateway; let ipam name one", address.Masked())
	case gateway == address.Addr():
		return netip.Prefix{}, fmt.Errorf("address %s is the gateway's; let ipam name another gateway or give another address", address)
	}
	return netip.PrefixFrom(gateway, address.Bits()), nil
}

func hasDefault(routes []*types.Route, of netip.Addr) bool {
	return slices.ContainsFunc(routes, func(r *types.Route) bool {
		dst, ok := prefixOf(r.Dst)
		return ok && dst.Bits() == 0 && dst.Addr().Is4() == of.Is4()
	})
}

func defaultRoute(gateway net.IP, of netip.Addr) *types.Route {
	everywhere := netip.PrefixFrom(netip.IPv4Unspecified(), 0)
	if of.Is6() {
		everywhere = netip.PrefixFrom(netip.IPv6Unspecified(), 0)
	}
	return &types.Route{Dst: ipamconfig.IPNet(everywhere), GW: slices.Clone(gateway)}
}

// routesVia translates routes of a result. A route without gateway leads through the first one of its family.
func routesVia(routes []*types.Route, ips []*types100.IPConfig) ([]rtnl.Route, error) {
	var via []rtnl.Route
	for _, r := range routes {
		dst, ok := prefixOf(r.Dst)
		if !ok {
			return nil, fmt.Errorf("route %s: no destination", r.Dst.String())
		}
		gateway := addrOf(r.GW)
		if !gateway.IsValid() {
			gateway = firstGateway(ips, dst.Addr())
		}
		route := rtnl.Route{Dst: dst.Masked(), Gateway: gateway, MTU: r.MTU, AdvMSS: r.AdvMSS, Priority: r.Priority}
		if r.Table != nil {
			route.Table = *r.Table
		}
		if r.Scope != nil {
			route.Scope = *r.Scope
		}
		via = append(via, route)
	}
	return via, nil
}

func firstGateway(ips []*types100.IPConfig, of netip.Addr) netip.Addr {
	for _, ip := range ips {
		if g := addrOf(ip.Gateway); g.IsValid() && g.Is4() == of.Is4() {
			return g
		}
	}
	return netip.Addr{}
}

// addressChanges compares the addresses a gateway link has with those it should have. There may be several IPv6
// networks on it, but one IPv4 network only.
func addressChanges(name string, have []rtnl.Address, want []netip.Prefix, force bool) (remove, add []netip.Prefix, err error) {
	for _, w := range want {
		present := false
		for _, h := range have {
			present = present || h.Prefix == w
		}
		if present {
			continue
		}
		for _, h := range have {
			if slices.Contains(want, h.Prefix) || !conflict(h.Prefix, w) {
				continue
			}
			if !force {
				return nil, nil, fmt.Errorf("%s has the address %s already, which is not %s; with forceAddress it would be replaced", name, h.Prefix, w)
			}
			remove = append(remove, h.Prefix)
		}
		add = append(add, w)
	}
	return distinct(remove), add, nil
}

func conflict(a, b netip.Prefix) bool {
	if a.Addr().Is4() != b.Addr().Is4() {
		return false
	}
	return a.Addr().Is4() || a.Overlaps(b)
}

func prefixOf(n net.IPNet) (netip.Prefix, bool) {
	ones, size := n.Mask.Size()
	addr := addrOf(n.IP)
	if !addr.IsValid() || size == 0 {
		return netip.Prefix{}, false
	}
	if addr.Is4() && size == 128 {
		ones -= 96
	}
	prefix := netip.PrefixFrom(addr, ones)
	return prefix, prefix.IsValid()
}

func addrOf(ip net.IP) netip.Addr {
	addr, _ := netip.AddrFromSlice(ip)
	return addr.Unmap()
}

// settled says that a port passes what arrives. Where the spanning tree protocol runs that takes half a minute, and
// being up must do.
func settled(bridge *rtnl.Link) func(*rtnl.Link) bool {
	return func(port *rtnl.Link) bool {
		return port.Port != nil && (port.Port.Forwarding || bridge.Bridge.STP && port.Operational)
	}
}

// randomMAC makes a locally administered address of random bytes.
func randomMAC(random []byte) net.HardwareAddr {
	mac := net.HardwareAddr(bytes.Clone(random[:6]))
	mac[0] = mac[0]&^1 | 2
	return mac
}
