package iface

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"

	types100 "github.com/containernetworking/cni/pkg/types/100"

	"github.com/libcni/libcni/core/internal/host/rtnl"
	"github.com/libcni/libcni/core/internal/kit"
	"github.com/libcni/libcni/core/internal/kit/drift"
	"github.com/libcni/libcni/core/internal/kit/ipam"
	"github.com/libcni/libcni/core/internal/kit/record"
	"github.com/libcni/libcni/core/internal/kit/router"
	"github.com/libcni/libcni/core/internal/kit/settings"
	"github.com/libcni/libcni/core/plugin"
)

// Comparison is what a CHECK compares, with the connections it needs.
type Comparison struct {
	drift.List
	Inv       *plugin.Invocation
	Was       record.Record
	Host      *rtnl.Conn
	Container *rtnl.Conn

	keys *settings.Settings
}

// NewComparison prepares a CHECK of a plugin.
func NewComparison(ctx context.Context, inv *plugin.Invocation, pluginType string,
	keys *settings.Settings) (*Comparison, error) {
	was, err := record.Required(inv)
	if err != nil {
		return nil, err
	}
	c := &Comparison{List: drift.List{Plugin: pluginType}, Inv: inv, Was: was, keys: keys}
	if c.Host, err = Host(ctx, inv, pluginType); err != nil {
		return nil, err
	}
	c.Container, err = kit.Container(ctx, inv)
	return c, err
}

// Pair compares both ends of the attachment's pair, and returns them; an end that is missing or of
// another kind is nil. A container's end that is down is a difference unless mayBeDown.
func (c *Comparison) Pair(ctx context.Context, mayBeDown bool) (port, end *rtnl.Link, err error) {
	if end, err = c.link(ctx, c.Container, c.Inv.IfName); err != nil {
		return nil, nil, err
	}
	if end != nil {
		c.end(end, mayBeDown)
		if err := c.advertisements(ctx, end); err != nil {
			return nil, nil, err
		}
	}
	name := c.Was.HostName()
	if port, err = c.link(ctx, c.Host, name); err != nil || port == nil {
		return nil, end, err
	}
	object := "link " + name
	c.Is(end == nil || end.Peer == port.Index && port.Peer == end.Index, object,
		"the other end of "+c.Inv.IfName, "the other end of something else")
	c.Up(object, port)
	router.CheckIgnored(c.Inv, &c.List, object, port)
	if was := c.Was.Host(name); was != nil {
		c.identity(object, was, port)
	}
	return port, end, nil
}

// NoPort compares the host's end, which may be nil, with one that is in no bridge.
func (c *Comparison) NoPort(ctx context.Context, port *rtnl.Link) error {
	if port == nil || port.Master == 0 {
		return nil
	}
	name := fmt.Sprintf("the link with index %d", port.Master)
	master, err := c.Host.LinkByIndex(ctx, port.Master)
	if err == nil {
		name = master.Name
	} else if !errors.Is(err, rtnl.ErrNotFound) {
		return err
	}
	c.Differs("link "+port.Name, "in no bridge", "a port of "+name)
	return nil
}

// link looks up one end of a pair.
func (c *Comparison) link(ctx context.Context, conn *rtnl.Conn, name string) (*rtnl.Link, error) {
	link, err := LookUp(ctx, conn, name)
	switch {
	case err != nil:
		return nil, err
	case link == nil:
		c.Missing("link " + name)
		return nil, nil
	case link.Kind != "veth":
		c.Differs("link "+name, "of kind veth", Kind(link))
		return nil, nil
	}
	return link, nil
}

func (c *Comparison) end(end *rtnl.Link, mayBeDown bool) {
	object := "link " + c.Inv.IfName
	c.Is(end.Up || mayBeDown, object, "up", "down")
	was, _ := c.Was.Container()
	if was == nil {
		c.Differs("prevResult", "an interface "+c.Inv.IfName+" in the container", "missing")
		return
	}
	c.identity(object, was, end)
}

// identity compares what a result says about a link.
func (c *Comparison) identity(object string, was *types100.Interface, link *rtnl.Link) {
	if was.Mac != "" {
		c.Differs(object+" mac", was.Mac, link.MAC.String())
	}
	mtu := was.Mtu
	if mtu == 0 { // results before 1.1.0 have none
		mtu = c.keys.MTU
	}
	if mtu != 0 {
		c.Differs(object+" mtu", strconv.Itoa(mtu), strconv.Itoa(link.MTU))
	}
}

// Contents is what a link should have. Additional contents are not a difference.
type Contents struct {
	Addresses []netip.Prefix
	Connected bool         // each address comes with the kernel's route to its prefix
	Neighbors bool         // IPv6 addresses come with one of link scope, see HasLinkLocal
	Routes    []rtnl.Route // without Link; zero fields are not compared
}

func (w Contents) lacksLinkLocal(have []rtnl.Address) bool {
	return w.Neighbors && ipam.Has(w.Addresses, netip.Addr.Is6) && !HasLinkLocal(have)
}

// Contents compares the addresses and routes of a link, which may be nil.
func (c *Comparison) Contents(ctx context.Context, conn *rtnl.Conn, link *rtnl.Link,
	want Contents) error {
	if link == nil {
		return nil
	}
	have, err := conn.Addresses(ctx, link.Index)
	if err != nil {
		return err
	}
	var routes []rtnl.Route
	if want.Connected || want.Routes != nil {
		if routes, err = conn.Routes(ctx, link.Index); err != nil {
			return err
		}
	}
	for _, prefix := range want.Addresses {
		if !slices.ContainsFunc(have, func(a rtnl.Address) bool { return a.Prefix == prefix }) {
			c.Missing(fmt.Sprintf("address %s on %s", prefix, link.Name))
		} else if want.Connected && !prefix.IsSingleIP() && !LeadsTo(routes, prefix.Masked()) {
			c.Missing(fmt.Sprintf("route %s on %s", prefix.Masked(), link.Name))
		}
	}
	if want.lacksLinkLocal(have) {
		c.Missing("link-local address on " + link.Name)
	}
	to := map[netip.Prefix][]rtnl.Route{}
	for _, r := range routes {
		to[r.Dst] = append(to[r.Dst], r)
	}
	for _, route := range want.Routes {
		c.route(link.Name, route, to[route.Dst])
	}
	return nil
}

// LeadsTo reports whether one of the routes has the destination.
func LeadsTo(routes []rtnl.Route, dst netip.Prefix) bool {
	return slices.ContainsFunc(routes, func(r rtnl.Route) bool { return r.Dst == dst })
}

func (c *Comparison) route(link string, want rtnl.Route, have []rtnl.Route) {
	object := fmt.Sprintf("route %s on %s", want.Dst, link)
	var nearest *rtnl.Route
	for i, r := range have {
		if r.Dst != want.Dst {
			continue
		}
		if sameRoute(want, r) {
			return
		}
		if nearest == nil || r.Gateway == want.Gateway {
			nearest = &have[i]
		}
	}
	if nearest == nil {
		c.Missing(object)
		return
	}
	c.Differs(object, want.String(), nearest.String())
}

// sameRoute compares the fields that the wanted route has. The others are the kernel's defaults, or
// changed by another plugin of the chain.
func sameRoute(want, have rtnl.Route) bool {
	same := func(w, h int) bool { return w == 0 || w == h }
	return (!want.Gateway.IsValid() || want.Gateway == have.Gateway) && same(want.MTU, have.MTU) &&
		(!want.Source.IsValid() || want.Source == have.Source) &&
		same(want.AdvMSS, have.AdvMSS) && same(want.Priority, have.Priority) &&
		same(want.Table, have.Table) &&
		(same(want.Scope, have.Scope) || isDirect(want) && isDirect(have))
}

// isDirect reports whether a route leads to a destination behind the link itself. Those of the
// reference plugins have the scope host, ours have the scope link.
func isDirect(r rtnl.Route) bool {
	return !r.Gateway.IsValid() && (r.Scope == rtnl.ScopeLink || r.Scope == rtnl.ScopeHost)
}
