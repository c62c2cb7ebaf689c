package ptp

import (
	"net/netip"
	"slices"

	"github.com/containernetworking/cni/pkg/types"
	types100 "github.com/containernetworking/cni/pkg/types/100"

	"github.com/libcni/libcni/core/internal/host/rtnl"
	"github.com/libcni/libcni/core/internal/kit/iface"
	"github.com/libcni/libcni/core/internal/kit/ipam"
)

const containerIndex = 1 // of the container's interface in the result

// plan is what the two ends of the pair have.
type plan struct{ container, host iface.Contents }

// newPlan decides from the addresses and routes of a result.
func newPlan(ips []*types100.IPConfig, routes []*types.Route) (*plan, error) {
	p := &plan{host: iface.Contents{Neighbors: true}}
	var networks []rtnl.Route
	for _, ip := range ips {
		address, gateway, err := ipam.Gateway(ip)
		if err != nil {
			return nil, err
		}
		p.container.Addresses = append(p.container.Addresses, address)
		p.host.Routes = append(p.host.Routes, iface.Direct(address.Addr(), netip.Addr{}))
		if single := ipam.Single(gateway); !slices.Contains(p.host.Addresses, single) {
			p.host.Addresses = append(p.host.Addresses, single)
			p.container.Routes = append(p.container.Routes, iface.Direct(gateway, address.Addr()))
		}
		// The container's own network, too, is behind the gateway.
		if network := address.Masked(); !address.IsSingleIP() && !iface.LeadsTo(networks, network) {
			networks = append(networks, rtnl.Route{Dst: network, Gateway: gateway, Source: address.Addr()})
		}
	}
	via, err := ipam.Routes(routes, ips)
	p.container.Routes = slices.Concat(p.container.Routes, networks, via)
	return p, err
}
