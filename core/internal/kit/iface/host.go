package iface

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/host/rtnl"
	"github.com/libcni/libcni/core/internal/kit"
	"github.com/libcni/libcni/core/internal/kit/filter"
	"github.com/libcni/libcni/core/internal/kit/ipam"
	"github.com/libcni/libcni/core/internal/kit/router"
	"github.com/libcni/libcni/core/plugin"
)

// markPrefix begins the alias of a host's end that is marked with its owner. The bridges we create
// have it alone.
const markPrefix = router.AliasPrefix + " "

// mark is the alias of the host's end of an attachment's pair.
func mark(inv *plugin.Invocation) string { return markPrefix + filter.Owner(inv).Comment() }

// Host returns the connection to the host of a request that needs the container's namespace, too.
func Host(ctx context.Context, inv *plugin.Invocation, pluginType string) (*rtnl.Conn, error) {
	if inv.Netns == nil {
		return nil, fault.InvalidRequest("netns", "netns: %s needs the container's network namespace",
			pluginType)
	}
	return kit.Host(ctx, inv)
}

// ConfigureHost adds addresses and routes to the host's end of a pair, and marks it for Collect.
func ConfigureHost(ctx context.Context, inv *plugin.Invocation, port *rtnl.Link,
	want Contents) error {
	host, err := kit.Host(ctx, inv)
	if err != nil {
		return err
	}
	if err := router.IgnoreAdvertisements(inv, port); err != nil {
		return err
	}
	change := rtnl.Change{Alias: mark(inv)}
	routes := Through(port.Index, want.Routes)
	add := func(addresses []rtnl.Address) error {
		return host.Configure(ctx, port.Index, change, addresses, routes)
	}
	addresses := Addresses(want.Addresses, rtnl.Address{})
	if ipam.Has(want.Addresses, netip.Addr.Is6) {
		addresses = append(addresses, LinkLocal(port.MAC))
	}
	if err := Assign(ctx, host, port.Index, addresses, true, add); err != nil {
		return fmt.Errorf("link %s: %w", port.Name, err)
	}
	return nil
}

// RestorePair takes the host's end out of a bridge, brings it up and adds what it lacks, and makes
// both ends ignore router advertisements. It does nothing if port is nil.
func (c *Comparison) RestorePair(ctx context.Context, port *rtnl.Link, want Contents) error {
	if port == nil {
		return nil
	}
	if err := router.IgnoreAdvertisements(c.Inv, port); err != nil {
		return err
	}
	if err := restoreHost(ctx, c.Host, port, want); err != nil {
		return err
	}
	end, err := LookUp(ctx, c.Container, c.Inv.IfName)
	if err != nil || end == nil {
		return err
	}
	if !port.Up && end.Up {
		if err := AwaitCarrier(ctx, c.Host, port); err != nil {
			return err
		}
		if err := AwaitCarrier(ctx, c.Container, end); err != nil {
			return err
		}
	}
	return c.restoreSettings(ctx, end)
}

func restoreHost(ctx context.Context, host *rtnl.Conn, port *rtnl.Link, want Contents) error {
	if port.Master != 0 {
		if err := host.SetMaster(ctx, port.Index, 0); err != nil {
			return fmt.Errorf("link %s: %w", port.Name, err)
		}
	}
	if !port.Up {
		if err := Own(ctx, host, port.Index, port.MAC, rtnl.Change{Up: true}); err != nil {
			return fmt.Errorf("link %s: %w", port.Name, err)
		}
	}
	if err := restoreAddresses(ctx, host, port, want); err != nil {
		return fmt.Errorf("link %s: %w", port.Name, err)
	}
	for _, route := range Through(port.Index, want.Routes) {
		if err := host.AddRoute(ctx, route); err != nil && !errors.Is(err, rtnl.ErrExists) {
			return fmt.Errorf("link %s: %w", port.Name, err)
		}
	}
	return nil
}

// restoreAddresses adds the addresses that a link lacks.
func restoreAddresses(ctx context.Context, host *rtnl.Conn, link *rtnl.Link,
	want Contents) error {
	have, err := host.Addresses(ctx, link.Index)
	if err != nil {
		return err
	}
	prefixes := slices.DeleteFunc(slices.Clone(want.Addresses), func(p netip.Prefix) bool {
		return slices.ContainsFunc(have, func(a rtnl.Address) bool { return a.Prefix == p })
	})
	lacking := Addresses(prefixes, rtnl.Address{})
	if want.lacksLinkLocal(have) {
		lacking = append(lacking, LinkLocal(link.MAC))
	}
	add := func(addresses []rtnl.Address) error {
		for _, address := range addresses {
			if err := host.AddAddress(ctx, link.Index, address); err != nil &&
				!errors.Is(err, rtnl.ErrExists) {
				return err
			}
		}
		return nil
	}
	return Assign(ctx, host, link.Index, lacking, true, add)
}

// AwaitCarrier waits until the kernel has noticed that both ends of a pair are up: before that it
// drops what the host sends.
func AwaitCarrier(ctx context.Context, host *rtnl.Conn, port *rtnl.Link) error {
	hasCarrier := func(l *rtnl.Link) bool { return l.Operational }
	if err := host.WaitLink(ctx, port.Index, hasCarrier); err != nil {
		return fmt.Errorf("link %s: %w", port.Name, err)
	}
	return nil
}

// Collect removes the pairs that ConfigureHost marked for attachments of the network that are not
// valid.
func Collect(ctx context.Context, inv *plugin.Invocation) error {
	host, err := kit.Host(ctx, inv)
	if err != nil {
		return err
	}
	links, err := host.Links(ctx)
	if err != nil {
		return err
	}
	keep := filter.Keeper(inv.Network, inv.ValidAttachments)
	var failed error
	for _, link := range links {
		owner, marked := strings.CutPrefix(link.Alias, markPrefix)
		if marked && link.Kind == "veth" && !keep(owner) {
			failed = errors.Join(failed, Delete(ctx, host, link))
		}
	}
	return failed
}
