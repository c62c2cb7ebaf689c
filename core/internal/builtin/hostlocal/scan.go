package hostlocal

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"syscall"
	"time"

	"github.com/libcni/libcni/core/internal/builtin/hostlocal/leaseindex"
	"github.com/libcni/libcni/core/internal/host/file"
)

// scan reads the whole directory and makes a new index of it. It removes files without an owner and
// leases of an earlier boot, and with reclaim also unmarked leases in these ranges that were
// written before this boot.
func (s *store) scan(ctx context.Context, reclaim rangeSet) ([]lease, error) {
	s.scanned()
	s.index.Close()
	s.index, s.fresh = nil, true
	var booted time.Time
	if reclaim != nil && s.isLocal() {
		booted, _ = s.booted(s.stateDir) // zero if unknown: no lease is older
	}
	reclaimed := sortedRanges(reclaim)
	var found []lease
	err := s.each(ctx, func(l lease) error {
		switch {
		case l.garbage, l.stale(s.boot()), l.predates(booted) && reclaimed.contains(l.addr):
			return s.release(l.addr, l.owner)
		}
		found = append(found, l)
		return nil
	})
	if err != nil {
		return nil, err
	}
	if !s.partial {
		s.index = indexOf(found, s.bootID)
	}
	return found, nil
}

// each calls visit with every lease of the directory.
func (s *store) each(ctx context.Context, visit func(lease) error) error {
	var failed error // of a lease; it has a kind
	err := file.Names(s.dir, func(names []string) error {
		if failed = s.visit(names, visit); failed == nil {
			return ctx.Err()
		}
		return failed
	})
	if failed != nil {
		return failed
	}
	if err != nil {
		return s.fault(err, "list the leases")
	}
	return nil
}

func (s *store) visit(names []string, visit func(lease) error) error {
	for _, name := range names {
		l, ok, err := s.read(name)
		if errors.Is(err, syscall.EIO) && s.unreadable != nil {
			s.unreadable(err)
			s.partial = true
			continue
		}
		if err == nil && ok {
			l.boot = readMark(s.path(name))
			err = visit(l)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// read reads one file without its mark. It reports false for a file that is gone or not a lease.
func (s *store) read(name string) (lease, bool, error) {
	addr, ok := parseFileName(name)
	if !ok {
		return lease{}, false, nil
	}
	path := s.path(name)
	content, changed, err := readSmall(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return lease{}, false, nil
	case errors.Is(err, file.ErrIrregular), errors.Is(err, fs.ErrPermission):
		return lease{addr: addr}, true, nil // without owner, but the name is taken
	case err != nil:
		return lease{}, false, s.fault(err, "read a lease")
	}
	l := lease{addr: addr, changed: changed}
	l.owner, ok = parseOwner(content)
	l.garbage = !ok
	return l, true, nil
}

// holder reads the lease of one address, without its mark.
func (s *store) holder(addr netip.Addr) (lease, bool, error) { return s.read(addr.String()) }

func indexOf(leases []lease, bootID string) *leaseindex.Index {
	indexed := make([]leaseindex.Lease, len(leases))
	for i, l := range leases {
		indexed[i] = leaseindex.Lease{Addr: l.addr, Owner: l.owner.indexed()}
	}
	return leaseindex.New(bootID, indexed)
}

// inUse describes how many addresses of a range set are taken.
func inUse(leases []lease, set rangeSet) string {
	n := 0
	ranges := sortedRanges(set)
	for _, l := range leases {
		if ranges.contains(l.addr) {
			n++
		}
	}
	return fmt.Sprintf("%d in use", n)
}
