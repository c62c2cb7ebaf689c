package portmap

import (
	"context"
	"errors"

	"github.com/libcni/libcni/core/internal/host/nft"
	"github.com/libcni/libcni/core/internal/kit/filter"
	"github.com/libcni/libcni/core/plugin"
)

// GC removes the ports of all attachments of the network that are not valid, and of those of other
// networks that are proved to be gone.
func (portmap) GC(ctx context.Context, inv *plugin.Invocation) error {
	keep := filter.Keeper(inv.Network, inv.ValidAttachments)
	return removeAll(ctx, inv, invalidReference(inv), func(tx *nft.Tx) ([]item, error) {
		h := newHolders(inv, tx.Reader)
		var failed error
		found, err := remove(tx, func(e nft.Element) bool {
			if !keep(e.Comment) {
				return true
			}
			if e.Comment == "" || nft.OwnsIn(inv.Network, e.Comment) {
				return false
			}
			gone, err := h.isGone(ctx, e.Comment)
			failed = errors.Join(failed, err)
			return gone
		})
		return found, errors.Join(err, failed)
	})
}
