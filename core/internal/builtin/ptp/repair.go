package ptp

import (
	"context"

	"github.com/libcni/libcni/core/internal/kit/drift"
	"github.com/libcni/libcni/core/internal/kit/router"
	"github.com/libcni/libcni/core/plugin"
)

// Repair restores the host's part: its end with addresses and routes, forwarding, rules.
func (ptp) Repair(ctx context.Context, inv *plugin.Invocation) error {
	return drift.Repair(ctx, inv, compare)
}

// Restore leaves a pair alone whose host's end is gone: the container's interface is gone, too.
func (k *comparison) Restore(ctx context.Context) error {
	if err := k.RestorePair(ctx, k.port, k.plan.host); err != nil {
		return err
	}
	if err := router.EnableForwarding(ctx, k.Inv, k.Host, 0, k.plan.container.Addresses); err != nil {
		return err
	}
	return k.rules(k.Inv, k.plan.container.Addresses).Restore(ctx)
}
