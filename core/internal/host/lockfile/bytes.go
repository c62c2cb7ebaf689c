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
	path string
	file *file.File // nil once unlocked
}

// OpenBytes opens the file at path and takes no lock. A missing file is made with mode 0600,
// missing directories with
// 0700. If the file cannot be made or opened, the error is a *FileError.
func OpenBytes(ctx context.Context, path string) (*Bytes, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	f, err := open(path, 0o600)
	if err != nil {
		return nil, &FileError{err}
	}
	return &Bytes{path: path, file: f}, nil
}

// Lock takes the lock of a key with an open file description lock (F_OFD_SETLK), and waits for it
// until ctx ends.
func (b *Bytes) Lock(ctx context.Context, key uint64, mode Mode) error {
	err := wait(ctx, b.file.Fd(), func(fd int) error {
		return set(fd, kindOf(mode), position(key), 1)
	})
	return b.explain("lock", err)
}

// Pass waits until the lock of a key could be taken, but does not take it. It waits until ctx ends
// or the time atMost has passed: the error then wraps ErrBusy.
func (b *Bytes) Pass(ctx context.Context, key uint64, mode Mode, atMost time.Duration) error {
	try := func(fd int) error {
		at := unix.Flock_t{Type: kindOf(mode), Whence: unix.SEEK_SET, Start: position(key), Len: 1}
		err := unix.FcntlFlock(uintptr(fd), unix.F_OFD_GETLK, &at)
		if err == nil && at.Type != unix.F_UNLCK {
			err = unix.EAGAIN
		}
		return err
	}
	err := errno.Retry(func() error { return try(b.file.Fd()) })
	if errors.Is(err, unix.EAGAIN) {
		bounded, cancel := context.WithTimeout(ctx, atMost)
		defer cancel()
		err = wait(bounded, b.file.Fd(), try)
	}
	return b.explain("pass", err)
}

// Release releases the lock of one key.
func (b *Bytes) Release(key uint64) error {
	return b.explain("unlock", errno.Retry(func() error {
		return set(b.file.Fd(), unix.F_UNLCK, position(key), 1)
	}))
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
	return b.explain("unlock", errors.Join(err, f.Close()))
}

func (b *Bytes) explain(doing string, err error) error {
	if err != nil {
		err = fmt.Errorf("%s %s: %w", doing, b.path, err)
	}
	return err
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
