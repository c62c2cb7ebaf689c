package bridge

import (
	"context"

	"github.com/libcni/libcni/core/internal/host/rtnl"
	"github.com/libcni/libcni/core/internal/kit/iface"
	"github.com/libcni/libcni/core/internal/kit/ipam"
	"github.com/libcni/libcni/core/internal/kit/record"
	"github.com/libcni/libcni/core/internal/kit/removal"
	"github.com/libcni/libcni/core/plugin"
)

// Del detaches the container.
func (bridge) Del(ctx context.Context, inv *plugin.Invocation) error {
	c, err := read(inv.Config)
	if err != nil {
		return err
	}
	return newRemoval(c, inv).Run(ctx)
}

// StartDel starts the removal of the pair.
func (bridge) StartDel(ctx context.Context, inv *plugin.Invocation) plugin.StartedDel {
	c, err := read(inv.Config)
	if err != nil {
		return nil
	}
	return newRemoval(c, inv).Start(ctx)
}

func newRemoval(c *config, inv *plugin.Invocation) *removal.Removal {
	return &removal.Removal{
		IPAM: ipam.New(inv, c.IPAM.Type),
		Link: func(ctx context.Context) (func(context.Context) error, error) {
			return iface.StartDeletion(ctx, inv, c.isPort)
		},
		Rules: c.rules(inv, recorded(record.Known(inv))).Remove,
		// What an executable attached may have macspoofchk, whatever the configuration says now.
		RulesLast: c.MACSpoofCheck || inv.ByExecutable,
		Rest:      func(ctx context.Context) error { return removeUnusedGateway(ctx, c, inv) },
	}
}

// isPort reports whether a link is a port of the bridge.
func (c *config) isPort(ctx context.Context, host *rtnl.Conn, port *rtnl.Link) (bool, error) {
	bridge, err := iface.LookUp(ctx, host, c.Bridge)
	if err != nil || bridge == nil {
		return false, err
	}
	return port.Master == bridge.Index, nil
}
