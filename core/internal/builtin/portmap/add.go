package portmap

import (
	"context"
	"errors"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/host/nft"
	"github.com/libcni/libcni/core/internal/host/sysctl"
	"github.com/libcni/libcni/core/internal/kit"
	"github.com/libcni/libcni/core/internal/kit/filter"
	"github.com/libcni/libcni/core/internal/kit/steps"
	"github.com/libcni/libcni/core/plugin"
)

// Add publishes the ports and passes the previous result through.
func (portmap) Add(ctx context.Context, inv *plugin.Invocation) (*plugin.Result, error) {
	c, err := parse(inv.Config)
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
		return inv.PrevResult, nil
	}
	p, err := newPlan(c, inv)
	if err != nil {
		return nil, err
	}
	if err := publish(ctx, c, p, inv); err != nil {
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
	if err := checkHostIPs(ctx, host, c.mappings); err != nil {
		return err
	}
	if err := warnOfSockets(ctx, inv, c.mappings); err != nil {
		return err
	}
	link, err := linkTo(ctx, inv, p.localAddress())
	if err != nil {
		return err
	}
	return steps.Run(ctx, []steps.Step{
		{
			Do: func(ctx context.Context) error {
				return filter.Unsupported(p.write(ctx, inv, link), needsNFTables)
			},
			Undo:    func(ctx context.Context) error { return p.undo(ctx, inv) },
			Partial: true, // if the kernel's response is lost, the batch may have been applied
		},
		{Do: func(ctx context.Context) error { return settle(ctx, c, p, inv, link) }},
	})
}

func (p *plan) undo(ctx context.Context, inv *plugin.Invocation) error {
	return filter.IgnoreUnsupported(nft.Update(ctx, inv.StateDir, func(tx *nft.Tx) error {
		_, err := removeOwned(tx, p.owner)
		return err
	}))
}

// write changes the rules. It first removes the remains of an interrupted ADD of this attachment.
// If the kernel refuses the batch, other programs have modified the existing objects, and write
// repairs them.
func (p *plan) write(ctx context.Context, inv *plugin.Invocation, link string) error {
	stale := false
	queue := p.queueAdd
	update := func(tx *nft.Tx) error {
		p.prefetch(tx.Reader, link)
		left, err := tx.Find(owners().Set, ownerKey(p.owner))
		if err != nil {
			return err
		}
		if stale = left != nil; stale {
			_, err = removeOwned(tx, p.owner)
			return err
		}
		own, err := tracked(tx.Reader, link)
		if err != nil {
			return err
		}
		return queue(tx, own)
	}
	err := nft.Update(ctx, inv.StateDir, update)
	if err == nil && stale {
		err = nft.Update(ctx, inv.StateDir, update)
	}
	var refused *nft.Error
	if errors.As(err, &refused) {
		queue = p.queueRepair
		err = nft.Update(ctx, inv.StateDir, update)
	}
	return err
}

// prefetch looks up everything that an ADD needs in one request.
func (p *plan) prefetch(r *nft.Reader, link string) {
	r.Prefetch(owners().Set, ownerKey(p.owner))
	prefetchClaims(r, p.ports)
	for _, t := range p.used() {
		if len(t.sources) > 0 {
			r.Prefetch(masqueraded(t.family, p.owner.Network, t.sources).Set, nft.Addr(t.addr))
		}
	}
	if link != "" {
		r.Prefetch(localnet(link).Set, nft.Addr(p.localAddress()))
	}
}

// tracked returns the link if its route_localnet is ours to turn off again: it is off, or we turned
// it on.
func tracked(r *nft.Reader, link string) (string, error) {
	if link == "" {
		return "", nil
	}
	exists, err := r.HasSet(localnet(link).Set)
	if err != nil || exists {
		return link, err
	}
	value, err := sysctl.Get(routeLocalnet(link))
	if err != nil || value == "1" {
		return "", err
	}
	return link, nil
}

// settle applies the settings that the rules need, and removes the flows that would bypass the
// rules.
func settle(ctx context.Context, c *config, p *plan, inv *plugin.Invocation, link string) error {
	if link != "" {
		if err := setRouteLocalnet(link, true); err != nil {
			return err
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
