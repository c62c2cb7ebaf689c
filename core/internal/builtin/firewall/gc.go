package firewall

import (
	"context"

	"github.com/libcni/libcni/core/internal/kit/filter"
	"github.com/libcni/libcni/core/plugin"
)

// GC removes the rules of all attachments of the network that are not valid.
func (p firewall) GC(ctx context.Context, inv *plugin.Invocation) error {
	c, err := read(inv.Config)
	if err != nil {
		return err
	}
	return p.remove(ctx, c, inv, invalid(inv.Network, inv.ValidAttachments))
}

// invalid selects all attachments of the network except the valid ones.
func invalid(name string, valid []plugin.AttachmentID) target {
	keep := filter.Keeper(name, valid)
	return target{
		network: network(name),
		selects: func(comment string) bool { return !keep(comment) },
	}
}
