// Package reference holds what the plugins share for removing the objects of the reference
// executables: access to the legacy tables of iptables, and the decision which objects another
// interface of the container uses. What the executables left in nftables, also through iptables
// over nftables, each plugin removes in its own batch.
package reference

import (
	"context"
	"errors"

	"github.com/libcni/libcni/core/internal/host/iptables"
	"github.com/libcni/libcni/core/internal/host/spawn"
)

// InLegacyTables reports whether the kernel has a legacy table of that name in one of the families.
func InLegacyTables(table string) bool {
	return iptables.HasLegacyTable(iptables.IPv4, table) ||
		iptables.HasLegacyTable(iptables.IPv6, table)
}

// ChangeLegacy reads a legacy table of both families and applies the lines that change returns. It
// starts a process only for a table that exists, and skips a family whose executable is missing.
func ChangeLegacy(ctx context.Context, start spawn.Starter, table string,
	change func(*iptables.Table) []string) error {
	for _, f := range []iptables.Family{iptables.IPv4, iptables.IPv6} {
		if !iptables.HasLegacyTable(f, table) {
			continue
		}
		tool, err := iptables.FindLegacy(ctx, start, f)
		if errors.Is(err, iptables.ErrMissing) {
			continue
		}
		if err != nil {
			return err
		}
		contents, err := tool.Read(ctx, table)
		if err != nil {
			return err
		}
		if err := tool.Apply(ctx, table, change(contents)); err != nil {
			return err
		}
	}
	return nil
}
