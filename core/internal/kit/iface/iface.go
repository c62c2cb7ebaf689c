// Package iface owns the container's interface: a link in a network namespace that is made under
// its final name, addressed, routed, announced, checked and found again for its removal.
package iface

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/libcni/libcni/core/internal/host/rtnl"
	"github.com/libcni/libcni/core/internal/kit"
	"github.com/libcni/libcni/core/internal/kit/ipam"
	"github.com/libcni/libcni/core/plugin"
)

// joinTimeout bounds the wait until the kernel has joined the multicast groups of IPv6 addresses.
const joinTimeout = time.Second

// Interface is a container's interface to be configured.
type Interface struct {
	Inv       *plugin.Invocation
	Index     int
	MAC       net.HardwareAddr
	Addresses []rtnl.Address // none: the interface comes up without any
	Routes    []rtnl.Route   // through the interface; Link is set here
	DAD       bool           // find out whether another host has an IPv6 address before it is used
	AcceptRA  bool           // the kernel configures the interface by router advertisements, too
}

func (i *Interface) prefixes() []netip.Prefix {
	prefixes := make([]netip.Prefix, len(i.Addresses))
	for n, a := range i.Addresses {
		prefixes[n] = a.Prefix
	}
	return prefixes
}

func (i *Interface) failed(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("interface %s: %w", i.Inv.IfName, err)
}

// Configure brings the interface up with its addresses and routes, in one request.
func (i *Interface) Configure(ctx context.Context) error {
	container, err := kit.Container(ctx, i.Inv)
	if err != nil {
		return err
	}
	if err := i.prepare(ctx); err != nil {
		return i.failed(err)
	}
	return i.failed(i.configure(ctx, container))
}

func (i *Interface) configure(ctx context.Context, container *rtnl.Conn) error {
	if len(i.Addresses) == 0 {
		return container.SetLink(ctx, i.Index, rtnl.Change{Up: true})
	}
	routes := apart(Through(i.Index, i.Routes))
	return Assign(ctx, container, i.Index, i.Addresses, !i.DAD, func(addresses []rtnl.Address) error {
		return container.Configure(ctx, i.Index, rtnl.Change{Up: true, ArpNotify: true}, addresses,
			routes)
	})
}

// Addresses makes addresses of prefixes, with the fields of like.
func Addresses(prefixes []netip.Prefix, like rtnl.Address) (addresses []rtnl.Address) {
	for _, prefix := range prefixes {
		like.Prefix = prefix
		addresses = append(addresses, like)
	}
	return addresses
}

// Direct is the route to an address that is behind the link itself. source is the preferred source
// address; the invalid one leaves the choice to the kernel.
func Direct(to, source netip.Addr) rtnl.Route {
	route := rtnl.Route{Dst: ipam.Single(to), Source: source}
	if to.Is4() { // IPv6 routes have no scope
		route.Scope = rtnl.ScopeLink
	}
	return route
}

// Through copies routes, with the index of the link they lead through.
func Through(index int, routes []rtnl.Route) []rtnl.Route {
	through := slices.Clone(routes)
	for i := range through {
		through[i].Link = index
	}
	return through
}

// defaultMetric is the kernel's metric of IPv6 routes.
const defaultMetric = 1024

// apart gives IPv6 routes with a gateway and a source address a metric of their link's own. The
// kernel makes one route of two such routes of equal metric, with the source address of the first.
func apart(routes []rtnl.Route) []rtnl.Route {
	for i, r := range routes {
		if r.Dst.Addr().Is6() && r.Gateway.IsValid() && r.Source.IsValid() && r.Priority == 0 {
			routes[i].Priority = defaultMetric + r.Link
		}
	}
	return routes
}

// Assign adds addresses to a link with add, and waits until neighbours that ask for them get an
// answer. noDAD makes them usable immediately; addresses that are still being detected are not
// waited for.
func Assign(ctx context.Context, conn *rtnl.Conn, index int, addresses []rtnl.Address, noDAD bool,
	add func([]rtnl.Address) error) error {
	addresses = slices.Clone(addresses)
	var joining []netip.Prefix
	for i, a := range addresses {
		addresses[i].NoDAD = noDAD
		if a.Prefix.Addr().Is6() && !a.MayExist {
			joining = append(joining, a.Prefix)
		}
	}
	if !noDAD || joining == nil {
		return add(addresses)
	}
	watch, err := conn.WatchAddresses(ctx)
	if err != nil {
		return err
	}
	defer watch.Close()
	if err := add(addresses); err != nil {
		return err
	}
	limited, cancel := context.WithTimeout(ctx, joinTimeout)
	defer cancel()
	if err := watch.Ready(limited, index, joining...); err != nil && limited.Err() == nil {
		return err
	}
	return ctx.Err()
}

// AwaitDetection waits until the addresses are known to be the container's own, if DAD is set.
func (i *Interface) AwaitDetection(ctx context.Context) error {
	if !i.DAD || len(i.Addresses) == 0 {
		return nil
	}
	container, err := kit.Container(ctx, i.Inv)
	if err != nil {
		return err
	}
	return i.failed(container.WaitUsable(ctx, i.Index, i.prefixes()...))
}

// Announce tells the network where the addresses are now, so that neighbours that remember a
// previous holder send to this one. Setting the MAC address to its present value makes the kernel
// do so for all addresses (arp_notify, ndisc_notify), without a packet socket, whose closing takes
// milliseconds.
func (i *Interface) Announce(ctx context.Context) error {
	if len(i.Addresses) == 0 {
		return nil
	}
	container, err := kit.Container(ctx, i.Inv)
	if err != nil {
		return err
	}
	if err := container.SetLink(ctx, i.Index, rtnl.Change{MAC: i.MAC}); err != nil {
		return fmt.Errorf("interface %s: announce: %w", i.Inv.IfName, err)
	}
	return nil
}
