package rtnl

import (
	"context"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/libcni/libcni/core/internal/host/netlink"
)

// Family is an address family.
type Family uint8

// The families of the Internet.
const (
	IPv4 Family = unix.AF_INET
	IPv6 Family = unix.AF_INET6
)

// Numbers of linux/netconf.h that x/sys/unix lacks.
const (
	netconfIfindex    = 1  // NETCONFA_IFINDEX
	netconfForwarding = 2  // NETCONFA_FORWARDING
	netconfAll        = -1 // NETCONFA_IFINDEX_ALL
)

// Forwarding reports whether the namespace forwards packets of a family, as the sysctls
// net.ipv4.ip_forward and net.ipv6.conf.all.forwarding say. It works without /proc.
func (c *Conn) Forwarding(ctx context.Context, family Family) (bool, error) {
	e := message([]byte{byte(family), 0, 0, 0}) // struct netconfmsg
	all := netconfAll
	e.Uint32(netconfIfindex, uint32(all))
	data, err := c.get(ctx, unix.RTM_GETNETCONF, e)
	if err != nil {
		return false, fmt.Errorf("forwarding: %w", err)
	}
	for d := netlink.DecodeAfter(data, 4); d.Next(); {
		if d.Kind() == netconfForwarding {
			return d.Bool(), nil
		}
	}
	return false, fmt.Errorf("forwarding: %w", ErrUnsupported)
}
