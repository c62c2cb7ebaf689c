package firewall

import (
	"context"

	"github.com/libcni/libcni/core/internal/kit/drift"
	"github.com/libcni/libcni/core/plugin"
)

// Repair puts back what Check reports missing. An address that belongs to another attachment is
// not taken over.
func (p firewall) Repair(ctx context.Context, inv *plugin.Invocation) error {
	return p.examine(ctx, inv, func(b backend, a *attachment, list *drift.List) error {
		if len(list.Found) == 0 {
			return nil
		}
		if err := b.repair(ctx, a); err != nil {
			return err
		}
		const missing = "missing"
		for _, d := range list.Found {
			if d.Actual == missing || d.Expected == missing {
				inv.Repaired(d.Object)
			}
		}
		return nil
	})
}
