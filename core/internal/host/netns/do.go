package netns

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"

	"golang.org/x/sys/unix"

	"github.com/libcni/libcni/core/internal/host/thread"
)

// PanicError is what Do returns when the function panicked.
type PanicError struct {
	Value any
	Stack []byte
}

func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }

// errExited is the error of a function that ended its goroutine, as testing.T.FailNow does.
var errExited = errors.New("the function ended its goroutine")

// Do runs fn on a thread in the namespace and returns its error. The thread is one of the pool that
// the namespace was opened with. Afterwards it returns to its own namespace; without a pool, or if
// fn panics, it exits. Functions of several calls may run at the same time. fn must leave the state
// of its thread unchanged. Once fn runs, Do waits for it even if ctx ends.
//
// The thread is in the mount namespace that the program started with, not in that of the calling
// thread, so open files before. In /proc/sys/net and /proc/net it sees its network namespace.
func (n *Namespace) Do(ctx context.Context, fn func() error) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("namespace %s: %w", n.path, err)
	}
	v, err := n.visit(fn)
	if err != nil {
		return err
	}
	_ = v.done.Wait(context.Background()) // which never ends
	return v.err
}

// visit is a function that runs in a namespace.
type visit struct {
	fn   func() error
	err  error // when done
	done thread.Latch
}

// visit starts fn inside and does not wait for it. The namespace stays open meanwhile.
func (n *Namespace) visit(fn func() error) (*visit, error) {
	fd, err := n.hold()
	if err != nil {
		return nil, err
	}
	v := &visit{fn: fn, err: errExited}
	n.pool.Run(func() bool {
		defer n.release()
		return v.run(n.path, fd)
	})
	return v, nil
}

// run moves the calling thread to the namespace, and back. It reports whether the thread is
// unchanged.
func (v *visit) run(path string, fd int) (unharmed bool) {
	home, err := unix.Open(ownPath, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err == nil {
		defer unix.Close(home)
	} // else the thread ends
	if err := unix.Setns(fd, unix.CLONE_NEWNET); err != nil {
		v.err = fmt.Errorf("namespace %s: enter: %w", path, err)
		v.done.Open()
		return true
	}
	return v.call() && home >= 0 && unix.Setns(home, unix.CLONE_NEWNET) == nil
}

// call reports whether the function did not panic. It wakes waiters before the thread returns to
// its own namespace.
func (v *visit) call() (unharmed bool) {
	defer v.done.Open()
	defer func() {
		if p := recover(); p != nil {
			v.err, unharmed = &PanicError{Value: p, Stack: debug.Stack()}, false
		}
	}()
	v.err = v.fn()
	return true
}
