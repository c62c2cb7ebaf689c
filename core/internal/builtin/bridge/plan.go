package bridge

import (
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/containernetworking/cni/pkg/types"
	types100 "github.com/containernetworking/cni/pkg/types/100"

	"github.com/libcni/libcni/core/internal/builtin/ipamconfig"
	"github.com/libcni/libcni/core/internal/host/rtnl"
	"github.com/libcni/libcni/core/internal/kit/iface"
	"github.com/libcni/libcni/core/internal/kit/ipam"
	"github.com/libcni/libcni/core/internal/kit/router"
	"github.com/libcni/libcni/core/internal/kit/settings"
	"github.com/libcni/libcni/core/plugin"
)

// mark is the alias of the bridges we create.
const mark = router.AliasPrefix

// containerIndex is the index of the container's interface in the result.
const containerIndex = 2

// plan holds the decisions of an ADD that do not depend on the addresses.
type plan struct {
	*config
	bridge      rtnl.NewBridge   // to create if it is missing; the MAC address and MTU are set later
	mtu         int              // 0: inherit
	mac         net.HardwareAddr // the container's; nil for a random one
	port        rtnl.Port
	vlans       []rtnl.VLAN
	dropDefault bool // remove the port from the bridge's default VLAN
	up          bool // bring the container's end up
	dad         bool
}

// newPlan derives the plan from the configuration and the arguments.
func newPlan(c *config, args plugin.Args) (*plan, error) {
	mac, err := iface.RequestedMAC(args, c.Args.CNI.MAC, c.RuntimeConfig.MAC)
	if err != nil {
		return nil, err
	}
	return &plan{
		config: c,
		bridge: rtnl.NewBridge{Name: c.Bridge, Promiscuous: c.PromiscMode,
			VLANFiltering: c.filtersVLANs()},
		mtu:         c.MTU,
		mac:         mac,
		port:        rtnl.Port{Hairpin: c.HairpinMode, Isolated: c.PortIsolation},
		vlans:       portVLANs(c.VLAN, c.trunk),
		dropDefault: (c.VLAN != 0 || len(c.trunk) > 0) && !c.PreserveDefaultVLAN,
		up:          !c.DisableContainerInterface,
		dad:         c.EnableDAD,
	}, nil
}

// portVLANs returns the memberships of a port: vlan untagged, those of the trunk tagged. With only
// a trunk, untagged frames are in VLAN 1, as with the reference plugin.
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

// chooseMTU returns the configured MTU, else that of the default route, limited by what an existing
// bridge carries. Zero means unknown.
func chooseMTU(configured, defaultRoute, bridge int) int {
	if configured != 0 {
		return configured
	}
	if defaultRoute == 0 || bridge == 0 {
		return min(max(defaultRoute, bridge), settings.MaxMTU)
	}
	return min(defaultRoute, bridge, settings.MaxMTU)
}

// bridgeChange holds the changes to a bridge.
type bridgeChange struct {
	create, vlanFiltering, set bool
	acceptRA                   bool // turn it off
	change                     rtnl.Change
}

func (c bridgeChange) nothing() bool {
	return !c.create && !c.vlanFiltering && !c.set && !c.acceptRA
}

// bridgeChanges compares an existing link of the bridge's name, or nil, with the wanted bridge.
func bridgeChanges(want rtnl.NewBridge, link *rtnl.Link) (bridgeChange, error) {
	if link == nil {
		return bridgeChange{create: true}, nil
	}
	if link.Bridge == nil {
		return bridgeChange{},
			fmt.Errorf(
				"bridge %s: a link of that name exists and is %s, not a bridge; choose another name with "+
					"the key \"bridge\"",
				want.Name, iface.Kind(link))
	}
	c := bridgeChange{
		vlanFiltering: want.VLANFiltering && !link.Bridge.VLANFiltering,
		acceptRA:      link.Alias == mark && link.AcceptRA > 0,
		change:        rtnl.Change{Up: !link.Up, Promiscuous: want.Promiscuous && !link.Promiscuous},
	}
	c.set = c.change.Up || c.change.Promiscuous
	return c, nil
}

// addressing holds what an ADD derives from the result of the IPAM plugin.
type addressing struct {
	ips       []*types100.IPConfig // for the result
	routes    []*types.Route       // for the result
	addresses []netip.Prefix       // for the container's interface
	via       []rtnl.Route         // routes through it, without its index
	gateways  []netip.Prefix       // for the bridge or its VLAN gateway
	host      []rtnl.Route         // to the addresses, through that link
}

func newAddressing(c *config, assigned *types100.Result) (*addressing, error) {
	a := &addressing{routes: ipam.Copy(assigned.Routes)}
	var err error
	a.ips, err = ipam.Addresses(assigned, containerIndex,
		func(ip *types100.IPConfig, address netip.Prefix) error {
			a.addresses = append(a.addresses, address)
			if !c.IsGateway {
				return nil
			}
			gateway, err := gatewayOf(address, ip.Gateway)
			if err != nil {
				return err
			}
			ip.Gateway = gateway.Addr().AsSlice()
			a.gateways = append(a.gateways, gateway)
			if c.IsDefaultGateway && !hasDefault(a.routes, address.Addr()) {
				a.routes = append(a.routes, defaultRoute(ip.Gateway, address.Addr()))
			}
			return nil
		})
	if err != nil {
		return nil, err
	}
	a.gateways = distinct(a.gateways)
	if c.IsGateway {
		a.host = hostRoutes(a.ips)
	}
	a.via, err = containerRoutes(a.routes, a.ips)
	return a, err
}

// containerRoutes returns the routes of the container's interface.
func containerRoutes(routes []*types.Route, ips []*types100.IPConfig) ([]rtnl.Route, error) {
	via, err := ipam.Routes(routes, ips)
	return slices.Concat(iface.OnLink(ips, via), via), err
}

// hostRoutes returns the host's routes to the addresses whose gateway is outside their network: the
// address of the gateway leads to none of them.
func hostRoutes(ips []*types100.IPConfig) (routes []rtnl.Route) {
	for _, ip := range ips {
		address, ok := ipam.Prefix(ip.Address)
		if gateway := ipam.Addr(ip.Gateway); ok && gateway.IsValid() && !address.Contains(gateway) {
			routes = append(routes, iface.Direct(address.Addr(), netip.Addr{}))
		}
	}
	return routes
}

func distinct(prefixes []netip.Prefix) (kept []netip.Prefix) {
	for _, p := range prefixes {
		if !slices.Contains(kept, p) {
			kept = append(kept, p)
		}
	}
	return kept
}

// gatewayOf returns the host's address in the network of address: the given one, or else the first.
// In a network of two addresses (RFC 3021, RFC 6164) it is the other one.
func gatewayOf(address netip.Prefix, given net.IP) (netip.Prefix, error) {
	gateway := address.Masked().Addr().Next()
	if gateway == address.Addr() && address.Bits() == gateway.BitLen()-1 {
		gateway = address.Masked().Addr()
	}
	if given != nil {
		gateway = ipam.Addr(given)
	}
	switch {
	case !gateway.IsValid() || given == nil && !address.Contains(gateway):
		return netip.Prefix{}, fmt.Errorf(
			"network %s has no address for a gateway; set the gateway in ipam", address.Masked())
	case gateway == address.Addr():
		return netip.Prefix{},
			fmt.Errorf("address %s is the gateway address; set another gateway or other addresses in ipam",
				address)
	}
	return netip.PrefixFrom(gateway, address.Bits()), nil
}

func hasDefault(routes []*types.Route, of netip.Addr) bool {
	return slices.ContainsFunc(routes, func(r *types.Route) bool {
		dst, ok := ipam.Prefix(r.Dst)
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

// addressChanges compares the addresses of a gateway link with the wanted ones. The link can have
// several IPv6 networks, but one IPv4 network only.
func addressChanges(name string, have []rtnl.Address, want []netip.Prefix, force bool,
) (remove, add []netip.Prefix, err error) {
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
				return nil, nil,
					fmt.Errorf(
						"%s already has the address %s, which conflicts with %s; set forceAddress to replace it",
						name, h.Prefix, w)
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
	if a.Addr().Is6() && a.Addr().IsLinkLocalUnicast() { // every link has one in the same network
		return false
	}
	return a.Addr().Is4() || a.Overlaps(b)
}
