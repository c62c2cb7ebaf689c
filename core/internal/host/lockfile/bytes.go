package lockfile

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/libcni/libcni/core/internal/host/errno"
	"github.com/libcni/libcni/core/internal/host/file"
)

// Bytes is a file in which each byte is a lock, so that one file holds the locks of any number of
// names. A call opens it once for all its locks. Locks taken through the same Bytes do not exclude
// each other. A byte is named by a key, of whose bits the upper 63 count. Not safe for concurrent
// use.
type Bytes struct {
	path   string
	file   *file.File // nil once unlocked
	waited bool       // for a lock
}

// OpenBytes opens the file at path and takes no lock. A missing file is made with mode 0600,
// missing directories with 0700. If the file cannot be made or opened, the error is a *FileError.
func OpenBytes(ctx context.Context, path string) (*Bytes, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	f, made, err := open(path, 0o600)
	if err != nil {
		return nil, &FileError{err}
	}
	b := &Bytes{path: path, file: f}
	if made {
		if err := b.awaitPredecessor(ctx); err != nil {
			return nil, errors.Join(err, b.Unlock())
		}
	}
	return b, nil
}

// awaitPredecessor holds all locks of a new file while those of a removed one are held, unless
// another call was faster to take some.
func (b *Bytes) awaitPredecessor(ctx context.Context) error {
	const toTheEnd = 0
	_ = set(b.file.Fd(), unix.F_WRLCK, 0, toTheEnd)
	err := awaitPredecessor(ctx, b.file, b.path, ofd)
	return errors.Join(err, set(b.file.Fd(), unix.F_UNLCK, 0, toTheEnd))
}

// Lock takes the lock of a key with an open file description lock (F_OFD_SETLK), and waits for it
// until ctx ends. Once all locks are taken, ask IsReplaced whether they count.
func (b *Bytes) Lock(ctx context.Context, key uint64, mode Mode) error {
	at := position(key)
	return b.take(ctx, at, func(fd int) error { return set(fd, kindOf(mode), at, 1) })
}

func (b *Bytes) take(ctx context.Context, at int64, call func(fd int) error) error {
	waited, err := take(ctx, b.path, b.file.Fd(), locked{kind: ofd, at: at}, call)
	b.waited = b.waited || waited
	return err
}

// IsReplaced reports whether the file was removed, so that others lock another one. The caller then
// unlocks and begins again. The error is a *FileError.
func (b *Bytes) IsReplaced() (bool, error) { return isReplaced(b.file, b.path, b.waited) }

// TryLock is Lock that does not wait: it reports whether it took the lock.
func (b *Bytes) TryLock(key uint64, mode Mode) (bool, error) {
	return done("lock", b.path, attempt(b.file.Fd(), func(fd int) error {
		return set(fd, kindOf(mode), position(key), 1)
	}))
}

// IsFree reports whether the lock of a key could be taken.
func (b *Bytes) IsFree(key uint64, mode Mode) (bool, error) {
	return done("pass", b.path, attempt(b.file.Fd(), func(fd int) error {
		return free(fd, key, mode)
	}))
}

// done returns the outcome of one attempt.
func done(doing, path string, err error) (bool, error) {
	if errors.Is(err, errWait) {
		return false, nil
	}
	return err == nil, explain(err, doing, path)
}

// Await waits until the lock of a key could be taken, or until ctx ends, but does not take it. Its
// errors are those of Lock.
func (b *Bytes) Await(ctx context.Context, key uint64, mode Mode) error {
	return b.take(ctx, position(key), func(fd int) error { return free(fd, key, mode) })
}

// Pass is Await for a limited time. It reports false if that has passed.
func (b *Bytes) Pass(ctx context.Context, key uint64, mode Mode,
	atMost time.Duration) (passed bool, err error) {
	if passed, err := b.IsFree(key, mode); passed || err != nil {
		return passed, err
	}
	bounded, cancel := context.WithTimeout(ctx, atMost)
	defer cancel()
	err = b.Await(bounded, key, mode)
	if errors.Is(err, ErrBusy) && ctx.Err() == nil {
		return false, nil
	}
	return err == nil, err
}

// free fails with EAGAIN if another holds a lock that excludes this one.
func free(fd int, key uint64, mode Mode) error {
	at := unix.Flock_t{Type: kindOf(mode), Whence: unix.SEEK_SET, Start: position(key), Len: 1}
	err := unix.FcntlFlock(uintptr(fd), unix.F_OFD_GETLK, &at)
	if err == nil && at.Type != unix.F_UNLCK {
		err = unix.EAGAIN
	}
	return err
}

// Release releases the lock of one key.
func (b *Bytes) Release(key uint64) error {
	return explain(errno.Retry(func() error {
		return set(b.file.Fd(), unix.F_UNLCK, position(key), 1)
	}), "unlock", b.path)
}

// Unlock releases all locks explicitly, as Lock.Unlock does, and closes the file. Unlocking twice,
// or nil, does nothing.
func (b *Bytes) Unlock() error {
	if b == nil || b.file == nil {
		return nil
	}

	f := b.file
	b.file = nil
	err := errno.Retry(func() error { return set(f.Fd(), unix.F_UNLCK, 0, 0) })
	return explain(errors.Join(err, f.Close()), "unlock", b.path)
}

// set changes the lock of a range; a length of 0 means "to the end".
func set(fd int, kind int16, start, length int64) error {
	at := unix.Flock_t{Type: kind, Whence: unix.SEEK_SET, Start: start, Len: length}
	return unix.FcntlFlock(uintptr(fd), unix.F_OFD_SETLK, &at)
}

// position is the byte of a key. The kernel's offsets have 63 bits.
func position(key uint64) int64 { return int64(key >> 1) }

func kindOf(mode Mode) int16 {
	if mode == Exclusive {
		return unix.F_WRLCK
	}
	return unix.F_RDLCK
}
