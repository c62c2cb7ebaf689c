package bridge

import (
	"context"
	"errors"
	"fmt"

	"github.com/libcni/libcni/core/internal/host/rtnl"
	"github.com/libcni/libcni/core/internal/kit"
	"github.com/libcni/libcni/core/internal/kit/iface"
	"github.com/libcni/libcni/core/plugin"
)

// addHostRoutes adds the host's routes to the container through the link with the gateway.
func (a *attachment) addHostRoutes(ctx context.Context) error {
	if a.address == nil {
		return nil
	}
	for _, route := range iface.Through(a.gatewayIndex(), a.address.host) {
		if err := a.host.AddRoute(ctx, route); err != nil && !errors.Is(err, rtnl.ErrExists) {
			return fmt.Errorf("%s: %w", a.gateway.Name, err)
		}
	}
	return nil
}

// restoreConnected adds the routes to the networks of the gateway addresses that the kernel added
// with these, and somebody removed.
func (a *attachment) restoreConnected(ctx context.Context) error {
	if a.gateway == nil {
		return nil
	}
	have, err := a.host.Routes(ctx, a.gateway.Index)
	if err != nil {
		return err
	}
	for _, address := range a.address.gateways {
		network := address.Masked()
		if address.IsSingleIP() || iface.LeadsTo(have, network) {
			continue
		}
		route := rtnl.Route{Dst: network, Link: a.gateway.Index, Scope: rtnl.ScopeLink,
			Source: address.Addr()}
		if err := a.host.AddRoute(ctx, route); err != nil && !errors.Is(err, rtnl.ErrExists) {
			return fmt.Errorf("%s: %w", a.gateway.Name, err)
		}
	}
	return nil
}

func (a *attachment) gatewayIndex() int {
	if a.gateway == nil {
		return 0
	}
	return a.gateway.Index
}

func (a *attachment) removeHostRoutes(ctx context.Context) error {
	if a.address == nil {
		return nil
	}
	return removeHostRoutes(ctx, a.config, a.inv, a.address.host)
}

// removeHostRoutes removes what addHostRoutes added. The link may be gone, and its routes with it.
func removeHostRoutes(ctx context.Context, c *config, inv *plugin.Invocation,
	routes []rtnl.Route) error {
	if len(routes) == 0 {
		return nil
	}
	host, err := kit.Host(ctx, inv)
	if err != nil {
		return err
	}
	name := c.Bridge
	if c.VLAN != 0 {
		name = c.gatewayLink()
	}
	link, err := iface.LookUp(ctx, host, name)
	if link == nil || err != nil {
		return err
	}
	for _, route := range iface.Through(link.Index, routes) {
		if err := host.RemoveRoute(ctx, route); err != nil && !errors.Is(err, rtnl.ErrNotFound) {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}
