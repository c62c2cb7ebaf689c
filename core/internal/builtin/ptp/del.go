package ptp

import (
	"context"

	"github.com/libcni/libcni/core/internal/kit/iface"
	"github.com/libcni/libcni/core/internal/kit/record"
	"github.com/libcni/libcni/core/internal/kit/removal"
	"github.com/libcni/libcni/core/plugin"
)

// Del detaches the container. The host's addresses and routes go with its end of the pair.
func (ptp) Del(ctx context.Context, inv *plugin.Invocation) error {
	return removal.Run(ctx, inv, newRemoval)
}

// StartDel starts the removal of the pair.
func (ptp) StartDel(ctx context.Context, inv *plugin.Invocation) plugin.StartedDel {
	return removal.Start(ctx, inv, newRemoval)
}

// Inspect shows the attachment's rules.
func (ptp) Inspect(ctx context.Context, inv *plugin.Invocation) error {
	return removal.Inspect(ctx, inv, newRemoval)
}

func newRemoval(inv *plugin.Invocation) (*removal.Removal, error) {
	c, err := read(inv.Config)
	if err != nil {
		return nil, err
	}
	r := c.rules(inv, record.Known(inv).Addresses())
	return removal.OfPair(r, c.IPAM.Type, iface.Marked(inv)), nil
}
