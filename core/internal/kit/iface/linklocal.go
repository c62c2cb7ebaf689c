package iface

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"syscall"

	"github.com/libcni/libcni/core/internal/host/rtnl"
)

// LinkLocal returns the link-local address that the kernel derives from a MAC address, usable at
// once. It is for links with which only containers are connected, whose MAC address is our own.
//
// The kernel would make the address when the link gets a carrier, and detect duplicates for up to
// two seconds. Meanwhile a router has no source address for its neighbour solicitations, so that
// packets which it forwards to the link are lost.
func LinkLocal(mac net.HardwareAddr) rtnl.Address {
	address := [16]byte{0: 0xfe, 1: 0x80, 11: 0xff, 12: 0xfe}
	copy(address[8:11], mac[:3])
	copy(address[13:], mac[3:])
	address[8] ^= 2 // the universal/local bit, RFC 4291 appendix A
	return rtnl.Address{Prefix: netip.PrefixFrom(netip.AddrFrom16(address), 64), NoDAD: true,
		MayExist: true}
}

// HasLinkLocal reports whether one of a link's addresses is an IPv6 address of link scope. Without
// one a router sends no neighbour solicitations, so that it reaches no container over the link.
func HasLinkLocal(addresses []rtnl.Address) bool {
	return slices.ContainsFunc(addresses, func(a rtnl.Address) bool {
		return a.LinkLocal && a.Prefix.Addr().Is6()
	})
}

// Own gives a link of the host that we made its LinkLocal, unless the link has no IPv6, and changes
// the link. The address comes first: a link that comes up without one gets the kernel's.
func Own(ctx context.Context, host *rtnl.Conn, index int, mac net.HardwareAddr,
	change rtnl.Change) error {
	err := host.AddAddress(ctx, index, LinkLocal(mac))
	if err != nil && !hasNoIPv6(err) {
		return err
	}
	return host.SetLink(ctx, index, change)
}

// hasNoIPv6 reports whether a valid address was refused because the link has no IPv6. The kernel
// says EINVAL on a link whose MTU is too small.
func hasNoIPv6(refused error) bool {
	return errors.Is(refused, syscall.EAFNOSUPPORT) || errors.Is(refused, syscall.EOPNOTSUPP) ||
		errors.Is(refused, syscall.EINVAL)
}
