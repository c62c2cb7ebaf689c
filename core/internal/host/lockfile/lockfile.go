// Package lockfile locks files between processes, threads and goroutines: every lock is taken on a
// file description of its own. Lock files are never removed, because two processes could then hold
// locks on different files of one name.
package lockfile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/libcni/libcni/core/internal/host/errno"
	"github.com/libcni/libcni/core/internal/host/file"
)

// ErrBusy says that another call held the lock until the context ended. The context's error is
// wrapped beside it.
var ErrBusy = errors.New("locked by another call")

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

// The pauses between two attempts. Unlike a wait in the kernel, polling ends with the context and
// blocks no thread.
const (
	firstPause = 200 * time.Microsecond
	lastPause  = 20 * time.Millisecond
)

// Lock is a lock that is held. Executed programs do not inherit the descriptor; a forked child
// does.
type Lock struct {
	mu     sync.Mutex
	path   string
	file   *file.File // nil once unlocked
	unlock func(fd int) error
}

// Flock locks the whole file at path with flock(2), and waits for it until ctx ends. A missing file
// is made with perm, missing directories with mode 0700. If the file cannot be made or opened, the
// error is a *FileError.
func Flock(ctx context.Context, path string, perm fs.FileMode, mode Mode) (*Lock, error) {
	how := unix.LOCK_SH
	if mode == Exclusive {
		how = unix.LOCK_EX
	}
	return take(ctx, path, perm,
		func(fd int) error { return unix.Flock(fd, how|unix.LOCK_NB) },
		func(fd int) error { return unix.Flock(fd, unix.LOCK_UN) })
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
	err := errno.Retry(func() error { return l.unlock(f.Fd()) })
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("unlock %s: %w", l.path, err)
	}
	return nil
}

func take(ctx context.Context, path string, perm fs.FileMode, try,
	unlock func(fd int) error) (*Lock, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	f, err := open(path, perm)
	if err != nil {
		return nil, &FileError{err}
	}
	if err := wait(ctx, f.Fd(), try); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return &Lock{path: path, file: f, unlock: unlock}, nil
}

// wait tries at once, then after pauses that grow.
func wait(ctx context.Context, fd int, try func(fd int) error) error {
	var timer *time.Timer
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		err := errno.Retry(func() error { return try(fd) })
		if !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EACCES) {
			return err
		}
		if timer == nil {
			timer = time.NewTimer(pause)
			defer timer.Stop()
		} else {
			timer.Reset(pause)
		}
		select {
		case <-timer.C:
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", ErrBusy, ctx.Err())
		}
	}
}

// open makes the directories only if they are missing. It does not look at what it opens: nothing
// is read from it.
func open(path string, perm fs.FileMode) (f *file.File, err error) {
	err = file.InDirectory(path, func() (err error) {
		f, err = file.OpenAny(path, file.ReadWrite|file.CreateAny, perm)
		return err
	})
	return f, err
}
