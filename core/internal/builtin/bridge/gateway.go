package bridge

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/libcni/libcni/core/internal/host/rtnl"
	"github.com/libcni/libcni/core/internal/kit/iface"
	"github.com/libcni/libcni/core/internal/kit/ipam"
	"github.com/libcni/libcni/core/internal/kit/router"
)

// ensureGateway adds the host's addresses in the container's networks, to the bridge or to the
// VLAN's gateway link.
func (a *attachment) ensureGateway(ctx context.Context) error {
	if a.address == nil || len(a.address.gateways) == 0 {
		return nil
	}
	if a.VLAN != 0 {
		// Take the lock even if the link exists, since a DEL may be about to remove it as unused.
		return locked(ctx, a.inv, a.Bridge, func() error {
			if err := a.ensureVLANGateway(ctx); err != nil {
				return fmt.Errorf("bridge %s: gateway of vlan %d: %w", a.Bridge, a.VLAN, err)
			}
			return a.setGatewayAddresses(ctx)
		})
	}
	a.gateway = a.link
	if err := a.pinMAC(ctx); err != nil {
		return err
	}
	_, add, err := a.gatewayChanges(ctx)
	if err != nil || len(add) == 0 {
		return err
	}
	return locked(ctx, a.inv, a.Bridge, func() error { return a.setGatewayAddresses(ctx) })
}

func (a *attachment) gatewayChanges(ctx context.Context) (remove, add []netip.Prefix, err error) {
	have, err := a.host.Addresses(ctx, a.gateway.Index)
	if err != nil {
		return nil, nil, err
	}
	want := a.address.gateways
	if a.gateway.Alias == mark && ipam.Has(want, netip.Addr.Is6) && !iface.HasLinkLocal(have) {
		want = append(slices.Clip(want), iface.LinkLocal(a.gateway.MAC).Prefix)
	}
	return addressChanges(a.gateway.Name, have, want, a.ForceAddress)
}

// setGatewayAddresses runs under the lock. It retries if a process that does not take the lock
// adds one of the addresses meanwhile.
func (a *attachment) setGatewayAddresses(ctx context.Context) error {
	for range 3 {
		remove, add, err := a.gatewayChanges(ctx)
		if err != nil || len(add) == 0 {
			return err
		}
		err = a.changeGateway(ctx, remove, add)
		if !errors.Is(err, rtnl.ErrExists) {
			return err
		}
	}
	return fmt.Errorf("%s: gave up after 3 attempts: another process keeps modifying its addresses",
		a.gateway.Name)
}

func (a *attachment) changeGateway(ctx context.Context, remove, add []netip.Prefix) error {
	if ipam.Has(add, netip.Addr.Is6) && !router.CarriesIPv6(a.gateway.MTU) {
		return fmt.Errorf("%s: its MTU is %d, and IPv6 addresses need %d; set a larger one",
			a.gateway.Name, a.gateway.MTU, router.MinMTU6)
	}
	for _, prefix := range remove {
		switch err := a.host.RemoveAddress(ctx, a.gateway.Index, prefix); {
		case err == nil:
			a.replaced = append(a.replaced, prefix)
		case !errors.Is(err, rtnl.ErrNotFound):
			return fmt.Errorf("%s: %w", a.gateway.Name, err)
		}
	}
	ours := a.gateway.Alias == mark
	err := iface.Assign(ctx, a.host, a.gateway.Index, iface.Addresses(add, rtnl.Address{}), ours,
		func(addresses []rtnl.Address) error {
			for _, address := range addresses {
				if err := a.host.AddAddress(ctx, a.gateway.Index, address); err != nil {
					return err
				}
				a.given = append(a.given, address.Prefix)
			}
			return nil
		})
	if err != nil {
		return fmt.Errorf("%s: %w", a.gateway.Name, err)
	}
	if !ours {
		a.detecting = slices.DeleteFunc(slices.Clone(add),
			func(p netip.Prefix) bool { return p.Addr().Is4() })
	}
	return nil
}
