package firewall

import (
	"context"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/plugin"
)

// Repair puts back what Check reports missing. An address that another attachment owns stays the other's.
func (p firewall) Repair(ctx context.Context, inv *plugin.Invocation) error {
	return p.examine(ctx, inv, func(b backend, a *attachment, found []fault.Drift) error {
		if len(found) == 0 {
			return nil
		}
		if err := b.repair(ctx, a); err != nil {
			return err
		}
		for _, d := range found {
			if d.Actual == missing || d.Expected == missing {
				inv.Repaired(d.Object)
			}
		}
		return nil
	})
}
