// Package wake lets poll(2) end with a context.
package wake

import (
	"context"
	"fmt"

	"golang.org/x/sys/unix"
)

// Waker is a descriptor that becomes readable when a context ends.
type Waker struct {
	fd   int // -1 for a context that never ends
	stop func() bool
	done chan struct{}
}

// New returns the waker of a context. The caller closes it.
func New(ctx context.Context) (*Waker, error) {
	if ctx.Done() == nil {
		return &Waker{fd: -1}, nil
	}

	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("eventfd: %w", err)
	}
	w := &Waker{fd: fd, done: make(chan struct{})}
	w.stop = context.AfterFunc(ctx, func() {
		defer close(w.done)
		one := []byte{1, 0, 0, 0, 0, 0, 0, 1} // not 0 in either byte order
		_, _ = unix.Write(fd, one)            // adding one to an eventfd of 0 cannot fail
	})
	return w, nil
}

// Fd returns the descriptor. It is negative for a context that never ends; poll(2) ignores those.
func (w *Waker) Fd() int { return w.fd }

// Close closes the descriptor once nothing writes to it any more: otherwise the write could go to
// the next file with the same number.
func (w *Waker) Close() {
	if w.fd < 0 {
		return
	}
	if !w.stop() {
		<-w.done
	}
	_ = unix.Close(w.fd)
}
