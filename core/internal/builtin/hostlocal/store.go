package hostlocal

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/libcni/libcni/core/internal/builtin/hostlocal/leaseindex"
	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/host/file"
	"github.com/libcni/libcni/core/internal/host/lockfile"
)

// store is the directory of a network's leases during a call, which holds its lock. The executable
// takes the same lock. It is not safe for concurrent use.
type store struct {
	network, dir, stateDir, bootID string

	booted  func(stateDir string) (time.Time, error)
	scanned func()

	// unreadable receives the error of a lease that the file system cannot read, which a scan then
	// leaves out. It is nil if such a lease ends the scan.
	unreadable func(error)
	partial    bool // a scan has left out leases, so that it makes no index

	held  *lockfile.Lock
	id    leaseindex.Directory // when the lock was taken
	local locality             // of the directory's file system
	index *leaseindex.Index    // nil until it is needed
	fresh bool                 // the index comes from a scan of this call
}

// Modes of the executable's files.
const (
	dirMode   = 0o755
	lockMode  = 0o750
	leaseMode = 0o600
)

// errTaken means that an address has a file.
var errTaken = errors.New("the address is taken")

// lockToCreate takes the lock of the store, and creates a missing store.
func (s *store) lockToCreate(ctx context.Context) error {
	for {
		found, err := s.lock(ctx)
		if found || err != nil {
			return err
		}
		if err := file.MakeDirectories(s.dir, dirMode); err != nil {
			return s.fault(err, "create the store")
		}
	}
}

// lock takes the lock of the store. It reports false if the store does not exist.
func (s *store) lock(ctx context.Context) (found bool, err error) {
	for {
		info, err := file.Stat(s.dir)
		if errors.Is(err, fs.ErrNotExist) {
			return false, nil
		}
		if err == nil {
			s.id, err = leaseindex.Describe(s.dir, info)
		}
		if err != nil {
			return false, s.fault(err, "open the store")
		}
		if err := s.trust(info); err != nil {
			return false, s.fault(err, "use the store")
		}
		lock, err := lockfile.Flock(ctx, s.path("lock"), lockMode, lockfile.Exclusive)
		if err != nil {
			return false, s.fault(err, "lock the store")
		}
		before := s.id
		// While we waited for the lock, the directory may have been replaced.
		if s.id, err = leaseindex.Identify(s.dir); err == nil && s.id.SameAs(before) {
			s.held = lock
			return true, nil
		}
		if err := lock.Unlock(); err != nil {
			return false, s.fault(err, "unlock the store")
		}
	}
}

// trust refuses a store that another user can change: whoever can release a lease takes the address
// of a container, and a link would lead what is written elsewhere.
func (s *store) trust(directory file.Info) error {
	if _, err := file.CheckPrivate(filepath.Dir(s.dir)); err != nil {
		return err
	}
	return directory.CheckPrivate(s.dir)
}

// unlock keeps the index for the next call and releases the store. A failure to keep the index is
// ignored: without an index the next call scans.
func (s *store) unlock() {
	if s.index != nil {
		if s.indexed() {
			s.index.Keep(s.indexPath(), s.dir)
		}
		s.index.Close()
		s.index = nil
	}
	_ = s.held.Unlock() // the descriptor is closed in any case
}

// indexPath contains the directory's identity: in another mount namespace the same path may be
// another directory, with another lock.
func (s *store) indexPath() string {
	return filepath.Join(s.stateDir, name,
		fmt.Sprintf("%.64s-%x-%x.idx", s.network, s.id.Device, s.id.Inode))
}

// query evaluates read on the index. A scan replaces an index that is invalid or damaged.
func query[T any](ctx context.Context, s *store,
	read func(*leaseindex.Index) (T, error)) (T, error) {
	if s.index == nil && s.stateDir != "" && s.local != perhapsElse {
		s.index, _ = leaseindex.Open(s.indexPath(), s.id, s.bootID) // nil if there is no valid one
		if s.index != nil {
			s.local = onlyHere // otherwise no index would have been kept
		}
	}
	if s.index != nil && s.index.Usable() {
		if value, err := read(s.index); err == nil {
			return value, nil
		}
	}
	if _, err := s.scan(ctx, nil); err != nil {
		var none T
		return none, err
	}
	return read(s.index)
}

// addresses returns the addresses of exactly this owner.
func (s *store) addresses(ctx context.Context, o owner) ([]netip.Addr, error) {
	return query(ctx, s, func(x *leaseindex.Index) ([]netip.Addr, error) {
		return x.Addresses(o.indexed())
	})
}

// reserve creates the lease of an address. It returns errTaken if the address has a file.
func (s *store) reserve(addr netip.Addr, o owner, set int) error {
	text := addr.String()
	path := s.path(text)
	f, err := file.Open(path, file.WriteOnly|file.CreateNew, leaseMode)
	if errors.Is(err, fs.ErrExist) {
		return errTaken
	} else if err != nil {
		return s.fault(err, "create a lease")
	}
	mark(path, s.boot()) // before the content, so that every lease of ours has it
	_, err = f.Write([]byte(o.content()))
	if err = errors.Join(err, f.Close()); err == nil {
		err = writeLast(s.lastPath(set), []byte(text))
	}
	if err != nil {
		return s.fault(errors.Join(err, file.Remove(path)), "write a lease")
	}
	s.index.SetLast(set, addr)
	_ = s.index.Add(addr, o.indexed()) // the index records a failure
	return nil
}

// writeLast replaces what is not a file: the last address is only a hint.
func writeLast(path string, text []byte) error {
	err := file.Overwrite(path, text, leaseMode)
	if errors.Is(err, file.ErrIrregular) || errors.Is(err, syscall.EISDIR) {
		return file.Renew(path, text, leaseMode)
	}
	return err
}

// release removes a lease. It succeeds if the lease does not exist.
func (s *store) release(addr netip.Addr, o owner) error {
	if err := file.Remove(s.path(addr.String())); err != nil {
		return s.fault(err, "remove a lease")
	}
	if s.index != nil {
		_ = s.index.Remove(addr, o.indexed()) // the index records a failure
	}
	return nil
}

// lastGiven returns the address last allocated from a set. If it is unknown the address is invalid,
// and the search begins at the start of the set.
func (s *store) lastGiven(set int) netip.Addr {
	if s.index != nil {
		if addr := s.index.Last(set); addr.IsValid() {
			return addr
		}
	}
	text, _, err := readSmall(s.lastPath(set))
	if err != nil {
		return netip.Addr{}
	}
	addr, _ := netip.ParseAddr(strings.TrimSpace(string(text)))
	return addr.Unmap()
}

// indexed reports whether the store has an index.
func (s *store) indexed() bool { return s.stateDir != "" && s.isLocal() }

func (s *store) isLocal() bool {
	if s.local == unknown {
		s.local = localityOf(s.dir)
	}
	return s.local == onlyHere
}

// boot returns the boot id for marks, or "" if other machines may write marks too.
func (s *store) boot() string {
	if !s.isLocal() {
		return ""
	}
	return s.bootID
}

func (s *store) path(name string) string { return s.dir + "/" + name }

func (s *store) lastPath(set int) string { return s.path("last_reserved_ip." + strconv.Itoa(set)) }

// fault describes an error of the store. An error of a context keeps its kind.
func (s *store) fault(err error, doing string) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("host-local: network %s: %s: %w", s.network, s.dir, err)
	}
	return fault.New(fault.KindState, err, "host-local: network %s: cannot %s in %s%s", s.network,
		doing, s.dir, advice(err))
}

func advice(err error) string {
	var untrusted *file.UntrustedError
	switch {
	case errors.As(err, &untrusted):
		return "" // the error says what to do
	case errors.Is(err, syscall.EROFS):
		return ", which is read-only; set ipam.dataDir to a directory that can be written"
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return ", which is on a full file system; free some space"
	case errors.Is(err, fs.ErrPermission):
		return "; the directory must be writable for the caller, or set ipam.dataDir to one that is"
	case errors.Is(err, syscall.ENOTDIR):
		return ", which is not a directory; remove what is there, or set ipam.dataDir to another place"
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return "; too many files are open: raise the limit"
	default:
		return ""
	}
}

// readSmall reads the beginning of a regular file, and when its inode was last changed. It does not
// follow a symbolic link.
func readSmall(path string) ([]byte, time.Time, error) {
	const limit = 1024 // a lease is two names of at most 255 and 15 bytes
	f, err := file.Open(path, file.ReadOnly|file.NoFollow, 0)
	if err != nil {
		return nil, time.Time{}, err
	}
	defer f.Close()

	content := make([]byte, limit)
	n, err := f.ReadOnce(content)
	return content[:n], f.Info().Changed, err
}
