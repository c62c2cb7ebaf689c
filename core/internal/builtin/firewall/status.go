package firewall

import (
	"context"

	"github.com/libcni/libcni/core/internal/kit/filter"
	"github.com/libcni/libcni/core/plugin"
)

// Status fails with code 50 if an ADD would fail. It contacts firewalld only if that is
// configured, since otherwise ADD can use nftables. It fails with code 51 if a chain of the host
// drops all forwarded packets.
func (p firewall) Status(ctx context.Context, inv *plugin.Invocation) error {
	c, err := parse(inv.Config)
	if err != nil {
		return err
	}
	isDefault := c.Backend == ""
	if isDefault {
		c.Backend = backendNFTables
	}
	s, err := p.selectBackend(ctx, c, inv)
	if err != nil {
		return filter.Unavailable(err)
	}
	s.isDefault = isDefault
	defer s.close()
	return filter.Unavailable(s.backend(nil).status(ctx))
}
