// Package removal owns the order of a DEL: what is removed before, while and after the kernel
// removes the interface.
package removal

import (
	"context"
	"errors"

	"github.com/libcni/libcni/core/internal/kit/iface"
	"github.com/libcni/libcni/core/internal/kit/ipam"
	"github.com/libcni/libcni/core/internal/kit/ruleset"
	"github.com/libcni/libcni/core/plugin"
)

// Removal is a DEL. The addresses are released after the interface is gone, so that none is
// assigned again while it still answers, unless the IPAM plugin needs the interface.
type Removal struct {
	IPAM *ipam.Plugin
	// Link starts to remove the interface, and returns a function that waits until it is gone.
	Link  func(context.Context) (wait func(context.Context) error, err error)
	Rules Rules // the attachment's
	// RulesLast: the rules restrict what the container may send, and stay until the interface is gone.
	RulesLast bool
	// Rest removes what no attachment uses any more; nil for nothing.
	Rest func(context.Context) error

	wait func(context.Context) error
}

// Rules are the rules of an attachment.
type Rules interface {
	Remove(context.Context) error
	Show(context.Context) error
}

// OfPair is the DEL of a plugin that makes a veth pair.
func OfPair(rules *ruleset.Rules, ipamType string, ours iface.Ours) *Removal {
	return &Removal{IPAM: ipam.New(rules.Inv, ipamType), Rules: rules,
		Link: func(ctx context.Context) (func(context.Context) error, error) {
			return iface.StartDeletion(ctx, rules.Inv, ours)
		}}
}

// For makes the Removal of an invocation.
type For func(*plugin.Invocation) (*Removal, error)

// Inspect shows the rules that a DEL would remove, and those that the network's containers share.
func Inspect(ctx context.Context, inv *plugin.Invocation, new For) error {
	r, err := new(inv)
	if err != nil {
		return err
	}
	return r.Rules.Show(ctx)
}

// Run does a DEL.
func Run(ctx context.Context, inv *plugin.Invocation, new For) error {
	r, err := new(inv)
	if err != nil {
		return err
	}
	if r.IPAM.NeedsLink() {
		if err := r.IPAM.Run(ctx, plugin.Del); err != nil {
			return err
		}
	}
	if r.wait, err = r.Link(ctx); err != nil {
		return err
	}
	return r.Finish(ctx)
}

// Start starts a DEL, see plugin.DelStarter: it starts to remove the interface. It returns nil if
// that is not the first step, or fails.
func Start(ctx context.Context, inv *plugin.Invocation, new For) plugin.StartedDel {
	r, err := new(inv)
	if err != nil || r.IPAM.NeedsLink() {
		return nil
	}
	if r.wait, err = r.Link(ctx); err != nil {
		return nil
	}
	return r
}

// Abandon waits until the interface is gone.
func (r *Removal) Abandon(ctx context.Context) { _ = r.wait(ctx) }

// Finish does the rest of the DEL.
func (r *Removal) Finish(ctx context.Context) error {
	if err := r.linkAndRules(ctx); err != nil {
		return err
	}
	if r.Rest != nil {
		if err := r.Rest(ctx); err != nil {
			return err
		}
	}
	if r.IPAM.NeedsLink() {
		return nil
	}
	return r.IPAM.Run(ctx, plugin.Del)
}

// linkAndRules removes the rules while the kernel removes the interface, unless they must stay
// until it is gone.
func (r *Removal) linkAndRules(ctx context.Context) error {
	if !r.RulesLast {
		return errors.Join(r.Rules.Remove(ctx), r.wait(ctx))
	}
	if err := r.wait(ctx); err != nil {
		return err
	}
	return r.Rules.Remove(ctx)
}
