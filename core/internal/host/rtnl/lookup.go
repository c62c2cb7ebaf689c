package rtnl

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// NameIsFree reports that no link has the name. False means "unknown", not "taken".
//
// It avoids the lock that RTM_GETLINK waits for while links are created and deleted: it tries to bind
// the connection's socket to the link (socket(7), SO_BINDTODEVICE), an option that netlink ignores.
func (c *Conn) NameIsFree(name string) bool {
	if len(name) >= unix.IFNAMSIZ {
		return false // the kernel would look up the truncated name
	}

	err := unix.SetsockoptString(c.sock.fd, unix.SOL_SOCKET, unix.SO_BINDTODEVICE, name)
	if err == nil {
		_ = unix.SetsockoptString(c.sock.fd, unix.SOL_SOCKET, unix.SO_BINDTODEVICE, "")
	}
	return err == unix.ENODEV
}

// RouteGet asks the kernel how it would route packets to an address, as "ip route get" does. Local
// says that the address is the host's own; Link is then the index of lo. If there is no route, the
// error is the kernel's.
func (c *Conn) RouteGet(ctx context.Context, addr netip.Addr) (Route, error) {
	m := &nl.RtMsg{RtMsg: unix.RtMsg{Family: uint8(family(addr)), Dst_len: uint8(addr.BitLen())}}
	data, err := c.get(ctx, unix.RTM_GETROUTE, m, nl.NewRtAttr(unix.RTA_DST, addr.AsSlice()))
	if err != nil {
		return Route{}, fmt.Errorf("route to %s: %w", addr, err)
	}

	if len(data) < unix.SizeofRtMsg {
		return Route{}, fmt.Errorf("route to %s: %w", addr, ErrNotFound)
	}
	return parseRoute(data), nil
}

// OwnAddresses lists the host's addresses of the family of example, without those of link scope. Its cost grows with the
// number of links.
func (c *Conn) OwnAddresses(ctx context.Context, example netip.Addr) ([]netip.Addr, error) {
	var own []netip.Addr
	err := c.dump(ctx, unix.RTM_GETADDR, nl.NewIfAddrmsg(family(example)), nil, func(data []byte) {
		if a, _ := parseAddress(data); a.Prefix.IsValid() && !a.LinkLocal {
			own = append(own, a.Prefix.Addr())
		}
	})
	if err != nil {
		return nil, fmt.Errorf("addresses: %w", err)
	}
	return own, nil
}
