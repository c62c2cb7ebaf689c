package portmap

import (
	"context"
	"errors"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/host/nft"
	"github.com/libcni/libcni/core/internal/kit"
	"github.com/libcni/libcni/core/internal/kit/filter"
	"github.com/libcni/libcni/core/internal/kit/steps"
	"github.com/libcni/libcni/core/plugin"
)

// Add publishes the ports and passes the previous result through.
func (p portmap) Add(ctx context.Context, inv *plugin.Invocation) (*plugin.Result, error) {
	c, err := plugin.Read[*config](p, inv)
	if err != nil {
		return nil, err
	}
	if inv.PrevResult == nil {
		return nil, fault.InvalidConfig(
			"prevResult",
			"prevResult: portmap needs the result of an earlier plugin; "+
				"put it after the plugin that makes the interface",
		)
	}
	if len(c.mappings) == 0 {
		return inv.PrevResult, clearAddresses(ctx, inv)
	}
	ports, err := newPlan(c, inv)
	if err != nil {
		return nil, err
	}
	if err := publish(ctx, c, ports, inv); err != nil {
		return nil, err
	}
	return inv.PrevResult, nil
}

// publish makes the objects of the plan. All rules are made in one batch; the settings that they
// need follow.
func publish(ctx context.Context, c *config, p *plan, inv *plugin.Invocation) error {
	host, err := kit.Host(ctx, inv)
	if err != nil {
		return err
	}
	if err := warnOfHostIPs(ctx, inv, host, c.mappings); err != nil {
		return err
	}
	if err := warnOfSockets(ctx, inv, c.mappings); err != nil {
		return err
	}
	if err := p.recordLink(ctx, inv); err != nil {
		return err
	}
	others := &foreign{refuse: c.RefuseHeldPorts}
	queue := func(tx *nft.Tx) error {
		if err := others.look(p, tx.Reader); err != nil {
			return err
		}
		return p.queueAdd(tx)
	}
	return steps.Run(ctx, []steps.Step{
		{
			Do: func(ctx context.Context) error {
				err := p.write(ctx, inv, queue)
				others.warn(inv)
				return filter.Unsupported(err, needsNFTables)
			},
			Undo:    func(ctx context.Context) error { return p.undo(ctx, inv) },
			Partial: true, // if the kernel's response is lost, the batch may have been applied
		},
		{Do: func(ctx context.Context) error { return settle(ctx, c, p, inv) }},
	})
}

// recordLink completes the plan with the record of the host's end of the interface.
func (p *plan) recordLink(ctx context.Context, inv *plugin.Invocation) error {
	index, err := hostEnd(ctx, inv)
	p.link = linkRecord(inv.BootID, index)
	return err
}

func (p *plan) undo(ctx context.Context, inv *plugin.Invocation) error {
	return filter.IgnoreUnsupported(nft.Update(ctx, inv.StateDir, func(tx *nft.Tx) error {
		_, err := removeOwned(tx, p.owner)
		return err
	}))
}

// write changes the rules. Before, it removes the remains of an interrupted ADD of this attachment,
// and what attachments that are gone have left at its ports and addresses. If the kernel refuses
// the batch, other programs have modified the existing objects, and write repairs them.
func (p *plan) write(ctx context.Context, inv *plugin.Invocation,
	queue func(*nft.Tx) error) error {
	repairs := false
	for {
		again, removed, err := p.tryWrite(ctx, inv, queue)
		var refused *nft.Error
		if errors.As(err, &refused) && !repairs {
			queue, repairs = p.queueRepair, true
			continue
		}
		if err != nil || !again {
			return err
		}
		if err := flowsToContainers(portsOf(removed)).forget(ctx, inv); err != nil {
			return err
		}
	}
}

// tryWrite changes the rules, or removes and returns what is in the way; then again is true.
func (p *plan) tryWrite(ctx context.Context, inv *plugin.Invocation,
	queue func(*nft.Tx) error) (again bool, removed []item, err error) {
	err = nft.Update(ctx, inv.StateDir, func(tx *nft.Tx) error {
		p.prefetch(tx.Reader)
		unwanted, err := p.inTheWay(ctx, tx.Reader, inv)
		if again = len(unwanted) > 0; err != nil {
			return err
		}
		if !again {
			return queue(tx)
		}
		removed, err = remove(tx, func(e nft.Element) bool { return unwanted[identity(e.Comment)] })
		return err
	})
	return again, removed, err
}

// inTheWay returns the owners, by identity, whose elements are in the plan's way.
func (p *plan) inTheWay(ctx context.Context, r *nft.Reader,
	inv *plugin.Invocation) (map[string]bool, error) {
	left, err := r.Find(owners().Set, ownerKey(p.owner))
	if err != nil {
		return nil, err
	}
	if left != nil && !p.exists {
		return map[string]bool{identity(p.owner.Comment()): true}, nil
	}
	return p.abandoned(ctx, r, inv)
}

// prefetch looks up everything that an ADD needs in one request.
func (p *plan) prefetch(r *nft.Reader) {
	r.Prefetch(owners().Set, ownerKey(p.owner))
	prefetchClaims(r, p.ports)
	for _, t := range p.targets {
		r.Prefetch(linked(t.family).Set, nft.Addr(t.addr))
	}
	for _, t := range p.used() {
		if len(t.sources) > 0 {
			r.Prefetch(masqueraded(t.family, p.owner.Network, t.sources).Set, nft.Addr(t.addr))
		}
	}
}

// settle applies the settings that the rules need, and removes the flows that would bypass the
// rules.
func settle(ctx context.Context, c *config, p *plan, inv *plugin.Invocation) error {
	if p.servesLoopback() {
		if err := addStandIn(ctx, inv); err != nil {
			inv.Warn("connections from 127.0.0.1 to published ports get no answer: %v", err)
		}
	}
	if c.masquerades() {
		if err := enableHairpin(ctx, inv); err != nil {
			return err
		}
	}
	host, err := kit.Host(ctx, inv)
	if err != nil {
		return err
	}
	old, err := flowsToHost(ctx, host, p.ports)
	if err != nil {
		return err
	}
	return old.forget(ctx, inv)
}
