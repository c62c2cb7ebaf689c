package ipam

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/containernetworking/cni/pkg/types"
	types100 "github.com/containernetworking/cni/pkg/types/100"

	"github.com/libcni/libcni/core/internal/host/rtnl"
)

// Prefix converts an address with its prefix length; host bits are kept. It reports whether n is
// valid.
func Prefix(n net.IPNet) (netip.Prefix, bool) {
	ones, size := n.Mask.Size()
	addr := Addr(n.IP)
	if !addr.IsValid() || size == 0 {
		return netip.Prefix{}, false
	}
	if addr.Is4() && size == 128 {
		ones -= 96
	}
	prefix := netip.PrefixFrom(addr, ones)
	return prefix, prefix.IsValid()
}

// Addr converts an address, nil to the invalid one.
func Addr(ip net.IP) netip.Addr {
	addr, _ := netip.AddrFromSlice(ip)
	return addr.Unmap()
}

// Single is the prefix that contains an address alone; invalid for the invalid address.
func Single(addr netip.Addr) netip.Prefix { return netip.PrefixFrom(addr, addr.BitLen()) }

// Prefixes converts the addresses of a result, and leaves out invalid ones.
func Prefixes(ips []*types100.IPConfig) (prefixes []netip.Prefix) {
	for _, ip := range ips {
		if prefix, ok := Prefix(ip.Address); ok {
			prefixes = append(prefixes, prefix)
		}
	}
	return prefixes
}

// Has reports whether one of the prefixes is of a family, such as netip.Addr.Is6.
func Has(prefixes []netip.Prefix, family func(netip.Addr) bool) bool {
	return slices.ContainsFunc(prefixes, func(p netip.Prefix) bool { return family(p.Addr()) })
}

// Gateway returns an address of a result, which must have a gateway, with the gateway.
func Gateway(ip *types100.IPConfig) (address netip.Prefix, gateway netip.Addr, err error) {
	address, valid := Prefix(ip.Address)
	gateway = Addr(ip.Gateway)
	switch {
	case !valid:
		err = fmt.Errorf("ipam: %s in the result is not an address", ip.Address.String())
	case !gateway.IsValid():
		err = fmt.Errorf("ipam: address %s has no gateway; configure one", address)
	case gateway.Is4() != address.Addr().Is4():
		err = fmt.Errorf("ipam: address %s has the gateway %s, which is of the other family", address,
			gateway)
	case gateway == address.Addr():
		err = fmt.Errorf("ipam: address %s is its own gateway; configure another gateway", address)
	}
	return address, gateway, err
}

// MaxAddresses is the maximum number of addresses of an interface. What is done for them (rules,
// gateways, comparisons) may grow with the square of their number.
const MaxAddresses = 4096

// Addresses copies the addresses of an IPAM result for the interface with the given index in the
// plugin's result, and calls visit, if it is not nil, with each copy, which it may change.
func Addresses(result *types100.Result, index int,
	visit func(ip *types100.IPConfig, address netip.Prefix) error) ([]*types100.IPConfig, error) {
	if len(result.IPs) == 0 {
		return nil, errors.New("ipam: the result has no address")
	}
	if len(result.IPs) > MaxAddresses {
		return nil, fmt.Errorf("ipam: the result has %d addresses; at most %d are supported",
			len(result.IPs), MaxAddresses)
	}
	var ips []*types100.IPConfig
	seen := map[netip.Addr]bool{}
	for _, given := range result.IPs {
		ip := given.Copy()
		ip.Interface = types100.Int(index)
		address, ok := Prefix(ip.Address)
		if !ok {
			return nil, fmt.Errorf("ipam: %s in the result is not an address", ip.Address.String())
		}
		if err := CheckUnicast(address.Addr()); err != nil {
			return nil, fmt.Errorf("ipam: the result has address %s: %w", address, err)
		}
		if seen[address.Addr()] {
			return nil, fmt.Errorf("ipam: the result has address %s twice", address.Addr())
		}
		seen[address.Addr()] = true
		if visit != nil {
			if err := visit(ip, address); err != nil {
				return nil, err
			}
		}
		ips = append(ips, ip)
	}
	return ips, nil
}

// Result makes a plugin's result of the IPAM plugin's, without interfaces. index is that of the
// container's interface.
func Result(assigned *types100.Result, index int, configured types.DNS) (*types100.Result, error) {
	ips, err := Addresses(assigned, index, nil)
	return &types100.Result{CNIVersion: types100.ImplementedSpecVersion, IPs: ips,
		Routes: Copy(assigned.Routes), DNS: DNS(configured, assigned)}, err
}

// Copy copies the routes of a result.
func Copy(routes []*types.Route) (copies []*types.Route) {
	for _, route := range routes {
		copies = append(copies, route.Copy())
	}
	return copies
}

// Routes converts the routes of a result. A route without gateway leads through the first gateway
// of its family, but not the route to that gateway.
func Routes(routes []*types.Route, ips []*types100.IPConfig) ([]rtnl.Route, error) {
	var converted []rtnl.Route
	for _, r := range routes {
		dst, ok := Prefix(r.Dst)
		if !ok {
			return nil, fmt.Errorf("route %s: no destination", r.Dst.String())
		}
		if err := CheckRoute(r); err != nil {
			return nil, fmt.Errorf("route %s: %w", r.Dst.String(), err)
		}
		gateway := Addr(r.GW)
		if first := firstGateway(ips, dst.Addr()); !gateway.IsValid() && dst != Single(first) {
			gateway = first
		}
		route := rtnl.Route{Dst: dst.Masked(), Gateway: gateway, MTU: r.MTU, AdvMSS: r.AdvMSS,
			Priority: r.Priority}
		if r.Table != nil {
			route.Table = *r.Table
		}
		if r.Scope != nil {
			route.Scope = *r.Scope
		}
		converted = append(converted, route)
	}
	return converted, nil
}

func firstGateway(ips []*types100.IPConfig, like netip.Addr) netip.Addr {
	for _, ip := range ips {
		if g := Addr(ip.Gateway); g.IsValid() && g.Is4() == like.Is4() {
			return g
		}
	}
	return netip.Addr{}
}

// Unique returns the addresses, each once: a result may have one with several prefix lengths.
func Unique(prefixes []netip.Prefix) (addresses []netip.Addr) {
	for _, p := range prefixes {
		if !slices.Contains(addresses, p.Addr()) {
			addresses = append(addresses, p.Addr())
		}
	}
	return addresses
}
