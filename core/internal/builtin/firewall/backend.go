package firewall

import (
	"context"
	"errors"
	"net/netip"
	"path/filepath"

	"github.com/libcni/libcni/core/internal/host/firewalld"
	"github.com/libcni/libcni/core/internal/host/lockfile"
	"github.com/libcni/libcni/core/internal/host/nft"
	"github.com/libcni/libcni/core/internal/kit/drift"
	"github.com/libcni/libcni/core/plugin"
)

// backend makes the rules of attachments with one kind of firewall.
type backend interface {
	// status fails if add would fail for any attachment.
	status(ctx context.Context) error
	// add makes the attachment's rules and takes over its addresses from earlier owners.
	add(ctx context.Context, a *attachment) error
	// repair makes what check reports missing. An address that belongs to another attachment is
	// not taken over.
	repair(ctx context.Context, a *attachment) error
	// check lists the differences from what add makes. It changes nothing.
	check(ctx context.Context, a *attachment, list *drift.List) error
	// show passes on what add made and is there. It changes nothing, and takes no lock.
	show(ctx context.Context, a *attachment, found func(plugin.Object)) error
	// remove removes what a DEL or GC selects.
	remove(ctx context.Context, t target) (removal, error)
}

// target is what a DEL or GC removes.
type target struct {
	network    network
	attachment *attachment               // of a DEL; nil for GC
	selects    func(comment string) bool // for comments of the owners to remove
}

// removal is what a DEL or GC removed.
type removal struct {
	addresses []netip.Addr // of the removed attachments
	unclaimed []netip.Addr // of the attachment, and owned by no attachment of the network
	emptied   bool         // the network has no attachment left
}

// byReference returns the addresses whose rules a reference executable may have made: all of them
// if we made none, otherwise none.
func (r removal) byReference() []netip.Addr {
	if len(r.addresses) > 0 {
		return nil
	}
	return r.unclaimed
}

// selection is the backend of a call.
type selection struct {
	inv    *plugin.Invocation
	name   string          // a value of backend
	zone   string          // of firewalld
	zones  *firewalld.Conn // nil for the other backends
	locked bool

	isDefault bool // the configuration names no backend
}

// selectBackend selects the backend for ADD, CHECK, REPAIR and STATUS. If none is configured, it
// selects firewalld if that is running, otherwise nftables. The caller closes the selection.
func (p firewall) selectBackend(ctx context.Context, c *config,
	inv *plugin.Invocation) (*selection, error) {
	s := &selection{inv: inv, name: c.Backend, zone: c.Zone, isDefault: c.Backend == ""}
	if c.Backend != "" && c.Backend != backendFirewalld {
		return s, nil
	}
	zones, err := firewalld.Open(ctx, p.bus)
	switch {
	case err == nil:
		s.name, s.zones = backendFirewalld, zones
		return s, nil
	case c.Backend == backendFirewalld:
		return nil, noFirewalld(err)
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case !errors.Is(err, firewalld.ErrNotRunning):
		inv.Warn("firewalld is ignored: %v", err)
	}
	s.name = backendNFTables
	return s, nil
}

// attached returns the attachment of an ADD, CHECK, REPAIR or INSPECT, and the selection of its
// backend, which the caller closes. Without addresses both are nil: there is nothing to do.
func (p firewall) attached(ctx context.Context, c *config,
	inv *plugin.Invocation) (*attachment, *selection, error) {
	a, err := newAttachment(c, inv)
	if err != nil || len(a.addresses) == 0 {
		return nil, nil, err
	}
	s, err := p.selectBackend(ctx, c, inv)
	return a, s, err
}

// connectForRemoval selects the backend for DEL and GC. If firewalld is not running, it has nothing
// to remove. An unknown backend, which ADD refuses, is treated as not configured.
func (p firewall) connectForRemoval(ctx context.Context, c *config,
	inv *plugin.Invocation) (*selection, error) {
	known := *c
	if c.Backend != backendNFTables && c.Backend != backendIPTables &&
		c.Backend != backendFirewalld {
		known.Backend = ""
	}
	s, err := p.selectBackend(ctx, &known, inv)
	if errors.Is(err, firewalld.ErrNotRunning) {
		return &selection{inv: inv, name: backendNFTables}, nil
	}
	return s, err
}

func (s *selection) close() {
	if s.zones != nil {
		s.zones.Close()
	}
}

// run calls fn with the backend for attachments with addresses of some families. One nftables batch
// is atomic; a backend that needs more than that runs under the host's lock. fn may call run.
func (s *selection) run(ctx context.Context, of []nft.Family, fn func(backend) error) error {
	legacy := s.legacyTables(of)
	if s.locked || s.name == backendNFTables && len(legacy) == 0 {
		return fn(s.backend(legacy))
	}
	lock, err := lockfile.Flock(ctx, filepath.Join(s.inv.StateDir, "locks", "firewall"), 0o600,
		lockfile.Exclusive)
	if err != nil {
		return err
	}
	s.locked = true
	err = fn(s.backend(s.legacyTables(of)))
	s.locked = false
	return errors.Join(err, lock.Unlock())
}

// legacyTables returns the families that have a legacy table. A table that appears later counts as
// created after the call. The backend iptables works on the same tables itself.
func (s *selection) legacyTables(of []nft.Family) []nft.Family {
	if s.name == backendIPTables {
		return nil
	}
	return withLegacyTable(of)
}

func (s *selection) backend(legacy []nft.Family) backend {
	if s.name == backendIPTables {
		return iptablesChains{s.inv}
	}
	var b backend = nftables{s.inv, s.name == backendNFTables && !s.isDefault}
	if len(legacy) > 0 {
		b = legacyTables{b, s.inv, legacy}
	}
	if s.zones != nil {
		b = firewalldZone{b, s.zones, s.zone}
	}
	return b
}
