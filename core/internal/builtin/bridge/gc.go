package bridge

import (
	"context"
	"errors"

	"github.com/libcni/libcni/core/internal/host/nft"
	"github.com/libcni/libcni/core/internal/kit/ipam"
	"github.com/libcni/libcni/core/plugin"
)

// GC removes the rules of attachments that are not valid and a VLAN's gateway that no port uses,
// and runs GC of the IPAM plugin.
func (bridge) GC(ctx context.Context, inv *plugin.Invocation) error {
	c, err := read(inv.Config)
	if err != nil {
		return err
	}
	return errors.Join(collectRules(ctx, c, inv), removeUnusedGateway(ctx, c, inv),
		ipam.New(inv, c.IPAM.Type).Run(ctx, plugin.GC))
}

func collectRules(ctx context.Context, c *config, inv *plugin.Invocation) error {
	links, err := linkNames(ctx, inv)
	if err != nil {
		return err
	}
	return c.rules(inv, endpoint{}).Collect(ctx,
		func(tx *nft.Tx) error { return collectReferenceSpoofChecks(tx, links) },
		func(tx *nft.Tx) error { return collectSpoofChecks(tx, inv.Network, inv.ValidAttachments) })
}
