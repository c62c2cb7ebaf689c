package portmap

import (
	"context"
	"errors"
	"net/netip"

	"github.com/libcni/libcni/core/internal/host/conntrack"
	"github.com/libcni/libcni/core/internal/host/rtnl"
	"github.com/libcni/libcni/core/plugin"
)

// flows are the UDP flows that the kernel must forget, because it would otherwise keep their
// earlier translation. They are described twice: by selectors for the kernel, and by a condition on
// the flows to some destinations.
type flows struct {
	selectors    []conntrack.Selector
	destinations []conntrack.Destination
	matches      func(conntrack.Flow) bool
}

// maxSelectors is the maximum number of selectors that are given to the kernel, which scans all
// flows for each. A listing of the flows costs as much as a few dozen selectors.
const maxSelectors = 24

// forget removes the flows. A kernel without ctnetlink causes only a warning, since new flows
// are translated correctly.
func (f flows) forget(ctx context.Context, inv *plugin.Invocation) error {
	var err error
	if len(f.selectors) <= maxSelectors {
		err = conntrack.Remove(ctx, f.selectors)
	} else {
		_, err = conntrack.Forget(ctx, f.destinations, f.matches)
	}
	if errors.Is(err, conntrack.ErrUnsupported) {
		inv.Warn("existing UDP flows may keep their earlier destination: %v", err)
		return nil
	}
	return err
}

// flowsToHost returns the flows to published ports, at any address of the host, that lead elsewhere
// than to the published container.
func flowsToHost(ctx context.Context, host *rtnl.Conn, ports []port) (flows, error) {
	var f flows
	local := hostAddresses{ctx: ctx, host: host, known: map[family][]netip.Addr{}}
	published := sortedOf(ports, udp)
	f.destinations = destinations(published.ports)
	for _, p := range published.ports {
		addresses, err := local.of(p)
		if err != nil {
			return flows{}, err
		}
		for i := 0; i < p.count && len(f.selectors) <= maxSelectors; i++ {
			d := p.at(i).destination()
			for _, d.Addr = range addresses {
				f.selectors = append(f.selectors, conntrack.Selector{Destination: d})
			}
		}
	}
	f.matches = func(flow conntrack.Flow) bool {
		p, found := published.publishing(flow.To)
		if !found || flow.Answers == p.to {
			return false
		}
		route, err := host.RouteGet(ctx, flow.To.Addr())
		return err == nil && route.Local
	}
	return f, nil
}

// destinations are those of the ports. For many it is all of their protocol.
func destinations(ports []port) []conntrack.Destination {
	var all []conntrack.Destination
	for _, p := range ports {
		for i := range p.count {
			if all = append(all, p.at(i).destination()); len(all) > maxSelectors {
				return []conntrack.Destination{
					{Addr: unspecified(v4), Proto: byte(udp)}, {Addr: unspecified(v6), Proto: byte(udp)},
				}
			}
		}
	}
	return all
}

// flowsToContainers returns the flows to the containers of removed ports.
func flowsToContainers(ports []port) flows {
	var f flows
	removed := sortedOf(ports, udp)
	f.destinations = destinations(removed.ports)
	for _, p := range removed.ports {
		for i := 0; i < p.count && len(f.selectors) <= maxSelectors; i++ {
			one := p.at(i)
			f.selectors = append(f.selectors,
				conntrack.Selector{Destination: one.destination(), Answers: one.to})
		}
	}
	f.matches = func(flow conntrack.Flow) bool {
		p, found := removed.publishing(flow.To)
		return found && flow.Answers == p.to
	}
	return f
}

// hostAddresses reads the addresses of the host, once for each family.
type hostAddresses struct {
	ctx   context.Context
	host  *rtnl.Conn
	known map[family][]netip.Addr
}

// of returns the addresses on which a port is published.
func (h hostAddresses) of(p port) ([]netip.Addr, error) {
	if p.hostIP.IsValid() {
		return []netip.Addr{p.hostIP}, nil
	}
	if _, known := h.known[p.family]; !known {
		addresses, err := h.host.OwnAddresses(h.ctx, unspecified(p.family))
		if err != nil {
			return nil, err
		}
		h.known[p.family] = addresses
	}
	return h.known[p.family], nil
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
