// Package ipamconfig reads what the configurations of IPAM plugins have in common: JSON with keys
// in any case, addresses, routes, and the number of addresses that a version of the specification
// supports.
package ipamconfig

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"

	"github.com/containernetworking/cni/pkg/types"
	"github.com/containernetworking/cni/pkg/version"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/jsonobject"
	"github.com/libcni/libcni/core/internal/kit/ipam"
	"github.com/libcni/libcni/core/internal/resultjson"
)

// Decode decodes a network configuration with jsonobject.Decode. Keys match in any case, since
// callers written in Go send the names of their struct fields ("RangeStart").
func Decode(data []byte, into any) error {
	err := jsonobject.Decode(data, into)
	var mistyped *jsonobject.TypeError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &mistyped) && mistyped.Key != "":
		return fault.InvalidConfig(mistyped.Key, "%v", mistyped)
	default:
		return fault.InvalidConfig("", "network configuration: %v", err)
	}
}

// Address parses an IP address. An IPv4-mapped IPv6 address becomes an IPv4 address.
func Address(key, text string) (netip.Addr, error) {
	addr, err := netip.ParseAddr(text)
	if err != nil || addr.Zone() != "" {
		return netip.Addr{}, fault.InvalidConfig(key, "%s: %q is not an IP address", key, text)
	}
	return addr.Unmap(), nil
}

// AddressOrPrefix parses an IP address with an optional prefix length, which it drops.
func AddressOrPrefix(key, text string) (netip.Addr, error) {
	if !strings.Contains(text, "/") {
		return Address(key, text)
	}
	prefix, err := Prefix(key, text)
	return prefix.Addr(), err
}

// Prefix parses an IP address with its prefix length. Host bits are kept.
func Prefix(key, text string) (netip.Prefix, error) {
	prefix, err := netip.ParsePrefix(text)
	if err != nil || prefix.Addr().Is4In6() {
		return netip.Prefix{}, fault.InvalidConfig(key,
			"%s: %q is not an address with a prefix length, such as 10.1.0.0/16", key, text)
	}
	return prefix, nil
}

// IPNet converts a prefix for results.
func IPNet(prefix netip.Prefix) net.IPNet {
	return net.IPNet{
		IP:   prefix.Addr().AsSlice(),
		Mask: net.CIDRMask(prefix.Bits(), prefix.Addr().BitLen()),
	}
}

// Routes parses a list of routes with all attributes.
func Routes(key string, raw []jsontext.Value) ([]*types.Route, error) {
	var routes []*types.Route
	for i, text := range raw {
		key := fmt.Sprintf("%s[%d]", key, i)
		route, err := resultjson.ReadRoute(text)
		if err != nil {
			return nil, fault.InvalidConfig(key, "%s: %v", key, err)
		}
		if route.Dst.IP == nil {
			return nil, fault.InvalidConfig(key+".dst", "%s.dst: a route needs a destination", key)
		}
		if err := ipam.CheckRoute(route); err != nil {
			return nil, fault.InvalidConfig(key, "%s.%v", key, err)
		}
		routes = append(routes, route)
	}
	return routes, nil
}

// CheckCount refuses more than one address per family for a version that cannot express it.
func CheckCount(cniVersion string, addrs []netip.Addr) error {
	v4, v6 := 0, 0
	for _, addr := range addrs {
		if addr.Is4() {
			v4++
		} else {
			v6++
		}
	}
	if v4 <= 1 && v6 <= 1 {
		return nil
	}
	if can, err := version.GreaterThanOrEqualTo(cniVersion, "0.3.0"); err != nil || !can {
		return fault.InvalidConfig(
			"cniVersion",
			"cniVersion %q does not support more than 1 address per family (%d IPv4, %d IPv6); 0.3.0 does",
			cniVersion,
			v4,
			v6,
		)
	}
	return nil
}
