package bridge

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/libcni/libcni/core/internal/host/rtnl"
	"github.com/libcni/libcni/core/internal/host/sysctl"
	"github.com/libcni/libcni/core/internal/kit"
)

// configureContainer brings the container's end up with its addresses and routes.
func (a *attachment) configureContainer(ctx context.Context) error {
	if !a.up {
		return nil
	}
	container, err := kit.Container(ctx, a.inv)
	if err != nil {
		return err
	}
	if a.address != nil && a.address.has(netip.Addr.Is6) {
		if err := a.inv.Netns.Do(ctx, a.prepareIPv6); err != nil {
			return fmt.Errorf("interface %s: %w", a.inv.IfName, err)
		}
	}
	if err := a.configureLink(ctx, container); err != nil {
		return fmt.Errorf("interface %s: %w", a.inv.IfName, err)
	}
	return nil
}

func (a *attachment) configureLink(ctx context.Context, container *rtnl.Conn) error {
	index, up := a.port.Peer, rtnl.Change{Up: true}
	if a.address == nil {
		return container.SetLink(ctx, index, up)
	}
	up.ArpNotify = true
	routes := slices.Clone(a.address.via)
	for i := range routes {
		routes[i].Link = index
	}
	return withAddresses(ctx, container, index, a.address.addresses, !a.dad, func(addresses []rtnl.Address) error {
		return container.Configure(ctx, index, up, addresses, routes)
	})
}

// withAddresses has a link given addresses, and waits until neighbours who ask for them get an answer. Those whose
// uniqueness is still to be found out are waited for later.
func withAddresses(ctx context.Context, conn *rtnl.Conn, index int, prefixes []netip.Prefix, noDAD bool, give func([]rtnl.Address) error) error {
	addresses := make([]rtnl.Address, len(prefixes))
	for i, prefix := range prefixes {
		addresses[i] = rtnl.Address{Prefix: prefix, NoDAD: noDAD}
	}
	if !noDAD || !slices.ContainsFunc(prefixes, func(p netip.Prefix) bool { return p.Addr().Is6() }) {
		return give(addresses)
	}
	watch, err := conn.WatchAddresses(ctx)
	if err != nil {
		return err
	}
	defer watch.Close()
	if err := give(addresses); err != nil {
		return err
	}
	limited, cancel := context.WithTimeout(ctx, joinTimeout)
	defer cancel()
	if err := watch.Ready(limited, index, prefixes...); err != nil && limited.Err() == nil {
		return err
	}
	return ctx.Err()
}

// prepareIPv6 runs in the container's namespace. Runtimes start containers with IPv6 off; addresses are asked for, so
// it is turned on, before the interface comes up.
func (a *attachment) prepareIPv6() error {
	settings := [][2]string{
		{sysctl.Link("ipv6", "lo", "disable_ipv6"), "0"},
		{sysctl.Link("ipv6", a.inv.IfName, "disable_ipv6"), "0"},
		{sysctl.Link("ipv6", a.inv.IfName, "keep_addr_on_down"), "1"},
		{sysctl.Link("ipv6", a.inv.IfName, "ndisc_notify"), "1"},
	}
	if a.dad {
		settings = append(settings, [2]string{sysctl.Link("ipv6", a.inv.IfName, "enhanced_dad"), "1"},
			[2]string{sysctl.Link("ipv6", a.inv.IfName, "accept_dad"), "1"})
	} else {
		settings = append(settings, [2]string{sysctl.Link("ipv6", a.inv.IfName, "accept_dad"), "0"})
	}
	for _, s := range settings {
		if _, err := sysctl.Set(s[0], s[1]); err != nil {
			return err
		}
	}
	return nil
}

// awaitForwarding waits until what the container sends goes somewhere, and until its addresses are known to be its own
// where the configuration asks for that.
func (a *attachment) awaitForwarding(ctx context.Context) error {
	if a.up {
		limited, cancel := context.WithTimeout(ctx, forwardTimeout)
		defer cancel()
		err := a.host.WaitLink(limited, a.port.Index, settled(a.link))
		if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
			return fmt.Errorf("bridge %s: port %s does not begin to forward", a.Bridge, a.port.Name)
		}
		if err != nil {
			return fmt.Errorf("bridge %s: port %s: %w", a.Bridge, a.port.Name, err)
		}
	}
	if err := a.awaitDetection(ctx); err != nil {
		return err
	}
	if a.link.Alias == mark && a.link.MTU == a.port.MTU {
		return nil
	}
	var err error // attaching a port may have changed the bridge's MTU, and the MAC of one that is not ours
	a.link, err = a.host.LinkByIndex(ctx, a.link.Index)
	return err
}

func (a *attachment) awaitDetection(ctx context.Context) error {
	if len(a.detecting) > 0 {
		if err := a.host.WaitUsable(ctx, a.gateway.Index, a.detecting...); err != nil {
			return fmt.Errorf("%s: %w", a.gateway.Name, err)
		}
	}
	if !a.dad || a.address == nil {
		return nil
	}
	container, err := kit.Container(ctx, a.inv)
	if err != nil {
		return err
	}
	if err := container.WaitUsable(ctx, a.port.Peer, a.address.addresses...); err != nil {
		return fmt.Errorf("interface %s: %w", a.inv.IfName, err)
	}
	return nil
}

// announce tells the network where the addresses are now, so that whoever remembers their previous holder does not go
// on sending to it. Setting the MAC address to what it is makes the kernel do so for all of them (arp_notify,
// ndisc_notify), without a packet socket, whose closing takes milliseconds.
func (a *attachment) announce(ctx context.Context) error {
	if a.address == nil {
		return nil
	}
	container, err := kit.Container(ctx, a.inv)
	if err != nil {
		return err
	}
	if err := container.SetLink(ctx, a.port.Peer, rtnl.Change{MAC: a.pair.PeerMAC}); err != nil {
		return fmt.Errorf("interface %s: announce: %w", a.inv.IfName, err)
	}
	return nil
}
