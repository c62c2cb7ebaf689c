package portmap

import (
	"context"

	"github.com/libcni/libcni/core/internal/kit/filter"
	"github.com/libcni/libcni/core/plugin"
)

// Status fails with code 50 if the kernel lacks nftables. It warns of what makes the rules
// ineffective.
func (portmap) Status(ctx context.Context, inv *plugin.Invocation) error {
	if _, err := parse(inv.Config); err != nil {
		return err
	}
	chains, _, _ := common(false)
	for _, f := range families() {
		chains = append(chains, translation(f, suffixOf(inv.Network)))
	}
	return filter.Available(ctx, inv, needsNFTables, chains...)
}
