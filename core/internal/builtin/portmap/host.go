package portmap

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"net/netip"
	"slices"
	"sort"

	"github.com/libcni/libcni/core/internal/host/rtnl"
	"github.com/libcni/libcni/core/internal/host/sockets"
	"github.com/libcni/libcni/core/internal/host/sysctl"
	"github.com/libcni/libcni/core/internal/kit"
	"github.com/libcni/libcni/core/plugin"
)

// warnOfHostIPs warns of host addresses that the host does not have: they may move to this host
// later, as keepalived moves them.
func warnOfHostIPs(ctx context.Context, inv *plugin.Invocation, host *rtnl.Conn,
	mappings []mapping) error {
	known := map[netip.Addr]bool{}
	for _, m := range mappings {
		if !m.hostIP.IsValid() || known[m.hostIP] {
			continue
		}
		known[m.hostIP] = true
		route, err := host.RouteGet(ctx, m.hostIP)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil || !route.Local { // whatever the reason
			inv.Warn("%s.hostIP: %s is not an address of this host; host port %s is published once it is",
				m.key, m.hostIP, m)
		}
	}
	return nil
}

// warnOfSockets warns of processes with a socket on a port that is about to be published: they will
// receive no more connections.
func warnOfSockets(ctx context.Context, inv *plugin.Invocation, mappings []mapping) error {
	if inv.Warnings == nil {
		return nil
	}
	for _, proto := range []protocol{tcp, udp} {
		own := slices.DeleteFunc(slices.Clone(mappings),
			func(m mapping) bool { return m.proto != proto })
		if len(own) == 0 {
			continue
		}
		bound, err := boundTo(ctx, own)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			inv.Warn("cannot list the sockets of the host: %v", err)
			return nil
		}
		for _, m := range own {
			m.warnOfSockets(inv, bound)
		}
	}
	return nil
}

// boundTo returns the sockets of the host on the ports of mappings of one protocol, by port. It
// lists them once: a list for each mapping would cost the kernel a search through all sockets.
func boundTo(ctx context.Context, mappings []mapping) ([]netip.AddrPort, error) {
	first, last := maxPort, 0
	for _, m := range mappings {
		first, last = min(first, m.hostPort), max(last, m.hostPort+m.count-1)
	}
	bound, err := sockets.Bound(ctx, byte(mappings[0].proto), uint16(first), uint16(last))
	slices.SortStableFunc(bound,
		func(a, b netip.AddrPort) int { return cmp.Compare(a.Port(), b.Port()) })
	return bound, err
}

// warnOfSockets warns of the first of the sockets, which are sorted by port, that the mapping
// covers.
func (m mapping) warnOfSockets(inv *plugin.Invocation, bound []netip.AddrPort) {
	from := sort.Search(len(bound), func(i int) bool { return int(bound[i].Port()) >= m.hostPort })
	for _, b := range bound[from:] {
		if int(b.Port()) >= m.hostPort+m.count {
			return
		}
		if m.covers(b.Addr()) {
			inv.Warn("host port %s: a process of the host listens on %s; its packets now go to the "+
				"container", m, b)
			return
		}
	}
}

// covers reports whether a socket bound to an address would get packets to the mapping's ports. A
// socket bound to :: usually gets IPv4 too.
func (m mapping) covers(bound netip.Addr) bool {
	bound = bound.Unmap()
	switch {
	case bound == netip.IPv6Unspecified():
		return true
	case bound == netip.IPv6Loopback():
		return false // never translated
	case !m.in(familyOf(bound)):
		return false
	default:
		return !m.hostIP.IsValid() || bound.IsUnspecified() || m.hostIP == bound
	}
}

// linkTo returns the name of the link on the route to an address, "" for an invalid address.
func linkTo(ctx context.Context, inv *plugin.Invocation, addr netip.Addr) (string, error) {
	if !addr.IsValid() {
		return "", nil
	}
	host, err := kit.Host(ctx, inv)
	if err != nil {
		return "", err
	}
	route, err := host.RouteGet(ctx, addr)
	if err != nil {
		return "", err
	}
	link, err := host.LinkByIndex(ctx, route.Link)
	if err != nil {
		return "", err
	}
	return link.Name, nil
}

func routeLocalnet(link string) string { return sysctl.Link("ipv4", link, "route_localnet") }

// setRouteLocalnet turns route_localnet of a link off or on. It succeeds if the link no longer
// exists.
func setRouteLocalnet(link string, on bool) error {
	value := "0"
	if on {
		value = "1"
	}
	if _, err := sysctl.Set(routeLocalnet(link), value); err != nil &&
		(on || !errors.Is(err, fs.ErrNotExist)) {
		return err
	}
	return nil
}

// hairpinPort returns the host end of the container's interface if it is a bridge port that must
// send packets back to where they came from. Where the kernel passes bridged packets to the packet
// filter, it translates a packet from a container to its own published port before the bridge
// forwards it; the packet is then bridged, not routed.
func hairpinPort(ctx context.Context, inv *plugin.Invocation) (*rtnl.Link, error) {
	if inv.Netns == nil || !filtersBridged() {
		return nil, nil
	}
	container, err := kit.Container(ctx, inv)
	if err != nil {
		return nil, err
	}
	end, err := container.LinkByName(ctx, inv.IfName)
	if errors.Is(err, rtnl.ErrNotFound) || err == nil && end.Peer == 0 {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	host, err := kit.Host(ctx, inv)
	if err != nil {
		return nil, err
	}
	link, err := host.LinkByIndex(ctx, end.Peer)
	if errors.Is(err, rtnl.ErrNotFound) ||
		err == nil && (link.Port == nil || link.Kind != "veth" || link.Peer != end.Index) {
		return nil, nil
	}
	return link, err
}

func filtersBridged() bool {
	for _, program := range []string{"iptables", "ip6tables"} {
		key := "bridge/bridge-nf-call-" + program
		if value, err := sysctl.Get(key); err == nil && value != "0" {
			return true
		}
	}
	return false
}

func enableHairpin(ctx context.Context, inv *plugin.Invocation) error {
	link, err := hairpinPort(ctx, inv)
	if err != nil || link == nil || link.Port.Hairpin {
		return err
	}
	host, err := kit.Host(ctx, inv)
	if err != nil {
		return err
	}
	return host.SetPort(ctx, link.Index, rtnl.Port{Hairpin: true}, nil)
}
