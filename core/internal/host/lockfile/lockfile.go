// Package lockfile locks files between processes, threads and goroutines: every lock is taken on a
// file description of its own. Lock files are never removed, because two processes could then hold
// locks on different files of one name. If somebody else removes one, whoever waited for the lock
// notices that and waits for the new file's, and whoever makes the new file waits until nobody
// holds the old one. If that lasts too long, the maker removes the new file, so that the next one
// looks.
package lockfile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/libcni/libcni/core/internal/host/errno"
	"github.com/libcni/libcni/core/internal/host/file"
)

// FileError says that a lock file cannot be opened, so that it is unknown whether the lock is held.
type FileError struct{ Err error }

func (e *FileError) Error() string { return "lock: " + e.Err.Error() }
func (e *FileError) Unwrap() error { return e.Err }

// Mode says whether a lock can be held by several at a time.
type Mode int

// Any number of holders share a Shared lock. An Exclusive lock has one holder.
const (
	Shared Mode = iota
	Exclusive
)

// Lock is a lock that is held. Executed programs do not inherit the descriptor; a forked child
// does.
type Lock struct {
	mu   sync.Mutex
	path string
	file *file.File // nil once unlocked
}

// Flock locks the whole file at path with flock(2), and waits for it until ctx ends. A missing file
// is made with perm, missing directories with mode 0700. If the file cannot be made or opened, the
// error is a *FileError.
func Flock(ctx context.Context, path string, perm fs.FileMode, mode Mode) (*Lock, error) {
	for {
		l, err := tryFlock(ctx, path, perm, mode)
		if l != nil || err != nil {
			return l, err
		}
	}
}

// tryFlock returns nil without an error if the file was replaced meanwhile.
func tryFlock(ctx context.Context, path string, perm fs.FileMode, mode Mode) (*Lock, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	f, made, err := open(path, perm)
	if err != nil {
		return nil, &FileError{err}
	}
	how := unix.LOCK_SH
	if mode == Exclusive || made {
		how = unix.LOCK_EX
	}
	waited, err := take(ctx, path, f.Fd(), locked{kind: flock, at: -1},
		func(fd int) error { return unix.Flock(fd, how|unix.LOCK_NB) })
	if err == nil && made {
		err = awaitPredecessor(ctx, f, path, flock)
	}
	if err == nil && made && mode == Shared {
		err = errno.Retry(func() error { return unix.Flock(f.Fd(), unix.LOCK_SH) })
	}
	replaced := false
	if err == nil {
		replaced, err = isReplaced(f, path, waited)
	}
	if err != nil || replaced {
		return nil, errors.Join(err, f.Close())
	}
	return &Lock{path: path, file: f}, nil
}

// Unlock releases the lock and closes the descriptor. The release is explicit, because a forked
// child that has the descriptor would otherwise keep the lock. Unlocking twice, or nil, does
// nothing.
func (l *Lock) Unlock() error {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return nil
	}

	f := l.file
	l.file = nil
	err := errno.Retry(func() error { return unix.Flock(f.Fd(), unix.LOCK_UN) })
	return explain(errors.Join(err, f.Close()), "unlock", l.path)
}
