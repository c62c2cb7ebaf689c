package portmap

import (
	"context"

	"github.com/libcni/libcni/core/internal/host/nft"
	"github.com/libcni/libcni/core/plugin"
)

// AddAsBefore makes what version 0.1 made for an attachment.
func AddAsBefore(ctx context.Context, inv *plugin.Invocation) error {
	c, err := parse(inv.Config)
	if err != nil {
		return err
	}
	p, err := newPlan(c, inv)
	if err != nil {
		return err
	}
	p.earlier = true
	link, err := linkTo(ctx, inv, p.address4())
	if err != nil {
		return err
	}
	err = nft.Update(ctx, inv.StateDir, func(tx *nft.Tx) error {
		chains, sets, rules := common(true)
		for _, c := range chains {
			tx.Ensure(c)
		}
		for _, s := range append(sets, localnet(link)) {
			tx.Ensure(s.Set)
		}
		if err := ensureRules(tx, rules); err != nil {
			return err
		}
		for _, s := range p.shared()[1:] {
			if err := s.queue(tx); err != nil {
				return err
			}
		}
		used := item{pointer(localnet(link)),
			nft.Element{Key: nft.Addr(p.address4()), Comment: p.owner.Comment()}}
		all := append(p.items(), used)
		for _, group := range grouped(append(all, p.counter(len(all)))) {
			tx.AddElements(group[0].set.Set, elementsOf(group)...)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := enableHairpin(ctx, inv); err != nil {
		return err
	}
	return setRouteLocalnet(link, true)
}

// CloseLoopback turns off what version 0.1 turned on, as DEL does last.
func CloseLoopback(ctx context.Context, inv *plugin.Invocation) error {
	return knownPlan(inv).closeLoopback(ctx, inv)
}
