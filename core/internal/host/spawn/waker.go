package spawn

import (
	"context"
	"fmt"

	"golang.org/x/sys/unix"
)

// waker is a descriptor that becomes readable when a context ends.
type waker struct {
	fd   int // -1 for a context that never ends
	stop func() bool
	done chan struct{}
}

func newWaker(ctx context.Context) (*waker, error) {
	if ctx.Done() == nil {
		return &waker{fd: -1}, nil
	}
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("eventfd: %w", err)
	}
	w := &waker{fd: fd, done: make(chan struct{})}
	w.stop = context.AfterFunc(ctx, func() {
		defer close(w.done)
		one := []byte{1, 0, 0, 0, 0, 0, 0, 0} // not 0 in any byte order
		_, _ = unix.Write(fd, one)            // adding one to an eventfd of 0 cannot fail
	})
	return w, nil
}

// close returns when nobody uses the descriptor any more.
func (w *waker) close() {
	if w.fd < 0 {
		return
	}
	if !w.stop() {
		<-w.done
	}
	unix.Close(w.fd)
}
