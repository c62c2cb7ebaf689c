package portmap

import (
	"context"

	"github.com/libcni/libcni/core/internal/host/nft"
	"github.com/libcni/libcni/core/internal/kit/filter"
	"github.com/libcni/libcni/core/plugin"
)

// GC removes the ports of all attachments of the network that are not valid.
func (portmap) GC(ctx context.Context, inv *plugin.Invocation) error {
	keep := filter.Keeper(inv.Network, inv.ValidAttachments)
	return removeAll(ctx, inv, invalidReference(inv), func(tx *nft.Tx) ([]item, error) {
		return remove(tx, func(e nft.Element) bool { return !keep(e.Comment) })
	})
}
