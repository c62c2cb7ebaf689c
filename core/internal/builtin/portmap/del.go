package portmap

import (
	"context"
	"errors"

	"github.com/libcni/libcni/core/internal/host/nft"
	"github.com/libcni/libcni/core/internal/kit/filter"
	"github.com/libcni/libcni/core/plugin"
)

// Del removes the attachment's ports, and what the reference executable made for it. The
// configuration and the result limit the search; without them it searches all sets.
func (portmap) Del(ctx context.Context, inv *plugin.Invocation) error {
	r, err := referenceOf(ctx, inv)
	if err != nil {
		return err
	}
	p := knownPlan(inv)
	if err := removeAll(ctx, inv, r, p.release); err != nil {
		return err
	}
	if p.exists { // the removal of its elements saw to it
		return nil
	}
	return p.closeLoopback(ctx, inv)
}

// removeAll removes in one batch the elements that release queues and returns, and what the
// reference executable made. Then it removes the flows of datagrams that the elements translated.
func removeAll(ctx context.Context, inv *plugin.Invocation, r reference,
	release func(*nft.Tx) ([]item, error)) error {
	var found []item
	err := nft.Update(ctx, inv.StateDir, func(tx *nft.Tx) (err error) {
		if found, err = release(tx); err != nil {
			return err
		}
		return r.queueRemoval(tx)
	})
	if errors.Is(err, nft.ErrUnsupported) { // there is nothing
		return r.removeLegacy(ctx, inv)
	}
	if err != nil {
		return err
	}
	return errors.Join(flowsToContainers(portsOf(found)).forget(ctx, inv), r.removeLegacy(ctx, inv))
}

// knownPlan returns the plan of the ADD, as far as it is known.
func knownPlan(inv *plugin.Invocation) *plan {
	c, err := parse(inv.Config)
	if err == nil {
		if p, err := newPlan(c, inv); err == nil {
			return p
		}
	}
	return &plan{owner: filter.Owner(inv)}
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
