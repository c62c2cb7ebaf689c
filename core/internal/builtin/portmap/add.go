package portmap

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/host/nft"
	"github.com/libcni/libcni/core/internal/host/sysctl"
	"github.com/libcni/libcni/core/internal/kit"
	"github.com/libcni/libcni/core/plugin"
)

const undoTimeout = 10 * time.Second

// Add publishes the ports and passes the previous result through.
func (portmap) Add(ctx context.Context, inv *plugin.Invocation) (*plugin.Result, error) {
	c, err := parse(inv.Config)
	if err != nil {
		return nil, err
	}
	if inv.PrevResult == nil {
		return nil, fault.InvalidConfig("prevResult", "prevResult: portmap needs the result of the plugins before it")
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

// publish makes what the plan says. All it makes is in one batch, or is a setting that goes with it.
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
	if err := p.write(ctx, inv, link); errors.Is(err, nft.ErrUnsupported) {
		return noNFTables(err)
	} else if err != nil { // the kernel may have done it, and its answer was lost
		return errors.Join(err, undo(ctx, p, inv))
	}
	if err := settle(ctx, c, p, inv, link); err != nil {
		return errors.Join(err, undo(ctx, p, inv))
	}
	return nil
}

// write changes the rules. What a killed ADD of this attachment left is removed first. If the rules are not what an
// earlier call has made of them, it goes over all of them.
func (p *plan) write(ctx context.Context, inv *plugin.Invocation, link string) error {
	leftOver, heal := false, false
	update := func(tx *nft.Tx) error {
		p.expect(tx.Reader, link)
		left, err := tx.Find(owners(), ownerKey(p.owner))
		if err != nil {
			return err
		}
		if leftOver = left != nil; leftOver {
			_, err = removeAll(tx, p.owner)
			return err
		}
		own, err := tracked(tx.Reader, link)
		if err != nil {
			return err
		}
		return p.apply(tx, own, heal)
	}
	err := nft.Update(ctx, inv.StateDir, update)
	if err == nil && leftOver {
		err = nft.Update(ctx, inv.StateDir, update)
	}
	var refused *nft.Error
	if errors.As(err, &refused) {
		heal = true
		err = nft.Update(ctx, inv.StateDir, update)
	}
	return err
}

// expect has all that an ADD looks for asked for at once.
func (p *plan) expect(r *nft.Reader, link string) {
	r.Prefetch(owners(), ownerKey(p.owner))
	expectClaims(r, p.ports)
	for _, t := range p.used() {
		if len(t.sources) > 0 {
			r.Prefetch(masqueraded(t.family, p.owner.Network, t.sources), nft.Addr(t.addr))
		}
	}
	if link != "" {
		r.Prefetch(localnet(link), nft.Addr(p.localAddress()))
	}
}

// tracked returns the link if its route_localnet is ours to take back: it is off, or was turned on by us.
func tracked(r *nft.Reader, link string) (string, error) {
	if link == "" {
		return "", nil
	}
	there, err := r.HasSet(localnet(link))
	if err != nil || there {
		return link, err
	}
	value, err := sysctl.Get(routeLocalnet(link))
	if err != nil || value == "1" {
		return "", err
	}
	return link, nil
}

// settle does what the rules need besides.
func settle(ctx context.Context, c *config, p *plan, inv *plugin.Invocation, link string) error {
	if link != "" {
		if err := setRouteLocalnet(link, true); err != nil {
			return err
		}
	}
	if c.masquerades() {
		if err := makeReflect(ctx, inv); err != nil {
			return err
		}
	}
	return forgetFlows(ctx, inv, p.ports)
}

func undo(ctx context.Context, p *plan, inv *plugin.Invocation) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTimeout)
	defer cancel()
	err := nft.Update(ctx, inv.StateDir, func(tx *nft.Tx) error {
		_, err := removeAll(tx, p.owner)
		return err
	})
	if err != nil {
		return fmt.Errorf("%w: %w", fault.ErrNotUndone, err)
	}
	return nil
}
