package rtnl

import (
	"context"
	"encoding/binary"
	"fmt"
	"net/netip"
	"strconv"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Route is a unicast route through one link. Zero fields are the kernel's defaults.
type Route struct {
	Dst      netip.Prefix // masked; the default route has length 0
	Gateway  netip.Addr   // not valid for a directly connected destination
	Source   netip.Addr   // preferred source address of what the host itself sends; not valid for the kernel's choice
	Link     int          // index
	MTU      int
	AdvMSS   int
	Priority int
	Table    int  // 0 is the main table
	Scope    int  // one of the Scope constants
	Protocol int  // who made it, RTPROT_*; 0 is RTPROT_BOOT when adding
	Local    bool // as read: the destination is an address of the host
}

// Scopes say how far away a destination is. Others are written as numbers.
const (
	ScopeUniverse = unix.RT_SCOPE_UNIVERSE
	ScopeSite     = unix.RT_SCOPE_SITE
	ScopeLink     = unix.RT_SCOPE_LINK
	ScopeHost     = unix.RT_SCOPE_HOST
	ScopeNowhere  = unix.RT_SCOPE_NOWHERE
)

// ScopeName returns the name that ip(8) gives a scope, or its number.
func ScopeName(scope int) string {
	names := map[int]string{ScopeUniverse: "global", ScopeSite: "site", ScopeLink: "link", ScopeHost: "host",
		ScopeNowhere: "nowhere"}
	if name, known := names[scope]; known {
		return name
	}
	return strconv.Itoa(scope)
}

// AddRoute adds a route beside those to the same destination (IPv6 makes one of several paths of them; IPv4 prefers
// the newest). It wraps ErrExists if there is the same route already.
func (c *Conn) AddRoute(ctx context.Context, r Route) error {
	return c.changeAll(ctx, []request{r.request()})
}

func (r Route) request() request {
	m := nl.NewRtMsg()
	m.Family, m.Dst_len, m.Scope = uint8(family(r.Dst.Addr())), uint8(r.Dst.Bits()), uint8(r.Scope)
	if r.Protocol != 0 {
		m.Protocol = uint8(r.Protocol)
	}
	parts := []nl.NetlinkRequestData{m, nl.NewRtAttr(unix.RTA_DST, r.Dst.Addr().AsSlice())}
	if r.Gateway.IsValid() {
		parts = append(parts, nl.NewRtAttr(unix.RTA_GATEWAY, r.Gateway.AsSlice()))
	}
	if r.Source.IsValid() {
		parts = append(parts, nl.NewRtAttr(unix.RTA_PREFSRC, r.Source.AsSlice()))
	}
	for _, a := range []struct{ kind, value int }{
		{unix.RTA_OIF, r.Link}, {unix.RTA_PRIORITY, r.Priority}, {unix.RTA_TABLE, r.Table},
	} {
		if a.value != 0 {
			parts = append(parts, u32(a.kind, uint32(a.value)))
		}
	}
	if r.Table != 0 {
		m.Table = unix.RT_TABLE_UNSPEC // the attribute holds it, which has room for more than 255
	}
	if metrics := routeMetrics(r); metrics != nil {
		parts = append(parts, metrics)
	}
	return request{kind: unix.RTM_NEWROUTE, flags: unix.NLM_F_CREATE, parts: parts, doing: fmt.Sprintf("route %s: add", r)}
}

func routeMetrics(r Route) *nl.RtAttr {
	if r.MTU == 0 && r.AdvMSS == 0 {
		return nil
	}
	metrics := nest(unix.RTA_METRICS)
	if r.MTU != 0 {
		metrics.AddChild(u32(unix.RTAX_MTU, uint32(r.MTU)))
	}
	if r.AdvMSS != 0 {
		metrics.AddChild(u32(unix.RTAX_ADVMSS, uint32(r.AdvMSS)))
	}
	return metrics
}

// Routes lists the unicast routes of one link, of all tables, IPv4 first. A route of several paths appears once for
// each that leads through the link.
func (c *Conn) Routes(ctx context.Context, index int) ([]Route, error) {
	return c.routes(ctx, []nl.NetlinkRequestData{u32(unix.RTA_OIF, uint32(index))},
		[]int{unix.AF_INET, unix.AF_INET6}, func(r Route) bool { return r.Link == index })
}

// AdvertisedRoutes lists the IPv6 routes that came with router advertisements, of all links.
func (c *Conn) AdvertisedRoutes(ctx context.Context) ([]Route, error) {
	return c.routes(ctx, nil, []int{unix.AF_INET6}, func(r Route) bool { return r.Protocol == unix.RTPROT_RA })
}

func (c *Conn) routes(ctx context.Context, filter []nl.NetlinkRequestData, families []int, want func(Route) bool) ([]Route, error) {
	var found []Route
	for _, family := range families {
		m := &nl.RtMsg{RtMsg: unix.RtMsg{Family: uint8(family)}}
		err := c.dump(ctx, unix.RTM_GETROUTE, m, filter, func(data []byte) {
			for _, r := range parseRoutes(data) {
				if want(r) {
					found = append(found, r)
				}
			}
		})
		if err != nil {
			return nil, fmt.Errorf("routes: %w", err)
		}
	}
	return found, nil
}

// DefaultRoute returns the route that the kernel takes to the whole Internet: the IPv4 default route, else the IPv6
// one. It asks for one destination, so that a large routing table costs nothing. It wraps ErrNotFound.
func (c *Conn) DefaultRoute(ctx context.Context) (Route, error) {
	for _, example := range []string{"198.51.100.1", "2001:db8::1"} { // reserved for documentation, RFC 5737 and 3849
		dst := netip.MustParseAddr(example)
		m := &nl.RtMsg{RtMsg: unix.RtMsg{Family: uint8(family(dst)), Dst_len: uint8(dst.BitLen()), Flags: unix.RTM_F_FIB_MATCH}}
		data, err := c.get(ctx, unix.RTM_GETROUTE, m, nl.NewRtAttr(unix.RTA_DST, dst.AsSlice()))
		if err != nil {
			if ctx.Err() != nil {
				return Route{}, err
			}
			continue // unreachable: the kernel says so with one of several error numbers
		}
		for _, r := range parseRoutes(data) {
			if r.Dst.Bits() == 0 && r.Link != 0 {
				return r, nil
			}
		}
	}
	return Route{}, fmt.Errorf("default route: %w", ErrNotFound)
}

// parseRoutes returns one route per path of a unicast route, and none for other types.
func parseRoutes(data []byte) []Route {
	if len(data) < unix.SizeofRtMsg || data[7] != unix.RTN_UNICAST {
		return nil
	}

	r := parseRoute(data)
	if paths := multipath(data); paths != nil {
		return r.perPath(paths)
	}
	return []Route{r}
}

func multipath(data []byte) (paths []byte) {
	each(data[unix.SizeofRtMsg:], func(kind int, value []byte) {
		if kind == unix.RTA_MULTIPATH {
			paths = value
		}
	})
	return paths
}

// parseRoute reads a message of at least struct rtmsg, without the paths of a multipath route.
func parseRoute(data []byte) Route {
	r := Route{Table: int(data[4]), Protocol: int(data[5]), Scope: int(data[6]), Local: data[7] == unix.RTN_LOCAL}
	dst := netip.IPv4Unspecified()
	if data[0] == unix.AF_INET6 {
		dst = netip.IPv6Unspecified()
	}
	each(data[unix.SizeofRtMsg:], func(kind int, value []byte) {
		switch kind {
		case unix.RTA_DST:
			dst, _ = netip.AddrFromSlice(value)
		case unix.RTA_GATEWAY:
			r.Gateway, _ = netip.AddrFromSlice(value)
		case unix.RTA_PREFSRC:
			r.Source, _ = netip.AddrFromSlice(value)
		case unix.RTA_OIF:
			r.Link = int(number(value))
		case unix.RTA_PRIORITY:
			r.Priority = int(number(value))
		case unix.RTA_TABLE:
			r.Table = int(number(value))
		case unix.RTA_METRICS:
			r.parseMetrics(value)
		}
	})
	r.Dst = netip.PrefixFrom(dst, int(data[1]))
	return r
}

func (r *Route) parseMetrics(metrics []byte) {
	each(metrics, func(kind int, value []byte) {
		switch kind {
		case unix.RTAX_MTU:
			r.MTU = int(number(value))
		case unix.RTAX_ADVMSS:
			r.AdvMSS = int(number(value))
		}
	})
}

// perPath copies the route for each of its next hops (struct rtnexthop and its attributes).
func (r Route) perPath(hops []byte) []Route {
	var routes []Route
	for len(hops) >= unix.SizeofRtNexthop {
		length := int(binary.NativeEndian.Uint16(hops))
		if length < unix.SizeofRtNexthop || length > len(hops) {
			break
		}
		path := r
		path.Link = int(binary.NativeEndian.Uint32(hops[4:]))
		each(hops[unix.SizeofRtNexthop:length], func(kind int, value []byte) {
			if kind == unix.RTA_GATEWAY {
				path.Gateway, _ = netip.AddrFromSlice(value)
			}
		})
		routes = append(routes, path)
		hops = hops[min(len(hops), (length+3)&^3):]
	}
	return routes
}

// String returns the route as ip(8) takes it, such as "10.0.0.0/8 via 10.1.0.1 mtu 1400".
func (r Route) String() string {
	s := r.Dst.String()
	if r.Gateway.IsValid() {
		s += " via " + r.Gateway.String()
	}
	if r.Source.IsValid() {
		s += " src " + r.Source.String()
	}
	for _, f := range []struct {
		name  string
		value int
	}{{"mtu", r.MTU}, {"advmss", r.AdvMSS}, {"priority", r.Priority}, {"table", r.Table}} {
		if f.value != 0 {
			s += fmt.Sprintf(" %s %d", f.name, f.value)
		}
	}
	if r.Scope != ScopeUniverse {
		s += " scope " + ScopeName(r.Scope)
	}
	return s
}

// RemoveRoute removes the first route of the main table, or of r.Table, that matches what r says. It wraps ErrNotFound.
func (c *Conn) RemoveRoute(ctx context.Context, r Route) error {
	m := &nl.RtMsg{RtMsg: unix.RtMsg{Family: uint8(family(r.Dst.Addr())), Dst_len: uint8(r.Dst.Bits()),
		Table: unix.RT_TABLE_MAIN, Scope: unix.RT_SCOPE_NOWHERE}}
	parts := []nl.NetlinkRequestData{m, nl.NewRtAttr(unix.RTA_DST, r.Dst.Addr().AsSlice())}
	if r.Gateway.IsValid() {
		parts = append(parts, nl.NewRtAttr(unix.RTA_GATEWAY, r.Gateway.AsSlice()))
	}
	if r.Table != 0 {
		parts = append(parts, u32(unix.RTA_TABLE, uint32(r.Table)))
	}
	if err := c.change(ctx, unix.RTM_DELROUTE, 0, parts...); err != nil {
		return fmt.Errorf("route %s: remove: %w", r, err)
	}
	return nil
}
