package iface

import (
	"net/netip"
	"slices"

	types100 "github.com/containernetworking/cni/pkg/types/100"

	"github.com/libcni/libcni/core/internal/host/rtnl"
	"github.com/libcni/libcni/core/internal/kit/ipam"
)

// OnLink returns routes to the gateways of the addresses that are behind the link itself, although
// neither a network of the link nor one of its routes contains them. The kernel accepts no other
// route through such a gateway. The link-local network of IPv6 is on every link.
func OnLink(ips []*types100.IPConfig, routes []rtnl.Route) (direct []rtnl.Route) {
	networks := ipam.Prefixes(ips)
	for _, r := range routes {
		if !r.Gateway.IsValid() && r.Table == 0 {
			networks = append(networks, r.Dst)
		}
	}
	for _, ip := range ips {
		gateway := ipam.Addr(ip.Gateway)
		contains := func(network netip.Prefix) bool { return network.Contains(gateway) }
		if !gateway.IsValid() || gateway.Is6() && gateway.IsLinkLocalUnicast() ||
			slices.ContainsFunc(networks, contains) {
			continue
		}
		networks = append(networks, ipam.Single(gateway))
		direct = append(direct, Direct(gateway, netip.Addr{}))
	}
	return direct
}
