package bridge

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/libcni/libcni/core/internal/host/rtnl"
	"github.com/libcni/libcni/core/internal/kit/iface"
)

// restoreGateway takes back what ensureGateway changed on the bridge, unless another container may
// use it by now. A VLAN's gateway link goes with the last port of its VLAN.
func (a *attachment) restoreGateway(ctx context.Context) error {
	if a.VLAN != 0 || len(a.given)+len(a.replaced) == 0 {
		return nil
	}
	return locked(ctx, a.inv, a.Bridge, func() error {
		used, err := a.gatewayIsUsed(ctx)
		if err != nil || used {
			return err
		}
		for _, prefix := range a.given {
			err := a.host.RemoveAddress(ctx, a.gateway.Index, prefix)
			if err != nil && !errors.Is(err, rtnl.ErrNotFound) {
				return fmt.Errorf("%s: %w", a.gateway.Name, err)
			}
		}
		for _, address := range iface.Addresses(a.replaced, rtnl.Address{MayExist: true}) {
			if err := a.host.AddAddress(ctx, a.gateway.Index, address); err != nil {
				return fmt.Errorf("%s: %w", a.gateway.Name, err)
			}
		}
		return nil
	})
}

// gatewayIsUsed reports whether the bridge has another port whose container may have been given the
// new addresses as its gateway. A port that is older than ours had the addresses that were
// replaced.
func (a *attachment) gatewayIsUsed(ctx context.Context) (bool, error) {
	ports, err := a.host.LinksOf(ctx, a.link.Index)
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(ports, func(p *rtnl.Link) bool {
		return p.Index > a.pair.Port.Index || len(a.replaced) == 0 && p.Index != a.pair.Port.Index
	}), nil
}
