// Package ruleset owns what an attachment of an interface plugin has in the packet filter:
// masquerading, and what the plugin adds to it. All changes of nftables by one request are one
// batch.
package ruleset

import (
	"context"
	"errors"
	"net/netip"
	"slices"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/host/nft"
	"github.com/libcni/libcni/core/internal/kit"
	"github.com/libcni/libcni/core/internal/kit/drift"
	"github.com/libcni/libcni/core/internal/kit/filter"
	"github.com/libcni/libcni/core/internal/kit/iface"
	"github.com/libcni/libcni/core/internal/kit/masquerade"
	"github.com/libcni/libcni/core/plugin"
)

// Part is one kind of rules of an attachment in nftables.
type Part interface {
	Add(*nft.Tx) error
	Remove(*nft.Tx) error
	Check(*nft.Reader) ([]fault.Drift, error)
	Repair(*nft.Tx) error
	// Show adds what Check looks for.
	Show(*filter.Shown)
	Chains() []nft.Chain // those with rules of the part
	// MadeByReference reports whether the reference executable has made equivalent rules.
	MadeByReference(*nft.Reader) (bool, error)
}

// Rules are the rules of one attachment.
type Rules struct {
	Inv        *plugin.Invocation
	Masquerade masquerade.Config
	Addresses  []netip.Prefix // nil if they are unknown
	Parts      []Part         // beside masquerading

	// RemoveReference removes what the reference executable made beside masquerading; nil for nothing.
	RemoveReference func(*nft.Tx) error

	Need string // what needs nftables, and which kernel options that takes
}

func (r *Rules) attachment() masquerade.Attachment {
	return masquerade.Attachment{Owner: filter.Owner(r.Inv), Addresses: r.Addresses}
}

// removable is the attachment for a removal. The chains of iptables belong to the container: if the
// attachment's addresses are unknown, the container's other interfaces are looked up.
func (r *Rules) removable(ctx context.Context) (masquerade.Attachment, error) {
	a := r.attachment()
	if len(a.Addresses) > 0 ||
		!r.Inv.ByExecutable && !r.Inv.Reconfigured && !r.Masquerade.ByPrograms() {
		return a, nil
	}
	var err error
	a.Others, err = iface.Others(ctx, r.Inv)
	return a, err
}

func programs(inv *plugin.Invocation) masquerade.Programs {
	return masquerade.Programs{Start: kit.Starter(inv), StateDir: inv.StateDir}
}

// parts are those in nftables.
func (r *Rules) parts() []Part {
	if !r.Masquerade.InNFTables() && !r.Inv.Reconfigured {
		return r.Parts
	}
	return slices.Concat([]Part{r.attachment()}, r.Parts)
}

// update changes nftables, if the attachment has anything there.
func (r *Rules) update(ctx context.Context, change func(Part, *nft.Tx) error) error {
	parts := r.parts()
	if len(parts) == 0 {
		return nil
	}
	return nft.Update(ctx, r.Inv.StateDir, func(tx *nft.Tx) error { return each(parts, tx, change) })
}

func each(parts []Part, tx *nft.Tx, change func(Part, *nft.Tx) error) error {
	for _, p := range parts {
		if err := change(p, tx); err != nil {
			return err
		}
	}
	return nil
}

// Add makes the rules.
func (r *Rules) Add(ctx context.Context) error { return r.make(ctx, Part.Add) }

// Restore makes the rules that are missing.
func (r *Rules) Restore(ctx context.Context) error { return r.make(ctx, Part.Repair) }

func (r *Rules) make(ctx context.Context, change func(Part, *nft.Tx) error) error {
	if r.Masquerade.ByPrograms() {
		if err := programs(r.Inv).Add(ctx, r.attachment()); err != nil {
			return err
		}
	}
	return filter.Unsupported(r.update(ctx, change), r.Need)
}

// Undo removes what Add made.
func (r *Rules) Undo(ctx context.Context) error {
	err := filter.IgnoreUnsupported(r.update(ctx, Part.Remove))
	if r.Masquerade.ByPrograms() {
		a, unknown := r.removable(ctx)
		if unknown != nil {
			return errors.Join(err, unknown)
		}
		err = errors.Join(err, programs(r.Inv).Remove(ctx, a))
	}
	return err
}

// Remove removes the rules for a DEL. After an ADD by an executable, or with another configuration,
// it also removes what that made, whatever the configuration asks for now.
func (r *Rules) Remove(ctx context.Context) error {
	a, err := r.removable(ctx)
	if err != nil {
		return err
	}
	if r.Masquerade.ByPrograms() {
		if err := programs(r.Inv).Remove(ctx, a); err != nil {
			return err
		}
	}
	if r.Inv.ByExecutable || r.Inv.Reconfigured { // ipMasqBackend may have been iptables
		return r.removeReference(ctx, a)
	}
	return filter.IgnoreUnsupported(r.update(ctx, Part.Remove))
}

func (r *Rules) removeReference(ctx context.Context, a masquerade.Attachment) error {
	err := nft.Update(ctx, r.Inv.StateDir, func(tx *nft.Tx) error {
		if err := each(r.parts(), tx, Part.Remove); err != nil {
			return err
		}
		if err := a.RemoveReference(tx); err != nil || r.RemoveReference == nil {
			return err
		}
		return r.RemoveReference(tx)
	})
	return errors.Join(filter.IgnoreUnsupported(err), programs(r.Inv).RemoveLegacy(ctx, a))
}

// Check adds the rules that are missing. What the reference executable made in its own way is not
// missing.
func (r *Rules) Check(ctx context.Context, list *drift.List) error {
	if r.Masquerade.ByPrograms() && !(r.Inv.ByExecutable && masquerade.InLegacyTables()) {
		found, err := programs(r.Inv).Check(ctx, r.attachment())
		if err != nil {
			return err
		}
		list.Add(found)
	}
	parts := r.parts()
	if len(parts) == 0 {
		return nil
	}
	var found []fault.Drift
	err := nft.View(ctx, func(reader *nft.Reader) error {
		found = nil
		for _, p := range parts {
			differences, err := r.check(p, reader)
			if err != nil {
				return err
			}
			found = append(found, differences...)
		}
		return nil
	})
	list.Add(found)
	return filter.Unsupported(err, r.Need)
}

// Show calls r.Inv.Found with the rules that exist.
func (r *Rules) Show(ctx context.Context) error {
	if r.Masquerade.ByPrograms() {
		if err := programs(r.Inv).Show(ctx, r.attachment(), r.Inv.Found); err != nil {
			return err
		}
	}
	var shown filter.Shown
	for _, p := range r.parts() {
		p.Show(&shown)
	}
	return filter.Show(ctx, r.Inv, shown)
}

func (r *Rules) check(p Part, reader *nft.Reader) ([]fault.Drift, error) {
	if r.Inv.ByExecutable {
		if made, err := p.MadeByReference(reader); made || err != nil {
			return nil, err
		}
	}
	return p.Check(reader)
}

// Collect removes the rules of the network's attachments that are not valid, whatever the
// configuration asks for now. collect removes those beside masquerading.
func (r *Rules) Collect(ctx context.Context, collect ...func(*nft.Tx) error) error {
	network, valid := r.Inv.Network, r.Inv.ValidAttachments
	err := nft.Update(ctx, r.Inv.StateDir, func(tx *nft.Tx) error {
		if err := masquerade.GC(tx, network, valid); err != nil {
			return err
		}
		if err := masquerade.GCReference(tx, network, valid); err != nil {
			return err
		}
		for _, c := range collect {
			if err := c(tx); err != nil {
				return err
			}
		}
		return nil
	})
	err = errors.Join(filter.IgnoreUnsupported(err), programs(r.Inv).GCLegacy(ctx, network, valid))
	if r.Masquerade.ByPrograms() {
		err = errors.Join(err, programs(r.Inv).GC(ctx, network, valid))
	}
	return err
}

// Available returns an error with code 50 if Add would fail for lack of nftables. It warns of what
// makes the rules ineffective.
func (r *Rules) Available(ctx context.Context) error {
	var chains []nft.Chain
	for _, p := range r.parts() {
		chains = append(chains, p.Chains()...)
	}
	if len(chains) == 0 {
		return nil
	}
	return filter.Available(ctx, r.Inv, r.Need, chains...)
}
