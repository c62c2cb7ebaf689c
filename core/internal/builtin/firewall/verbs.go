package firewall

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"time"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/host/firewalld"
	"github.com/libcni/libcni/core/internal/host/lockfile"
	"github.com/libcni/libcni/core/internal/host/nft"
	"github.com/libcni/libcni/core/plugin"
)

const undoTimeout = 10 * time.Second

// choose settles which backend it is, and connects to firewalld if it is that. The caller closes the connection.
func (p firewall) choose(ctx context.Context, c *config, inv *plugin.Invocation) (*firewalld.Conn, error) {
	if c.Backend != "" && c.Backend != backendFirewalld {
		return nil, nil
	}
	zones, err := firewalld.Open(ctx, p.bus)
	switch {
	case err == nil:
		c.Backend = backendFirewalld
		return zones, nil
	case c.Backend == backendFirewalld:
		return nil, noFirewalld(err)
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case !errors.Is(err, firewalld.ErrNotRunning):
		inv.Warn("firewalld is not asked: %v", err)
	}
	c.Backend = backendNFTables
	return nil, nil
}

// lone is what alone found.
type lone struct {
	older  []nft.Family // with older tables: one that is made later is as good as made after the call
	locked bool
}

// alone runs fn under the lock of what cannot be changed in one batch with the rest, if there is that in the families.
func alone(ctx context.Context, c *config, inv *plugin.Invocation, of []nft.Family, fn func(lone) error) error {
	if c.Backend == backendNFTables && len(withLegacy(of)) == 0 {
		return fn(lone{})
	}
	lock, err := lockfile.Flock(ctx, filepath.Join(inv.StateDir, "locks", "firewall"), 0o600, lockfile.Exclusive)
	if err != nil {
		return err
	}
	return errors.Join(fn(lone{withLegacy(of), true}), lock.Unlock())
}

// Add lets the container's packets through. The result is that of the plugins before.
func (p firewall) Add(ctx context.Context, inv *plugin.Invocation) (*plugin.Result, error) {
	c, err := parse(inv.Config)
	if err != nil {
		return nil, err
	}
	a, err := newAttachment(c, inv)
	if err != nil || len(a.addresses) == 0 {
		return inv.PrevResult, err
	}
	zones, err := p.choose(ctx, c, inv)
	if err != nil {
		return nil, err
	}
	if zones != nil {
		defer zones.Close()
	}
	err = alone(ctx, c, inv, a.families(), func(l lone) error {
		a.older = l.older
		return a.attach(ctx, inv, zones, l)
	})
	if err != nil {
		return nil, err
	}
	return inv.PrevResult, nil
}

// attach does all of an ADD, and takes it back when a part fails: as a DEL does, which looks at all families.
func (a *attachment) attach(ctx context.Context, inv *plugin.Invocation, zones *firewalld.Conn, l lone) error {
	err := a.apply(ctx, inv, zones)
	if err == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTimeout)
	defer cancel()
	undo := func(lone) error { return a.detach(ctx, inv, zones) }
	var failed error
	if l.locked {
		failed = undo(l)
	} else {
		failed = alone(ctx, a.config, inv, families(), undo)
	}
	if failed != nil {
		return errors.Join(err, fmt.Errorf("%w: %w", fault.ErrNotUndone, failed))
	}
	return err
}

func (a *attachment) apply(ctx context.Context, inv *plugin.Invocation, zones *firewalld.Conn) error {
	if a.Backend == backendIPTables {
		_, err := a.addChains(ctx, inv)
		return err
	}
	if err := nft.Update(ctx, inv.StateDir, a.add); err != nil {
		return noNFTables(err)
	}
	if err := a.openLegacy(ctx, inv); err != nil {
		return err
	}
	if zones == nil {
		return nil
	}
	for _, p := range a.addresses {
		if err := zones.AddSource(ctx, a.Zone, p.Addr()); err != nil {
			return err
		}
	}
	return nil
}

// Del removes what is the attachment's, by its addresses if they are known, else by its owner's comment.
func (p firewall) Del(ctx context.Context, inv *plugin.Invocation) error {
	c, err := read(inv.Config)
	if err != nil {
		return err
	}
	a, _, err := known(c, inv)
	if err != nil {
		inv.Warn("prevResult: %v", err)
	}
	zones, err := p.reach(ctx, c, inv)
	if err != nil {
		return err
	}
	if zones != nil {
		defer zones.Close()
	}
	return alone(ctx, c, inv, families(), func(lone) error { return a.detach(ctx, inv, zones) })
}

// reach is choose for removing: a firewalld that does not run has nothing to remove, and a backend that there never was
// made nothing.
func (p firewall) reach(ctx context.Context, c *config, inv *plugin.Invocation) (*firewalld.Conn, error) {
	if c.Backend != backendNFTables && c.Backend != backendIPTables && c.Backend != backendFirewalld {
		c.Backend = ""
	}
	zones, err := p.choose(ctx, c, inv)
	if errors.Is(err, firewalld.ErrNotRunning) {
		return nil, nil
	}
	return zones, err
}

func (a *attachment) detach(ctx context.Context, inv *plugin.Invocation, zones *firewalld.Conn) error {
	if a.Backend == backendIPTables {
		var addresses []netip.Addr
		for _, p := range a.addresses {
			addresses = append(addresses, p.Addr())
		}
		return removeChains(ctx, inv, a.owner.Owns, addresses)
	}
	gone, err := withdraw(ctx, inv, a.remove)
	if err != nil {
		return err
	}
	if len(gone.addresses) == 0 {
		err = removeReferences(ctx, inv, gone.unclaimed)
	}
	return errors.Join(err, removeSources(ctx, zones, a.Zone, append(gone.addresses, gone.unclaimed...)))
}

// withdraw removes rules of attachments, and what their network had in the older tables if it was emptied.
func withdraw(ctx context.Context, inv *plugin.Invocation, remove func(*nft.Tx) (removal, error)) (removal, error) {
	var gone removal
	err := harmless(nft.Update(ctx, inv.StateDir, func(tx *nft.Tx) (err error) {
		gone, err = remove(tx)
		return err
	}))
	if err == nil && gone.emptied && len(withLegacy(families())) > 0 {
		err = network(inv.Network).closeLegacy(ctx, inv)
	}
	return gone, err
}

func removeSources(ctx context.Context, zones *firewalld.Conn, zone string, addresses []netip.Addr) error {
	if zones == nil {
		return nil
	}
	var failed error
	for _, address := range addresses {
		failed = errors.Join(failed, zones.RemoveSource(ctx, zone, address))
	}
	return failed
}

// GC removes what is of attachments of the network that are not valid.
func (p firewall) GC(ctx context.Context, inv *plugin.Invocation) error {
	c, err := read(inv.Config)
	if err != nil {
		return err
	}
	zones, err := p.reach(ctx, c, inv)
	if err != nil {
		return err
	}
	if zones != nil {
		defer zones.Close()
	}
	return alone(ctx, c, inv, families(), func(lone) error {
		if c.Backend == backendIPTables {
			owners := make([]nft.Owner, len(inv.ValidAttachments))
			for i, id := range inv.ValidAttachments {
				owners[i] = nft.Owner{Network: inv.Network, ContainerID: id.ContainerID, IfName: id.IfName}
			}
			keep := nft.Keep(inv.Network, owners)
			return removeChains(ctx, inv, func(comment string) bool { return !keep(comment) }, nil)
		}
		gone, err := withdraw(ctx, inv, func(tx *nft.Tx) (removal, error) { return collect(tx, inv.Network, inv.ValidAttachments) })
		return errors.Join(err, removeSources(ctx, zones, c.Zone, gone.addresses))
	})
}

// Check lists all that is missing of what Add makes, and what is foreign in chains of ours.
func (p firewall) Check(ctx context.Context, inv *plugin.Invocation) error {
	return p.examine(ctx, inv, func(_ *attachment, _ *firewalld.Conn, found []fault.Drift) error { return fault.NewDrift(found) })
}

// Repair puts back what is missing. An address that is another attachment's by now stays so.
func (p firewall) Repair(ctx context.Context, inv *plugin.Invocation) error {
	return p.examine(ctx, inv, func(a *attachment, zones *firewalld.Conn, found []fault.Drift) error {
		if len(found) == 0 {
			return nil
		}
		a.repair = true
		if err := a.apply(ctx, inv, zones); err != nil {
			return err
		}
		for _, d := range found {
			if d.Actual == missing || d.Expected == missing {
				inv.Repaired(d.Object)
			}
		}
		return nil
	})
}

// examine compares, and hands what it found to conclude.
func (p firewall) examine(ctx context.Context, inv *plugin.Invocation, conclude func(*attachment, *firewalld.Conn, []fault.Drift) error) error {
	c, err := parse(inv.Config)
	if err != nil {
		return err
	}
	a, err := newAttachment(c, inv)
	if err != nil || len(a.addresses) == 0 {
		return err
	}
	zones, err := p.choose(ctx, c, inv)
	if err != nil {
		return err
	}
	if zones != nil {
		defer zones.Close()
	}
	return alone(ctx, c, inv, a.families(), func(l lone) error {
		a.older = l.older
		found, err := a.compare(ctx, inv, zones)
		if err != nil {
			return err
		}
		return conclude(a, zones, found)
	})
}
