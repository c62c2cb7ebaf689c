// Package router makes the host a router for containers: forwarding, router advertisements, and the
// MTU of the default route.
package router

import (
	"context"
	"errors"
	"io/fs"
	"net/netip"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/host/rtnl"
	"github.com/libcni/libcni/core/internal/host/sysctl"
	"github.com/libcni/libcni/core/internal/kit/drift"
	"github.com/libcni/libcni/core/internal/kit/ipam"
	"github.com/libcni/libcni/core/internal/kit/settings"
)

const (
	forwarding4 = "ipv4/ip_forward"
	forwarding6 = "ipv6/conf/all/forwarding"
)

// minMTU6 is the smallest MTU of a link with IPv6 addresses.
const minMTU6 = 1280

// EnableForwarding makes the host forward packets of the families of the containers' addresses.
func EnableForwarding(ctx context.Context, host *rtnl.Conn, addresses []netip.Prefix) error {
	if ipam.Has(addresses, netip.Addr.Is4) {
		if _, err := sysctl.Set(forwarding4, "1"); err != nil {
			return err
		}
	}
	if !ipam.Has(addresses, netip.Addr.Is6) {
		return nil
	}
	value, err := sysctl.Get(forwarding6)
	if err != nil || value == "1" {
		return err
	}
	if err := keepAdvertisedRoutes(ctx, host); err != nil {
		return err
	}
	_, err = sysctl.Set(forwarding6, "1")
	return err
}

// CheckForwarding adds a setting that does not forward packets of the addresses' families.
func CheckForwarding(list *drift.List, addresses []netip.Prefix) error {
	for _, f := range []struct {
		setting string
		family  func(netip.Addr) bool
	}{{forwarding4, netip.Addr.Is4}, {forwarding6, netip.Addr.Is6}} {
		if !ipam.Has(addresses, f.family) {
			continue
		}
		value, err := sysctl.Get(f.setting)
		if err != nil {
			return err
		}
		list.Differs("sysctl net/"+f.setting, "1", value)
	}
	return nil
}

// keepAdvertisedRoutes makes links with a route from a router advertisement keep it. A router
// ignores advertisements unless accept_ra is 2, so that the host would lose its own default route
// when its lifetime ends.
func keepAdvertisedRoutes(ctx context.Context, host *rtnl.Conn) error {
	routes, err := host.AdvertisedRoutes(ctx)
	if err != nil {
		return err
	}
	done := map[int]bool{}
	for _, r := range routes {
		if done[r.Link] {
			continue
		}
		done[r.Link] = true
		link, err := host.LinkByIndex(ctx, r.Link)
		if errors.Is(err, rtnl.ErrNotFound) {
			continue
		} else if err != nil {
			return err
		}
		if link.AcceptRA == 1 {
			if err := setAcceptRA(link.Name, "2"); err != nil {
				return err
			}
		}
	}
	return nil
}

// IgnoreAdvertisements makes a link of the host ignore router advertisements: the link leads to
// containers.
func IgnoreAdvertisements(link string) error { return setAcceptRA(link, "0") }

// setAcceptRA does nothing if the kernel has no IPv6.
func setAcceptRA(link, value string) error {
	_, err := sysctl.Set(sysctl.Link("ipv6", link, "accept_ra"), value)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
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

// CheckMTU refuses an MTU that is too small for the addresses; 0 is the kernel's default.
func CheckMTU(mtu int, addresses []netip.Prefix) error {
	if mtu == 0 || mtu >= minMTU6 || !ipam.Has(addresses, netip.Addr.Is6) {
		return nil
	}
	return fault.InvalidConfig("mtu", "mtu: %d is less than %d, which IPv6 addresses need", mtu,
		minMTU6)
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
