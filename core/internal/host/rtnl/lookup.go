package rtnl

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// NameIsFree reports that no link has the name. False means "unknown", not "taken".
//
// It avoids the lock that RTM_GETLINK waits for while links are created and deleted: it tries to
// bind the connection's socket to the link (socket(7), SO_BINDTODEVICE), an option that netlink
// ignores.
func (c *Conn) NameIsFree(name string) bool {
	if len(name) >= unix.IFNAMSIZ {
		return false // the kernel would look up the truncated name
	}

	fd := c.netlink.Fd()
	err := unix.SetsockoptString(fd, unix.SOL_SOCKET, unix.SO_BINDTODEVICE, name)
	if err == nil {
		_ = unix.SetsockoptString(fd, unix.SOL_SOCKET, unix.SO_BINDTODEVICE, "")
	}
	return err == unix.ENODEV
}

// RouteGet asks the kernel how it would route packets to an address, as "ip route get" does. Local
// says that the address is the host's own; Link is then the index of lo. If there is no route, the
// error is the kernel's.
func (c *Conn) RouteGet(ctx context.Context, addr netip.Addr) (Route, error) {
	data, err := c.routeGet(ctx, addr, 0)
	if err != nil {
		return Route{}, fmt.Errorf("route to %s: %w", addr, err)
	}
	if len(data) < unix.SizeofRtMsg {
		return Route{}, fmt.Errorf("route to %s: %w", addr, ErrNotFound)
	}
	return parseRoute(data), nil
}

// RouteTo returns the route that the kernel takes to an address, as the routing table has it.
// Without a route it fails as IsUnreachable describes; a local route is ErrNotFound.
func (c *Conn) RouteTo(ctx context.Context, addr netip.Addr) (Route, error) {
	data, err := c.routeGet(ctx, addr, unix.RTM_F_FIB_MATCH)
	if err != nil {
		return Route{}, fmt.Errorf("route to %s: %w", addr, err)
	}
	routes := parseRoutes(data)
	if len(routes) == 0 {
		return Route{}, fmt.Errorf("route to %s: %w", addr, ErrNotFound)
	}
	return routes[0], nil
}

// IsUnreachable reports whether an error of a route look-up says that no route leads to an address.
func IsUnreachable(err error) bool {
	for _, none := range []error{unix.ENETUNREACH, unix.EHOSTUNREACH, // no route
		unix.EACCES, unix.EINVAL} { // a route of kind prohibit, of kind blackhole
		if errors.Is(err, none) {
			return true
		}
	}
	return false
}

// DefaultRoute returns the host's default route: of IPv4 if there is one, else of IPv6. It asks for
// one destination, so that its cost does not depend on the size of the routing table. The error
// wraps ErrNotFound.
func (c *Conn) DefaultRoute(ctx context.Context) (Route, error) {
	// reserved for documentation, RFC 5737 and 3849
	for _, example := range []string{"198.51.100.1", "2001:db8::1"} {
		data, err := c.routeGet(ctx, netip.MustParseAddr(example), unix.RTM_F_FIB_MATCH)
		if err != nil {
			if ctx.Err() != nil {
				return Route{}, ctx.Err()
			}
			continue // unreachable, for which the kernel has several error numbers
		}
		for _, r := range parseRoutes(data) {
			if r.Dst.Bits() == 0 && r.Link != 0 {
				return r, nil
			}
		}
	}
	return Route{}, fmt.Errorf("default route: %w", ErrNotFound)
}

func (c *Conn) routeGet(ctx context.Context, addr netip.Addr, flags uint32) ([]byte, error) {
	e := routeMessage(routeFields{family: family(addr), bits: uint8(addr.BitLen()), flags: flags})
	e.Bytes(unix.RTA_DST, addr.AsSlice())
	return c.get(ctx, unix.RTM_GETROUTE, e)
}
