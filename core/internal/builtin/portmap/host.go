package portmap

import (
	"context"
	"errors"
	"io/fs"
	"net/netip"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/host/conntrack"
	"github.com/libcni/libcni/core/internal/host/rtnl"
	"github.com/libcni/libcni/core/internal/host/sockets"
	"github.com/libcni/libcni/core/internal/host/sysctl"
	"github.com/libcni/libcni/core/internal/kit"
	"github.com/libcni/libcni/core/plugin"
)

// checkHostIPs refuses addresses that are not the host's.
func checkHostIPs(ctx context.Context, host *rtnl.Conn, mappings []mapping) error {
	for _, m := range mappings {
		if !m.hostIP.IsValid() {
			continue
		}
		way, err := host.RouteGet(ctx, m.hostIP)
		if ctx.Err() != nil {
			return err
		}
		if err != nil || !way.Local { // whatever it is that makes it unreachable
			return fault.InvalidConfig(m.key+".hostIP", "%s.hostIP: %s is not an address of this host", m.key, m.hostIP)
		}
	}
	return nil
}

// warnOfSockets tells of processes that wait on a port that is about to be translated: they get no connections from now on.
func warnOfSockets(ctx context.Context, inv *plugin.Invocation, mappings []mapping) error {
	if inv.Warnings == nil {
		return nil
	}
	for _, m := range mappings {
		if m.proto == sctp {
			continue
		}
		bound, err := sockets.Bound(ctx, byte(m.proto), uint16(m.hostPort), uint16(m.hostPort+m.count-1))
		if ctx.Err() != nil {
			return err
		}
		if err != nil {
			inv.Warn("cannot see which ports processes of the host wait on: %v", err)
			return nil
		}
		for _, b := range bound {
			if m.meets(b.Addr()) {
				inv.Warn("host port %s: a process of the host waits on %s; what is sent there goes to the container now", m, b)
				break
			}
		}
	}
	return nil
}

// meets says whether a socket on an address would get what is translated. One on :: gets IPv4 too, unless it says otherwise.
func (m mapping) meets(bound netip.Addr) bool {
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

// linkTo names the link of the host that leads to an address.
func linkTo(ctx context.Context, inv *plugin.Invocation, addr netip.Addr) (string, error) {
	if !addr.IsValid() {
		return "", nil
	}
	host, err := kit.Host(ctx, inv)
	if err != nil {
		return "", err
	}
	way, err := host.RouteGet(ctx, addr)
	if err != nil {
		return "", err
	}
	link, err := host.LinkByIndex(ctx, way.Link)
	if err != nil {
		return "", err
	}
	return link.Name, nil
}

func routeLocalnet(link string) string { return sysctl.Link("ipv4", link, "route_localnet") }

// setRouteLocalnet lets packets from 127.0.0.0/8 leave through a link, or not. With a link that is gone its setting is.
func setRouteLocalnet(link string, on bool) error {
	value := "0"
	if on {
		value = "1"
	}
	if _, err := sysctl.Set(routeLocalnet(link), value); err != nil && (on || !errors.Is(err, fs.ErrNotExist)) {
		return err
	}
	return nil
}

// reflectable returns the host's end of the container's interface if it is a bridge port that must send packets back where they came
// from: where the kernel shows bridged packets to the packet filter, one from a container to its own published port is
// translated before the bridge decides, and never becomes a routed one.
func reflectable(ctx context.Context, inv *plugin.Invocation) (*rtnl.Link, error) {
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
	if errors.Is(err, rtnl.ErrNotFound) || err == nil && (link.Port == nil || link.Kind != "veth" || link.Peer != end.Index) {
		return nil, nil
	}
	return link, err
}

func filtersBridged() bool {
	for _, key := range []string{"bridge/bridge-nf-call-iptables", "bridge/bridge-nf-call-ip6tables"} {
		if value, err := sysctl.Get(key); err == nil && value != "0" {
			return true
		}
	}
	return false
}

func makeReflect(ctx context.Context, inv *plugin.Invocation) error {
	link, err := reflectable(ctx, inv)
	if err != nil || link == nil || link.Port.Hairpin {
		return err
	}
	host, err := kit.Host(ctx, inv)
	if err != nil {
		return err
	}
	return host.SetPort(ctx, link.Index, rtnl.Port{Hairpin: true}, nil)
}

// few is up to how many selections the kernel goes through its connections for each; a listing costs as much as some dozens.
const few = 24

// forgetFlows makes the kernel forget what it remembers of datagrams to ports that lead to a container from now on, at
// any address of the host: those that anybody else answers.
func forgetFlows(ctx context.Context, inv *plugin.Invocation, ports []port) error {
	host, err := kit.Host(ctx, inv)
	if err != nil {
		return err
	}
	var destinations []conntrack.Destination
	var selectors []conntrack.Selector
	own := map[family][]netip.Addr{}
	lead := map[conntrack.Destination]netip.AddrPort{}
	for _, p := range ports {
		if p.proto != udp {
			continue
		}
		d := p.destination()
		destinations = append(destinations, d)
		lead[d] = p.to
		addresses := []netip.Addr{p.hostIP}
		if !p.hostIP.IsValid() {
			if _, known := own[p.family]; !known {
				if own[p.family], err = host.OwnAddresses(ctx, unspecified(p.family)); err != nil {
					return err
				}
			}
			addresses = own[p.family]
		}
		for _, d.Addr = range addresses {
			selectors = append(selectors, conntrack.Selector{Destination: d})
		}
	}
	if len(selectors) <= few {
		return unlessUnsupported(inv, conntrack.Remove(ctx, selectors))
	}
	_, err = conntrack.Forget(ctx, destinations, func(f conntrack.Flow) bool {
		to, found := lead[conntrack.Destination{Addr: f.To.Addr(), Port: f.To.Port(), Proto: f.Proto}]
		if !found {
			to = lead[conntrack.Destination{Addr: unspecified(familyOf(f.To.Addr())), Port: f.To.Port(), Proto: f.Proto}]
		}
		if f.Answers == to {
			return false
		}
		way, err := host.RouteGet(ctx, f.To.Addr())
		return err == nil && way.Local
	})
	return unlessUnsupported(inv, err)
}

// unlessUnsupported makes a warning of what a kernel without ctnetlink answers: all but its old datagrams works.
func unlessUnsupported(inv *plugin.Invocation, err error) error {
	if errors.Is(err, conntrack.ErrUnsupported) {
		inv.Warn("datagrams of before may go on to where they went: %v", err)
		return nil
	}
	return err
}

// forgetAnswers makes the kernel forget the datagrams that the containers of ports that are gone have answered.
func forgetAnswers(ctx context.Context, inv *plugin.Invocation, ports []port) error {
	var destinations []conntrack.Destination
	var selectors []conntrack.Selector
	gone := map[netip.AddrPort]bool{}
	for _, p := range ports {
		if p.proto == udp {
			destinations = append(destinations, p.destination())
			selectors = append(selectors, conntrack.Selector{Destination: p.destination(), Answers: p.to})
			gone[p.to] = true
		}
	}
	if len(selectors) <= few {
		return unlessUnsupported(inv, conntrack.Remove(ctx, selectors))
	}
	_, err := conntrack.Forget(ctx, destinations, func(f conntrack.Flow) bool { return gone[f.Answers] })
	return unlessUnsupported(inv, err)
}

func (p port) destination() conntrack.Destination {
	d := conntrack.Destination{Addr: p.hostIP, Port: p.number, Proto: byte(p.proto)}
	if !d.Addr.IsValid() {
		d.Addr = unspecified(p.family)
	}
	return d
}

func unspecified(f family) netip.Addr {
	if f == v6 {
		return netip.IPv6Unspecified()
	}
	return netip.IPv4Unspecified()
}
