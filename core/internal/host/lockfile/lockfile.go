// Package lockfile locks files between processes, threads and goroutines alike: every lock is taken on a file
// description of its own. Lock files are never removed, since one that is replaced would lock nobody out.
package lockfile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// ErrBusy says that somebody else held the lock until the context ended; the context's error is wrapped beside it.
var ErrBusy = errors.New("locked by another call")

// FileError says that a lock file cannot be opened, so that there is no telling who holds the lock.
type FileError struct{ Err error }

func (e *FileError) Error() string { return "lock: " + e.Err.Error() }
func (e *FileError) Unwrap() error { return e.Err }

// Mode is how a lock is shared.
type Mode int

// Any number may hold a lock Shared; one that holds it Exclusive holds it alone.
const (
	Shared Mode = iota
	Exclusive
)

// The pauses between two attempts. Polling, unlike a wait in the kernel, ends with the context and holds no thread.
const (
	firstPause = 200 * time.Microsecond
	lastPause  = 20 * time.Millisecond
)

// Lock is a lock that is held. The descriptor is not inherited by executed programs, but is by a forked child.
type Lock struct {
	mu     sync.Mutex
	path   string
	fd     int // -1 once unlocked
	unlock func(fd int) error
}

// Flock locks the whole file at path with flock(2), and waits for it until ctx ends. A missing file is made with perm,
// missing directories with mode 0700. A file that cannot be made or opened is a *FileError.
func Flock(ctx context.Context, path string, perm fs.FileMode, mode Mode) (*Lock, error) {
	how := unix.LOCK_SH
	if mode == Exclusive {
		how = unix.LOCK_EX
	}
	return take(ctx, path, perm,
		func(fd int) error { return unix.Flock(fd, how|unix.LOCK_NB) },
		func(fd int) error { return unix.Flock(fd, unix.LOCK_UN) })
}

// Unlock releases the lock and closes the descriptor. The release is explicit, since the lock would otherwise live on
// in a forked child that holds the descriptor too. Unlocking twice, or nil, does nothing.
func (l *Lock) Unlock() error {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fd < 0 {
		return nil
	}
	fd := l.fd
	l.fd = -1
	err := ignoringEINTR(func() error { return l.unlock(fd) })
	if err = errors.Join(err, unix.Close(fd)); err != nil {
		return fmt.Errorf("unlock %s: %w", l.path, err)
	}
	return nil
}

func take(ctx context.Context, path string, perm fs.FileMode, try, unlock func(fd int) error) (*Lock, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	fd, err := open(path, perm)
	if err != nil {
		return nil, &FileError{err}
	}
	if err := wait(ctx, fd, try); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return &Lock{path: path, fd: fd, unlock: unlock}, nil
}

// wait tries at once, then after pauses that grow.
func wait(ctx context.Context, fd int, try func(fd int) error) error {
	var timer *time.Timer
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		err := ignoringEINTR(func() error { return try(fd) })
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

// open makes the directories only when they are found missing, which is once.
func open(path string, perm fs.FileMode) (int, error) {
	fd, err := openFile(path, perm)
	if !errors.Is(err, fs.ErrNotExist) {
		return fd, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return -1, err
	}
	return openFile(path, perm)
}

// openFile goes past package os, which would have the runtime watch a file that never blocks.
func openFile(path string, perm fs.FileMode) (fd int, err error) {
	if err := ignoringEINTR(func() (err error) {
		fd, err = unix.Open(path, unix.O_RDWR|unix.O_CREAT|unix.O_CLOEXEC, uint32(perm.Perm()))
		return err
	}); err != nil {
		return -1, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return fd, nil
}

func ignoringEINTR(call func() error) error {
	for {
		if err := call(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
