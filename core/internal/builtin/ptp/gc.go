package ptp

import (
	"context"
	"errors"

	"github.com/libcni/libcni/core/internal/kit/iface"
	"github.com/libcni/libcni/core/internal/kit/ipam"
	"github.com/libcni/libcni/core/plugin"
)

// GC removes the pairs, with addresses and routes, and the rules of attachments that are not valid.
func (ptp) GC(ctx context.Context, inv *plugin.Invocation) error {
	c, err := read(inv.Config)
	if err != nil {
		return err
	}
	return errors.Join(iface.Collect(ctx, inv), c.rules(inv, nil).Collect(ctx),
		ipam.New(inv, c.IPAM.Type).Run(ctx, plugin.GC))
}
