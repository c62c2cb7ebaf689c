package static

import (
	"fmt"
	"net/netip"

	"github.com/libcni/libcni/core/internal/kit/ipam"
)

// complete parses an address that is given at run time. The configured network that contains it
// gives it its gateway, and its prefix length if it has none.
func complete(key, text string, networks []address) (address, error) {
	given, bare, err := parseGiven(text)
	if err != nil {
		return address{}, fmt.Errorf("%s: %w", key, err)
	}
	network, found := networkOf(given.Addr(), networks)
	switch {
	case !found && bare:
		return address{}, fmt.Errorf("%s: %q has no prefix length, and no network of ipam.addresses "+
			"contains it; add the prefix length, as in 10.1.0.5/16", key, text)
	case bare:
		given = netip.PrefixFrom(given.Addr(), network.prefix.Bits())
	}
	if err := ipam.CheckAddress(given); err != nil {
		return address{}, fmt.Errorf("%s: %w", key, err)
	}
	if network.gateway == given.Addr() {
		return address{}, fmt.Errorf("%s: %s is the gateway of network %s", key, given.Addr(),
			network.prefix.Masked())
	}
	return address{prefix: given, gateway: network.gateway, derived: true}, nil
}

// parseGiven parses an address. It reports whether the address has no prefix length.
func parseGiven(text string) (given netip.Prefix, bare bool, err error) {
	if addr, err := netip.ParseAddr(text); err == nil && addr.Zone() == "" {
		return ipam.Single(addr.Unmap()), true, nil
	}
	given, err = netip.ParsePrefix(text)
	if err != nil || given.Addr().Is4In6() {
		return given, false, fmt.Errorf("%q is not an IP address, such as 10.1.0.5/16", text)
	}
	return given, false, nil
}

// networkOf returns the configured address whose network contains addr: of several the first with
// the longest prefix, and one with a gateway before one without.
func networkOf(addr netip.Addr, configured []address) (network address, found bool) {
	better := func(a address) bool {
		if a.prefix.Bits() != network.prefix.Bits() {
			return a.prefix.Bits() > network.prefix.Bits()
		}
		return a.gateway.IsValid() && !network.gateway.IsValid()
	}
	for _, a := range configured {
		if a.prefix.Masked().Contains(addr) && (!found || better(a)) {
			network, found = a, true
		}
	}
	return network, found
}
