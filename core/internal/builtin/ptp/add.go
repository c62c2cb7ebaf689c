package ptp

import (
	"context"

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
	*config
	inv    *plugin.Invocation
	ipam   *ipam.Plugin
	host   *rtnl.Conn
	pair   *iface.Pair
	filter *ruleset.Rules
	plan   *plan
	result *types100.Result // without interfaces
}

// Add attaches the container.
func (p ptp) Add(ctx context.Context, inv *plugin.Invocation) (*plugin.Result, error) {
	c, err := plugin.Read[*config](p, inv)
	if err != nil {
		return nil, err
	}
	host, err := iface.Host(ctx, inv, pluginType)
	if err != nil {
		return nil, err
	}
	a := &attachment{config: c, inv: inv, ipam: ipam.New(inv, c.IPAM.Type), host: host,
		pair: iface.NewPair(inv, host), filter: c.rules(inv, nil)}
	if a.pair.MTU, err = router.PairMTU(ctx, host, c.MTU); err != nil {
		return nil, err
	}
	if err := steps.Run(ctx, a.steps()); err != nil {
		return nil, err
	}
	a.result.Interfaces = a.pair.Describe()
	return plugin.NewResult(a.result).WithInterface(a.pair.Port.Peer, a.pair.PeerMAC), nil
}

func (a *attachment) steps() []steps.Step {
	return []steps.Step{
		{Do: a.pair.Make, Undo: a.pair.Remove},
		{Do: a.allocate, Undo: a.ipam.Release, Partial: true},
		{Do: a.configureHost},
		{Do: a.filter.Add, Undo: a.filter.Undo, Partial: true},
		{Do: a.configureContainer},
	}
}

func (a *attachment) allocate(ctx context.Context) error {
	assigned, err := a.ipam.Add(ctx)
	if err != nil {
		return err
	}
	if a.result, err = ipam.Result(assigned, containerIndex, a.DNS); err != nil {
		return err
	}
	if a.plan, err = newPlan(a.result.IPs, a.result.Routes); err != nil {
		return err
	}
	a.filter.Addresses = a.plan.container.Addresses
	return router.CheckMTU(a.pair.MTU, a.filter.Addresses)
}

func (a *attachment) configureHost(ctx context.Context) error {
	if err := iface.ConfigureHost(ctx, a.inv, a.pair.Port, a.plan.host); err != nil {
		return err
	}
	return router.EnableForwarding(ctx, a.inv, a.host, a.pair.Port.Index, a.plan.container.Addresses)
}

// configureContainer leaves out the kernel's routes to the networks, which are behind the gateway.
func (a *attachment) configureContainer(ctx context.Context) error {
	end := iface.Interface{Inv: a.inv, Index: a.pair.Port.Peer, AcceptRA: a.AcceptRA,
		Addresses: iface.Addresses(a.plan.container.Addresses, rtnl.Address{NoPrefixRoute: true}),
		Routes:    a.plan.container.Routes}
	if err := end.Configure(ctx); err != nil {
		return err
	}
	return iface.AwaitCarrier(ctx, a.host, a.pair.Port)
}
