package rtnl

import (
	"context"
	"fmt"
	"net"

	"golang.org/x/sys/unix"
)

// Change is what to set on a link. Zero fields are left as they are.
type Change struct {
	Up          bool
	Down        bool
	Promiscuous bool
	// setting the present one makes the kernel announce the link's addresses, see ArpNotify
	MAC       net.HardwareAddr
	MTU       int
	Alias     string
	Name      string    // a new name; before Linux 6.2 the link must be down
	Master    int       // index of the bridge or VRF; SetMaster takes a link out
	Namespace Namespace // moves the link, which loses its addresses and may get another index
	// net.ipv4.conf.NAME.arp_notify = 1: gratuitous ARP when the MAC is set or the link comes up
	ArpNotify bool
}

// SetLink changes a link in one request. A link that moves to another namespace and gets a new name
// does both at once, so that no name is taken that is not kept.
func (c *Conn) SetLink(ctx context.Context, index int, set Change) error {
	return c.changeAll(ctx, []request{set.request(index)})
}

// Configure changes a link, adds addresses to it, then adds routes, many of them in one datagram.
// It does what SetLink, AddAddress and AddRoute do, except that steps after a failed one may be
// carried out too.
func (c *Conn) Configure(ctx context.Context, index int, set Change, addresses []Address,
	routes []Route) error {
	requests := []request{set.request(index)}
	for _, a := range addresses {
		requests = append(requests, a.request(index))
	}
	for _, r := range routes {
		requests = append(requests, r.request())
	}
	return c.changeAll(ctx, requests)
}

func (set Change) request(index int) request {
	flags, mask := set.flags()
	e := linkMessage(unix.AF_UNSPEC, index, flags, mask)
	if set.MAC != nil {
		e.Bytes(unix.IFLA_ADDRESS, set.MAC)
	}
	if set.MTU != 0 {
		e.Uint32(unix.IFLA_MTU, uint32(set.MTU))
	}
	if set.Alias != "" {
		e.String(unix.IFLA_IFALIAS, set.Alias)
	}
	if set.Name != "" {
		e.String(unix.IFLA_IFNAME, set.Name)
	}
	if set.Master != 0 {
		e.Uint32(unix.IFLA_MASTER, uint32(set.Master))
	}
	if set.Namespace != nil {
		e.Uint32(unix.IFLA_NET_NS_FD, uint32(set.Namespace.Fd()))
	}
	if set.ArpNotify {
		e.Open(unix.IFLA_AF_SPEC)
		e.Open(unix.AF_INET)
		e.Open(unix.IFLA_INET_CONF)
		e.Uint32(devconfArpNotify, 1)
		e.Close()
		e.Close()
		e.Close()
	}
	return request{kind: unix.RTM_SETLINK, body: e,
		doing: fmt.Sprintf("link with index %d: set", index)}
}

func (set Change) flags() (flags, mask uint32) {
	if set.Up || set.Down {
		mask |= unix.IFF_UP
	}
	if set.Up {
		flags |= unix.IFF_UP
	}
	if set.Promiscuous {
		flags, mask = flags|unix.IFF_PROMISC, mask|unix.IFF_PROMISC
	}
	return flags, mask
}

// SetMaster makes a link a port of the bridge, or a member of the VRF, with index master; 0 takes
// it out. The error wraps ErrBridgeFull.
func (c *Conn) SetMaster(ctx context.Context, index, master int) error {
	e := linkMessage(unix.AF_UNSPEC, index, 0, 0)
	e.Uint32(unix.IFLA_MASTER, uint32(master))
	if err := c.change(ctx, unix.RTM_SETLINK, 0, e); err != nil {
		return fmt.Errorf("link with index %d: set master: %w", index, err)
	}
	return nil
}
