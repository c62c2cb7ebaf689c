package firewall

import (
	"context"
	"errors"

	"github.com/libcni/libcni/core/internal/host/nft"
	"github.com/libcni/libcni/core/internal/kit/drift"
	"github.com/libcni/libcni/core/internal/kit/filter"
)

// separate separates the attachment's port from others of its bridge. The frames between them pass
// no chain of iptables, unless the host sets bridge-nf-call-iptables.
func (b iptablesChains) separate(ctx context.Context, a *attachment) error {
	c := a.portContent()
	err := nft.Update(ctx, b.inv.StateDir, func(tx *nft.Tx) error {
		c.prefetch(tx.Reader)
		if err := filter.MendChains(tx, c.chains()...); err != nil {
			return err
		}
		if err := c.queue(tx); err != nil {
			return err
		}
		for _, m := range c.elements {
			if err := a.put(tx, m); err != nil {
				return err
			}
		}
		return nil
	})
	return b.withoutSeparation(err)
}

// withoutSeparation makes a warning of the error of a kernel without nftables for bridges: the
// other rules of the backend do without.
func (b iptablesChains) withoutSeparation(err error) error {
	if !errors.Is(err, nft.ErrUnsupported) {
		return err
	}
	b.inv.Warn("ingressPolicy isolated does not separate containers of the same bridge: it needs "+
		"nftables with the family bridge (CONFIG_NF_TABLES_BRIDGE): %v", err)
	return nil
}

func (b iptablesChains) checkSeparation(ctx context.Context, a *attachment,
	list *drift.List) error {
	var found drift.List
	c := a.portContent()
	err := nft.View(ctx, func(r *nft.Reader) error {
		ineffective, err := filter.CheckChains(r, c.chains()...)
		if err != nil {
			return err
		}
		found = drift.List{Plugin: list.Plugin}
		found.Add(ineffective)
		return a.checkContent(r, c, &found)
	})
	list.Found = append(list.Found, found.Found...)
	return b.withoutSeparation(err)
}
