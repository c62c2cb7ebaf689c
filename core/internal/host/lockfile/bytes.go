package lockfile

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// Bytes is a file of which each byte is a lock, so that it holds locks for any number of names. It is opened once for
// all that one call takes; locks taken through one Bytes never stand in each other's way. A byte is named by a key, whose
// upper 63 bits count: two keys that differ in them never share one. Not safe for concurrent use.
type Bytes struct {
	path string
	fd   int // -1 once unlocked
}

// OpenBytes opens the file at path, and takes nothing yet. A missing file is made with mode 0600, missing directories
// with 0700. A file that cannot be made or opened is a *FileError.
func OpenBytes(ctx context.Context, path string) (*Bytes, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	fd, err := open(path, 0o600)
	if err != nil {
		return nil, &FileError{err}
	}
	return &Bytes{path: path, fd: fd}, nil
}

// Lock takes the lock of a key with an open file description lock (F_OFD_SETLK), and waits for it until ctx ends.
func (b *Bytes) Lock(ctx context.Context, key uint64, mode Mode) error {
	err := wait(ctx, b.fd, func(fd int) error { return set(fd, kindOf(mode), position(key), 1) })
	return b.explain("lock", err)
}

// Pass waits until the lock of a key could be taken, but does not take it. It waits until ctx ends, and at most for a
// time: then the error is ErrBusy as well.
func (b *Bytes) Pass(ctx context.Context, key uint64, mode Mode, atMost time.Duration) error {
	try := func(fd int) error {
		at := unix.Flock_t{Type: kindOf(mode), Whence: unix.SEEK_SET, Start: position(key), Len: 1}
		err := unix.FcntlFlock(uintptr(fd), unix.F_OFD_GETLK, &at)
		if err == nil && at.Type != unix.F_UNLCK {
			err = unix.EAGAIN
		}
		return err
	}
	err := ignoringEINTR(func() error { return try(b.fd) })
	if errors.Is(err, unix.EAGAIN) {
		bounded, cancel := context.WithTimeout(ctx, atMost)
		defer cancel()
		err = wait(bounded, b.fd, try)
	}
	return b.explain("pass", err)
}

// Release lets go of the lock of one key.
func (b *Bytes) Release(key uint64) error {
	return b.explain("unlock", ignoringEINTR(func() error { return set(b.fd, unix.F_UNLCK, position(key), 1) }))
}

// Unlock lets go of all locks, explicitly, as Lock.Unlock does, and closes the file. Unlocking twice, or nil, does
// nothing.
func (b *Bytes) Unlock() error {
	if b == nil || b.fd < 0 {
		return nil
	}
	fd := b.fd
	b.fd = -1
	err := ignoringEINTR(func() error { return set(fd, unix.F_UNLCK, 0, 0) })
	return b.explain("unlock", errors.Join(err, unix.Close(fd)))
}

func (b *Bytes) explain(doing string, err error) error {
	if err != nil {
		err = fmt.Errorf("%s %s: %w", doing, b.path, err)
	}
	return err
}

// set changes the lock of a range; a length of 0 is all that follows.
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
