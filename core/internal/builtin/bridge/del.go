package bridge

import (
	"context"
	"errors"

	"github.com/libcni/libcni/core/internal/host/rtnl"
	"github.com/libcni/libcni/core/internal/kit/iface"
	"github.com/libcni/libcni/core/internal/kit/record"
	"github.com/libcni/libcni/core/internal/kit/removal"
	"github.com/libcni/libcni/core/plugin"
)

// Del detaches the container.
func (bridge) Del(ctx context.Context, inv *plugin.Invocation) error {
	return removal.Run(ctx, inv, newRemoval)
}

// StartDel starts the removal of the pair.
func (bridge) StartDel(ctx context.Context, inv *plugin.Invocation) plugin.StartedDel {
	return removal.Start(ctx, inv, newRemoval)
}

// Inspect shows the attachment's rules.
func (bridge) Inspect(ctx context.Context, inv *plugin.Invocation) error {
	return removal.Inspect(ctx, inv, newRemoval)
}

func newRemoval(inv *plugin.Invocation) (*removal.Removal, error) {
	c, err := read(inv.Config)
	if err != nil {
		return nil, err
	}
	rules := c.rules(inv, recorded(record.Known(inv)))
	r := removal.OfPair(rules, c.IPAM.Type, c.isPort)
	// macspoofchk may have been on under an earlier configuration.
	r.RulesLast = c.MACSpoofCheck || inv.ByExecutable || inv.Reconfigured
	r.Rest = func(ctx context.Context) error {
		return errors.Join(removeHostRoutes(ctx, c, inv, hostRoutes(record.Known(inv).IPs())),
			removeUnusedGateway(ctx, c, inv))
	}
	return r, nil
}

// isPort reports whether a link is a port of the bridge.
func (c *config) isPort(ctx context.Context, host *rtnl.Conn, port *rtnl.Link) (bool, error) {
	bridge, err := iface.LookUp(ctx, host, c.Bridge)
	if err != nil || bridge == nil {
		return false, err
	}
	return port.Master == bridge.Index, nil
}
