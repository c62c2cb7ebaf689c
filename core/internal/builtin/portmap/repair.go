package portmap

import (
	"context"
	"errors"

	"github.com/libcni/libcni/core/internal/host/nft"
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
	link, err := linkTo(ctx, k.inv, k.localAddress())
	if err != nil {
		return err
	}
	if err := k.restoreRules(ctx, link); err != nil {
		return err
	}
	return settle(ctx, k.config, k.plan, k.inv, link)
}

// restoreRules makes the rules that are missing. The set that records that route_localnet is ours
// may be among them: on a bridge that the built-in bridge made, route_localnet is ours in any case.
func (k *comparison) restoreRules(ctx context.Context, link string) error {
	ours, err := isBuiltinBridge(ctx, k.inv, link)
	if err != nil {
		return err
	}
	return nft.Update(ctx, k.inv.StateDir, func(tx *nft.Tx) error {
		own, err := tracked(tx.Reader, link)
		if err != nil {
			return err
		}
		if ours {
			own = link
		}
		return k.queueRepair(tx, own)
	})
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
