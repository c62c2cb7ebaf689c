package portmap

import (
	"context"
	"errors"

	"github.com/libcni/libcni/core/internal/host/rtnl"
	"github.com/libcni/libcni/core/internal/kit"
	"github.com/libcni/libcni/core/internal/kit/drift"
	"github.com/libcni/libcni/core/plugin"
)

// Repair makes what Check reports missing, all rules in one batch.
func (portmap) Repair(ctx context.Context, inv *plugin.Invocation) error {
	return drift.Repair(ctx, inv, compare)
}

// Restore implements drift.Comparison.
func (k *comparison) Restore(ctx context.Context) error {
	k.earlier, k.exists = false, true
	if err := k.recordLink(ctx, k.inv); err != nil {
		return err
	}
	if err := k.write(ctx, k.inv, k.queueRepair); err != nil {
		return err
	}
	if err := settle(ctx, k.config, k.plan, k.inv); err != nil {
		return err
	}
	return k.closeLoopback(ctx, k.inv)
}

// isBuiltinBridge reports whether a link is a bridge that the built-in bridge made, which it marks
// with an alias.
func isBuiltinBridge(ctx context.Context, inv *plugin.Invocation, name string) (bool, error) {
	if name == "" {
		return false, nil
	}
	host, err := kit.Host(ctx, inv)
	if err != nil {
		return false, err
	}
	link, err := host.LinkByName(ctx, name)
	if errors.Is(err, rtnl.ErrNotFound) {
		return false, nil
	}
	return err == nil && link.Alias == "libcni", err
}
