package bridge

import (
	"context"

	"github.com/libcni/libcni/core/internal/kit/ipam"
	"github.com/libcni/libcni/core/internal/kit/router"
	"github.com/libcni/libcni/core/plugin"
)

// Status reports whether the kernel has what the rules need, and runs STATUS of the IPAM plugin,
// whose error it returns unchanged.
func (bridge) Status(ctx context.Context, inv *plugin.Invocation) error {
	c, err := parse(inv.Config)
	if err != nil {
		return err
	}
	if err := c.rules(inv, endpoint{}).Available(ctx); err != nil {
		return err
	}
	router.WarnOfDeaf(ctx, inv)
	return ipam.New(inv, c.IPAM.Type).Run(ctx, plugin.Status)
}
