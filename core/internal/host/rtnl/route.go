package rtnl

import (
	"context"
	"encoding/binary"
	"fmt"
	"net/netip"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/libcni/libcni/core/internal/host/netlink"
)

// Route is a unicast or local route through one link. Zero fields are the kernel's defaults.
type Route struct {
	Dst     netip.Prefix // masked; the default route has length 0
	Gateway netip.Addr   // not valid for a directly connected destination
	// preferred source address of what the host itself sends; not valid for the kernel's choice
	Source   netip.Addr
	Link     int // index
	MTU      int
	AdvMSS   int
	Priority int
	Table    int  // 0 is the main table, when adding a local route the local table
	Scope    int  // one of the Scope constants
	Protocol int  // who made it, RTPROT_*; 0 is RTPROT_BOOT when adding
	Local    bool // the destination is an address of the host
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
	switch scope {
	case ScopeUniverse:
		return "global"
	case ScopeSite:
		return "site"
	case ScopeLink:
		return "link"
	case ScopeHost:
		return "host"
	case ScopeNowhere:
		return "nowhere"
	default:
		return strconv.Itoa(scope)
	}
}

// AddRoute adds a route beside those to the same destination (IPv6 makes one of several paths of
// them; IPv4 prefers the newest). The error wraps ErrExists if the same route is there.
func (c *Conn) AddRoute(ctx context.Context, r Route) error {
	return c.changeAll(ctx, []request{r.request()})
}

func (r Route) request() request {
	fields := routeFields{family: family(r.Dst.Addr()), bits: uint8(r.Dst.Bits()),
		scope: uint8(r.Scope),
		table: unix.RT_TABLE_MAIN, protocol: unix.RTPROT_BOOT, kind: unix.RTN_UNICAST}
	if r.Protocol != 0 {
		fields.protocol = uint8(r.Protocol)
	}
	if r.Local {
		fields.kind, fields.table = unix.RTN_LOCAL, unix.RT_TABLE_LOCAL
	}
	if r.Table != 0 {
		fields.table = unix.RT_TABLE_UNSPEC // the attribute holds it, which has room for more than 255
	}

	e := routeMessage(fields)
	e.Bytes(unix.RTA_DST, r.Dst.Addr().AsSlice())
	if r.Gateway.IsValid() {
		e.Bytes(unix.RTA_GATEWAY, r.Gateway.AsSlice())
	}
	if r.Source.IsValid() {
		e.Bytes(unix.RTA_PREFSRC, r.Source.AsSlice())
	}
	appendNumbers(e, number{unix.RTA_OIF, r.Link}, number{unix.RTA_PRIORITY, r.Priority},
		number{unix.RTA_TABLE, r.Table})
	if r.MTU != 0 || r.AdvMSS != 0 {
		e.Open(unix.RTA_METRICS)
		appendNumbers(e, number{unix.RTAX_MTU, r.MTU}, number{unix.RTAX_ADVMSS, r.AdvMSS})
		e.Close()
	}
	return request{kind: unix.RTM_NEWROUTE, flags: unix.NLM_F_CREATE, body: e,
		doing: fmt.Sprintf("route %s: add", r)}
}

type number struct {
	kind  uint16
	value int
}

// appendNumbers appends those numbers that are not 0.
func appendNumbers(e *netlink.Encoder, numbers ...number) {
	for _, n := range numbers {
		if n.value != 0 {
			e.Uint32(n.kind, uint32(n.value))
		}
	}
}

// RemoveRoute removes the first route of the main table, of the local table if r.Local is set, or
// of r.Table, that has r's destination, and r's gateway and link if they are set. The error wraps
// ErrNotFound.
func (c *Conn) RemoveRoute(ctx context.Context, r Route) error {
	e := routeMessage(routeFields{family: family(r.Dst.Addr()), bits: uint8(r.Dst.Bits()),
		table: unix.RT_TABLE_MAIN, scope: unix.RT_SCOPE_NOWHERE})
	e.Bytes(unix.RTA_DST, r.Dst.Addr().AsSlice())
	if r.Gateway.IsValid() {
		e.Bytes(unix.RTA_GATEWAY, r.Gateway.AsSlice())
	}
	table := r.Table
	if r.Local && table == 0 {
		table = unix.RT_TABLE_LOCAL
	}
	appendNumbers(e, number{unix.RTA_OIF, r.Link}, number{unix.RTA_TABLE, table})
	if err := c.change(ctx, unix.RTM_DELROUTE, 0, e); err != nil {
		return fmt.Errorf("route %s: remove: %w", r, err)
	}
	return nil
}

// Routes lists the unicast routes of one link, of all tables, IPv4 first. A route of several paths
// appears once for each path through the link.
func (c *Conn) Routes(ctx context.Context, index int) ([]Route, error) {
	return c.routes(ctx, index, func(r Route) bool { return r.Link == index }, unix.AF_INET,
		unix.AF_INET6)
}

// AdvertisedRoutes lists the IPv6 routes of all links that came with router advertisements.
func (c *Conn) AdvertisedRoutes(ctx context.Context) ([]Route, error) {
	return c.routes(ctx, 0, func(r Route) bool { return r.Protocol == unix.RTPROT_RA }, unix.AF_INET6)
}

// routes lists the routes that want selects, of one link unless index is 0.
func (c *Conn) routes(ctx context.Context, index int, want func(Route) bool,
	families ...uint8) ([]Route, error) {
	var found []Route
	for _, family := range families {
		e := routeMessage(routeFields{family: family})
		appendNumbers(e, number{unix.RTA_OIF, index})
		err := c.dump(ctx, unix.RTM_GETROUTE, e, func(data []byte) {
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

// parseRoutes returns one route per path of a unicast route, and none for other types.
func parseRoutes(data []byte) []Route {
	if len(data) < unix.SizeofRtMsg || data[7] != unix.RTN_UNICAST {
		return nil
	}

	r := parseRoute(data)
	for d := netlink.DecodeAfter(data, unix.SizeofRtMsg); d.Next(); {
		if d.Kind() == unix.RTA_MULTIPATH {
			return r.perPath(d.Bytes())
		}
	}
	return []Route{r}
}

// parseRoute reads a message of at least struct rtmsg, without the paths of a multipath route.
func parseRoute(data []byte) Route {
	r := Route{Table: int(data[4]), Protocol: int(data[5]), Scope: int(data[6]),
		Local: data[7] == unix.RTN_LOCAL}
	dst := netip.IPv4Unspecified()
	if data[0] == unix.AF_INET6 {
		dst = netip.IPv6Unspecified()
	}
	for d := netlink.DecodeAfter(data, unix.SizeofRtMsg); d.Next(); {
		switch d.Kind() {
		case unix.RTA_DST:
			dst, _ = netip.AddrFromSlice(d.Bytes())
		case unix.RTA_GATEWAY:
			r.Gateway, _ = netip.AddrFromSlice(d.Bytes())
		case unix.RTA_PREFSRC:
			r.Source, _ = netip.AddrFromSlice(d.Bytes())
		case unix.RTA_OIF:
			r.Link = d.Int()
		case unix.RTA_PRIORITY:
			r.Priority = int(d.Uint32())
		case unix.RTA_TABLE:
			r.Table = int(d.Uint32())
		case unix.RTA_METRICS:
			r.parseMetrics(d.Bytes())
		}
	}
	r.Dst = netip.PrefixFrom(dst, int(data[1]))
	return r
}

func (r *Route) parseMetrics(metrics []byte) {
	for d := netlink.Decode(metrics); d.Next(); {
		switch d.Kind() {
		case unix.RTAX_MTU:
			r.MTU = d.Int()
		case unix.RTAX_ADVMSS:
			r.AdvMSS = d.Int()
		}
	}
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
		for d := netlink.DecodeAfter(hops[:length], unix.SizeofRtNexthop); d.Next(); {
			if d.Kind() == unix.RTA_GATEWAY {
				path.Gateway, _ = netip.AddrFromSlice(d.Bytes())
			}
		}
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
