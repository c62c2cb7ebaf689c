package portmap

import (
	"context"
	"errors"

	"github.com/libcni/libcni/core/internal/host/nft"
	"github.com/libcni/libcni/core/plugin"
)

// Del removes the attachment's ports, and what the executable has left of it. With its configuration and result it knows
// where to look; without, it looks everywhere.
func (portmap) Del(ctx context.Context, inv *plugin.Invocation) error {
	p, l := remembered(inv), leftoversOf(inv)
	return discardWith(ctx, inv, l, p.release)
}

// discardWith removes what release queues and the executable's leftovers, in one batch, and makes the kernel forget the
// datagrams that went there.
func discardWith(ctx context.Context, inv *plugin.Invocation, l leftovers, release func(*nft.Tx) ([]item, error)) error {
	var found []item
	err := nft.Update(ctx, inv.StateDir, func(tx *nft.Tx) (err error) {
		if found, err = release(tx); err != nil {
			return err
		}
		return l.queue(tx)
	})
	if errors.Is(err, nft.ErrUnsupported) { // then there is nothing
		return l.removeLegacy(ctx, inv)
	}
	if err != nil {
		return err
	}
	return errors.Join(forgetAnswers(ctx, inv, portsOf(found)), l.removeLegacy(ctx, inv))
}

// remembered is the plan of the ADD as far as it is known.
func remembered(inv *plugin.Invocation) *plan {
	c, err := parse(inv.Config)
	if err == nil {
		if p, err := newPlan(c, inv); err == nil {
			return p
		}
	}
	return &plan{owner: ownerOf(inv)}
}

// portsOf returns the ports that removed elements translated.
func portsOf(found []item) []port {
	var ports []port
	for _, i := range found {
		if p, ok := redirected(i); ok {
			ports = append(ports, p)
		}
	}
	return ports
}

// GC removes the ports of attachments of the network that are not valid.
func (portmap) GC(ctx context.Context, inv *plugin.Invocation) error {
	valid := make([]nft.Owner, len(inv.ValidAttachments))
	for i, a := range inv.ValidAttachments {
		valid[i] = nft.Owner{Network: inv.Network, ContainerID: a.ContainerID, IfName: a.IfName}
	}
	keep := nft.Keep(inv.Network, valid)
	return discardWith(ctx, inv, invalidLeftovers(inv), func(tx *nft.Tx) ([]item, error) {
		return remove(tx, func(e nft.Element) bool { return !keep(e.Comment) })
	})
}
