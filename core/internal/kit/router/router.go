// Package router makes the host a router for containers: forwarding, router advertisements, and the
// MTU of the default route.
package router

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/host/rtnl"
	"github.com/libcni/libcni/core/internal/host/sysctl"
	"github.com/libcni/libcni/core/internal/kit/drift"
	"github.com/libcni/libcni/core/internal/kit/ipam"
	"github.com/libcni/libcni/core/internal/kit/settings"
	"github.com/libcni/libcni/core/plugin"
)

const (
	forwarding4 = "ipv4/ip_forward"
	forwarding6 = "ipv6/conf/all/forwarding"

	ipv4, ipv6 = rtnl.IPv4, rtnl.IPv6
)

// MinMTU6 is the smallest MTU of a link with IPv6 addresses. The kernel turns IPv6 off on a link
// whose MTU becomes smaller.
const MinMTU6 = 1280

// EnableForwarding makes the host forward packets of the families of the containers' addresses, and
// listen to router advertisements as before. newest is the index of a link that was just made, 0 to
// look at all links.
func EnableForwarding(ctx context.Context, inv *plugin.Invocation, host *rtnl.Conn, newest int,
	addresses []netip.Prefix) error {
	if ipam.Has(addresses, netip.Addr.Is4) {
		if err := enable(ctx, host, ipv4, forwarding4); err != nil {
			return err
		}
	}
	if !ipam.Has(addresses, netip.Addr.Is6) {
		return nil
	}
	forwards, err := isForwarding(ctx, host, ipv6, forwarding6)
	if err != nil {
		return err
	}
	if forwards && newest != 0 {
		return hearNewLinks(ctx, inv, host, newest)
	}
	if err := hearAll(ctx, inv, host); err != nil {
		return err
	}
	return enable(ctx, host, ipv6, forwarding6)
}

// enable turns forwarding on unless it is.
func enable(ctx context.Context, host *rtnl.Conn, family rtnl.Family, setting string) error {
	_, err := sysctl.Set(setting, "1")
	if !sysctl.Refused(err) {
		return err
	}
	if on, e := host.Forwarding(ctx, family); e == nil && on {
		return nil
	}
	return fmt.Errorf("%w; containers need it: set it where /proc/sys can be written, before the ADD",
		err)
}

// isForwarding asks rtnetlink where /proc/sys cannot be read.
func isForwarding(ctx context.Context, host *rtnl.Conn, family rtnl.Family,
	setting string) (bool, error) {
	value, err := sysctl.Get(setting)
	if sysctl.Refused(err) {
		return host.Forwarding(ctx, family)
	}
	return value == "1", err
}

// CheckForwarding adds a setting that does not forward packets of the addresses' families, and
// links that do not hear router advertisements any more.
func CheckForwarding(ctx context.Context, inv *plugin.Invocation, list *drift.List, host *rtnl.Conn,
	addresses []netip.Prefix) error {
	for _, f := range []struct {
		setting string
		family  rtnl.Family
		has     func(netip.Addr) bool
	}{{forwarding4, ipv4, netip.Addr.Is4}, {forwarding6, ipv6, netip.Addr.Is6}} {
		if !ipam.Has(addresses, f.has) {
			continue
		}
		on, err := isForwarding(ctx, host, f.family, f.setting)
		if err != nil {
			return err
		}
		list.Is(on, "sysctl net/"+f.setting, "1", "0")
	}
	if !ipam.Has(addresses, netip.Addr.Is6) {
		return nil
	}
	return checkHeard(ctx, inv, list, host)
}

// PairMTU returns the MTU for a pair: the configured one, or that of the default route. 0 is the
// kernel's default.
func PairMTU(ctx context.Context, host *rtnl.Conn, configured int) (int, error) {
	if configured != 0 {
		return configured, nil
	}
	mtu, err := MTU(ctx, host)
	return min(mtu, settings.MaxMTU), err
}

// CarriesIPv6 reports whether a link can have IPv6 addresses; the MTU 0 is the kernel's default.
func CarriesIPv6(mtu int) bool { return mtu == 0 || mtu >= MinMTU6 }

// CheckMTU refuses an MTU that is too small for the addresses.
func CheckMTU(mtu int, addresses []netip.Prefix) error {
	if CarriesIPv6(mtu) || !ipam.Has(addresses, netip.Addr.Is6) {
		return nil
	}
	return fault.InvalidConfig("mtu", "mtu: %d is less than %d, which IPv6 addresses need", mtu,
		MinMTU6)
}

// MTU returns the MTU of the default route, or 0 without a default route.
func MTU(ctx context.Context, host *rtnl.Conn) (int, error) {
	route, err := host.DefaultRoute(ctx)
	if errors.Is(err, rtnl.ErrNotFound) {
		return 0, nil
	} else if err != nil {
		return 0, err
	}
	if route.MTU != 0 {
		return route.MTU, nil
	}
	link, err := host.LinkByIndex(ctx, route.Link)
	if errors.Is(err, rtnl.ErrNotFound) { // removed since
		return 0, nil
	} else if err != nil {
		return 0, err
	}
	return link.MTU, nil
}
