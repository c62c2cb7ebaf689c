package firewall

import (
	"context"

	"github.com/libcni/libcni/core/internal/host/nft"
	"github.com/libcni/libcni/core/internal/kit/filter"
	"github.com/libcni/libcni/core/plugin"
)

// Status fails with code 50 if an ADD would fail. It contacts firewalld only if that is
// configured, since otherwise ADD can use nftables.
func (p firewall) Status(ctx context.Context, inv *plugin.Invocation) error {
	c, err := parse(inv.Config)
	if err != nil {
		return err
	}
	if c.Backend == "" {
		c.Backend = backendNFTables
	}
	s, err := p.selectBackend(ctx, c, inv)
	if err != nil {
		return filter.Unavailable(err)
	}
	defer s.close()
	return filter.Unavailable(s.backend(nil).status(ctx))
}

// warnOfDrops warns of chains of other tools that drop forwarded packets and that get no accepting
// rules: these would be lost when the tool loads its chains again.
func warnOfDrops(r *nft.Reader, inv *plugin.Invocation) error {
	chains, err := r.DroppingForwards()
	if err != nil {
		return err
	}
	for _, c := range chains {
		if c.Table == nft.Own(nft.Inet) || c.Table.Name == filterTable && c.Name == forwardChain {
			continue
		}
		inv.Warn(
			"chain %s of nftables table %s drops packets that it does not accept, "+
				"including those of containers",
			c.Name,
			c.Table.Name,
		)
	}
	return nil
}
