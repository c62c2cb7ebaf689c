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

func newRemoval(inv *plugin.Invocation) (*removal.Removal, error) {
	c, err := read(inv.Config)
	if err != nil {
		return nil, err
	}
	rules := c.rules(inv, record.Known(inv).Addresses())
	return removal.OfPair(inv, c.IPAM.Type, rules.Remove, iface.Marked(inv)), nil
}
