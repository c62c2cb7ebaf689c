package portmap

import (
	"context"

	"github.com/libcni/libcni/core/internal/host/nft"
	"github.com/libcni/libcni/core/internal/kit/filter"
	"github.com/libcni/libcni/core/plugin"
)

// Status fails with code 50 if the kernel lacks nftables.
func (portmap) Status(ctx context.Context, inv *plugin.Invocation) error {
	if _, err := parse(inv.Config); err != nil {
		return err
	}
	return filter.Unavailable(filter.Unsupported(nft.Probe(ctx), needsNFTables))
}
