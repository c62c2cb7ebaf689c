package bridge

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	types100 "github.com/containernetworking/cni/pkg/types/100"

	"github.com/libcni/libcni/core/internal/host/rtnl"
	"github.com/libcni/libcni/core/internal/kit/iface"
	"github.com/libcni/libcni/core/internal/kit/ipam"
	"github.com/libcni/libcni/core/internal/kit/router"
	"github.com/libcni/libcni/core/internal/kit/ruleset"
	"github.com/libcni/libcni/core/internal/kit/steps"
	"github.com/libcni/libcni/core/plugin"
)

// attachment is an ADD in progress.
type attachment struct {
	*plan
	inv       *plugin.Invocation
	ipam      *ipam.Plugin
	host      *rtnl.Conn
	link      *rtnl.Link // the bridge
	pair      *iface.Pair
	gateway   *rtnl.Link     // the link with the gateway addresses
	given     []netip.Prefix // addresses that this ADD gave the gateway
	replaced  []netip.Prefix // addresses that it removed for them
	detecting []netip.Prefix
	assigned  *types100.Result // by the IPAM plugin; nil without one
	address   *addressing      // nil without an IPAM plugin
}

func (a *attachment) steps() []steps.Step {
	return []steps.Step{
		{Do: a.ensureBridge},
		{Do: a.makePair, Undo: a.removePair},
		{Do: a.setPort},
		{Do: a.allocate, Undo: a.ipam.Release, Partial: true},
		{Do: a.ensureGateway, Undo: a.restoreGateway, Partial: true},
		{Do: a.addHostRoutes, Undo: a.removeHostRoutes, Partial: true},
		{Do: a.enableForwarding},
		{Do: a.addRules, Undo: a.removeRules, Partial: true},
		{Do: a.configureContainer},
		{Do: a.awaitForwarding},
		{Do: a.announce},
	}
}

// Add attaches the container.
func (bridge) Add(ctx context.Context, inv *plugin.Invocation) (*plugin.Result, error) {
	a, err := newAttachment(ctx, inv)
	if err != nil {
		return nil, err
	}
	if err := steps.Run(ctx, a.steps()); err != nil {
		return nil, err
	}
	return plugin.NewResult(a.result()).WithInterface(a.pair.Port.Peer, a.pair.PeerMAC), nil
}

func newAttachment(ctx context.Context, inv *plugin.Invocation) (*attachment, error) {
	p, err := plugin.Read[*plan](bridge{}, inv)
	if err != nil {
		return nil, err
	}
	host, err := iface.Host(ctx, inv, pluginType)
	if err != nil {
		return nil, err
	}
	a := &attachment{plan: p, inv: inv, ipam: ipam.New(inv, p.IPAM.Type), host: host,
		pair: iface.NewPair(inv, host)}
	if p.mac != nil {
		a.pair.PeerMAC = p.mac
	}
	return a, nil
}

// makePair creates the pair with both ends in their final namespaces.
func (a *attachment) makePair(ctx context.Context) error {
	if err := a.keepIPv6(ctx); err != nil {
		return err
	}
	a.pair.Master = a.link.Index
	switch err := a.pair.Make(ctx); {
	case errors.Is(err, rtnl.ErrBridgeFull):
		return fmt.Errorf("bridge %s is full: %w; use another bridge", a.Bridge, err)
	case err != nil:
		return fmt.Errorf("bridge %s: attach: %w", a.Bridge, err)
	}
	return nil
}

func (a *attachment) removePair(ctx context.Context) error {
	if err := a.pair.Remove(ctx); err != nil {
		return err
	}
	return removeUnusedGateway(ctx, a.config, a.inv)
}

// allocate runs ADD of the IPAM plugin.
func (a *attachment) allocate(ctx context.Context) (err error) {
	if a.assigned, err = a.ipam.Add(ctx); err != nil || a.assigned == nil {
		return err
	}
	if a.address, err = newAddressing(a.config, a.assigned); err != nil {
		return err
	}
	return router.CheckMTU(a.pair.MTU, a.address.addresses)
}

func (a *attachment) enableForwarding(ctx context.Context) error {
	if a.address == nil || len(a.address.gateways) == 0 {
		return nil
	}
	newest := 0 // a repair looks at all links
	if a.pair.Port != nil {
		newest = a.pair.Port.Index
	}
	return router.EnableForwarding(ctx, a.inv, a.host, newest, a.address.addresses)
}

func (a *attachment) rules() *ruleset.Rules {
	e := endpoint{port: a.inv.HostIfName, mac: a.pair.PeerMAC}
	if a.address != nil {
		e.addresses = a.address.addresses
	}
	return a.config.rules(a.inv, e)
}

func (a *attachment) addRules(ctx context.Context) error    { return a.rules().Add(ctx) }
func (a *attachment) removeRules(ctx context.Context) error { return a.rules().Undo(ctx) }

// container returns the container's end of the pair.
func (a *attachment) container() *iface.Interface {
	i := &iface.Interface{Inv: a.inv, Index: a.pair.Port.Peer, MAC: a.pair.PeerMAC, DAD: a.dad,
		AcceptRA: a.AcceptRA}
	if a.address != nil {
		i.Routes, i.Addresses = a.address.via, iface.Addresses(a.address.addresses, rtnl.Address{})
	}
	return i
}

// configureContainer brings the container's end up with its addresses and routes.
func (a *attachment) configureContainer(ctx context.Context) error {
	if !a.up {
		return nil
	}
	return a.container().Configure(ctx)
}

func (a *attachment) announce(ctx context.Context) error { return a.container().Announce(ctx) }

// result returns the result of the ADD, with the interfaces in the reference plugin's order.
func (a *attachment) result() *types100.Result {
	r := &types100.Result{CNIVersion: types100.ImplementedSpecVersion}
	r.Interfaces = append([]*types100.Interface{describe(a.link)}, a.pair.Describe()...)
	if a.gateway != nil && a.gateway.Index != a.link.Index {
		r.Interfaces = append(r.Interfaces, describe(a.gateway))
	}
	if a.address != nil {
		r.IPs, r.Routes = a.address.ips, a.address.routes
	}
	r.DNS = ipam.DNS(a.config.DNS, a.assigned)
	return r
}

func describe(link *rtnl.Link) *types100.Interface {
	return &types100.Interface{Name: link.Name, Mac: link.MAC.String(), Mtu: link.MTU}
}
