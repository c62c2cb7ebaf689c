package ptp

import (
	"context"
	"errors"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/host/rtnl"
	"github.com/libcni/libcni/core/internal/kit/iface"
	"github.com/libcni/libcni/core/internal/kit/ipam"
	"github.com/libcni/libcni/core/internal/kit/router"
	"github.com/libcni/libcni/core/plugin"
)

// comparison is a CHECK in progress.
type comparison struct {
	*config
	*iface.Comparison
	plan *plan
	port *rtnl.Link // the host's end; nil if it is missing
}

// Check compares everything that Add made with what the kernel holds.
func (ptp) Check(ctx context.Context, inv *plugin.Invocation) error {
	k, err := compare(ctx, inv)
	if err != nil {
		return err
	}
	return k.Verdict(k.IPAM.Type, ipam.New(inv, k.IPAM.Type).Run(ctx, plugin.Check))
}

// compare looks at everything but what the IPAM plugin holds.
func compare(ctx context.Context, inv *plugin.Invocation) (*comparison, error) {
	c, err := parse(inv.Config)
	if err != nil {
		return nil, err
	}
	k := &comparison{config: c}
	if k.Comparison, err = iface.NewComparison(ctx, inv, pluginType, &c.Settings); err != nil {
		return nil, err
	}
	if k.plan, err = newPlan(k.Was.IPs(), k.Was.Routes); err != nil {
		return nil, fault.InvalidConfig("prevResult", "prevResult: %v", err)
	}
	var end *rtnl.Link
	if k.port, end, err = k.Pair(ctx, false); err != nil {
		return nil, err
	}
	return k, errors.Join(
		k.NoPort(ctx, k.port),
		k.Contents(ctx, k.Container, end, k.plan.container),
		k.Contents(ctx, k.Host, k.port, k.plan.host),
		router.CheckForwarding(ctx, inv, &k.List, k.Host, k.plan.container.Addresses),
		k.rules(inv, k.plan.container.Addresses).Check(ctx, &k.List))
}
