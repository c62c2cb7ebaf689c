package netns

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"

	"golang.org/x/sys/unix"

	"libcni/core/internal/host/thread"
)

// PanicError is what Do returns when the function panicked.
type PanicError struct {
	Value any
	Stack []byte
}

func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }

// errExited is for a function that ended its goroutine, as testing.T.FailNow does.
var errExited = errors.New("the function ended its goroutine")

// Do runs fn on a thread that is in the namespace, and returns its error. The first Do finds that thread; it serves
// until Close, and then ends or, if the namespace was opened through Threads, goes back where it came from and waits
// there for the next. Functions run one after the other; fn leaves its thread as it found it, and must not call Do or
// Cookie of the same Namespace. ctx bounds the wait for the turn: once fn runs, Do waits for it.
//
// The thread is in the mount namespace the program started with, not in that of the calling thread: open files before.
// In /proc/sys/net and /proc/net it sees its network namespace.
func (n *Namespace) Do(ctx context.Context, fn func() error) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("namespace %s: %w", n.path, err)
	}
	w, err := n.worker()
	if err != nil {
		return err
	}
	j := job{fn: fn, done: make(chan error, 1)}
	select {
	case w.jobs <- j:
		return <-j.done
	case <-w.ended:
		return n.errClosed()
	case <-ctx.Done():
		return fmt.Errorf("namespace %s: %w", n.path, ctx.Err())
	}
}

// worker returns the thread inside, which it starts if there is none.
func (n *Namespace) worker() (*worker, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.fd < 0 {
		return nil, n.errClosed()
	}
	if n.inside != nil && !n.inside.hasEnded() {
		return n.inside, nil
	}
	w, err := startWorker(n.fd, n.threads)
	if err != nil {
		return nil, fmt.Errorf("namespace %s: enter: %w", n.path, err)
	}
	n.inside = w
	return w, nil
}

type job struct {
	fn   func() error
	done chan error
}

// worker is a thread's stay in a namespace.
type worker struct {
	fd      int
	entered chan error
	jobs    chan job
	halt    chan struct{} // closed by stop
	ended   chan struct{} // closed when no job is taken any more
	halted  sync.Once
}

// startWorker returns when a thread is in the namespace: an idle one, or a new one.
func startWorker(fd int, threads *Threads) (*worker, error) {
	w := &worker{fd: fd, entered: make(chan error), jobs: make(chan job), halt: make(chan struct{}), ended: make(chan struct{})}
	if t := threads.take(); t != nil {
		t <- w
	} else {
		onThreadOfItsOwn(func() { threads.serve(w) })
	}
	if err := <-w.entered; err != nil {
		return nil, err
	}
	return w, nil
}

// stay takes the calling thread into the namespace, serves, and takes it back. It says whether the thread is as it was.
func (w *worker) stay(returns bool) (unharmed bool) {
	defer close(w.ended)
	home := -1
	if returns {
		if fd, err := unix.Open(ownPath, unix.O_RDONLY|unix.O_CLOEXEC, 0); err == nil {
			home = fd
			defer unix.Close(home)
		}
	}
	err := unix.Setns(w.fd, unix.CLONE_NEWNET)
	w.entered <- err
	if err != nil {
		return true
	}
	unharmed = w.serve()
	return unharmed && home >= 0 && unix.Setns(home, unix.CLONE_NEWNET) == nil
}

// serve says whether no function panicked.
func (w *worker) serve() (unharmed bool) {
	unharmed = true
	for {
		select {
		case <-w.halt:
			return unharmed
		case j := <-w.jobs:
			unharmed = j.run() && unharmed
		}
	}
}

// run answers whatever fn does: return, panic, or end the goroutine.
func (j job) run() (unharmed bool) {
	err := errExited
	unharmed = true
	defer func() {
		if p := recover(); p != nil {
			err, unharmed = &PanicError{Value: p, Stack: debug.Stack()}, false
		}
		j.done <- err
	}()
	err = j.fn()
	return
}

func (w *worker) stop() { w.halted.Do(func() { close(w.halt) }) }

func (w *worker) hasEnded() bool {
	select {
	case <-w.ended:
		return true
	default:
		return false
	}
}

// onThreadOfItsOwn runs fn on a thread that runs nothing else and ends when fn returns, because the goroutine ends
// locked to it. The runtime never ends its first thread, which would stay in the namespace and keep it alive; so when
// the goroutine happens to run there, it holds that thread until another goroutine has found itself another.
func onThreadOfItsOwn(fn func()) {
	go func() {
		runtime.LockOSThread()
		if !thread.IsFirst() {
			fn()
			return
		}
		moved := make(chan struct{})
		go func() {
			runtime.LockOSThread()
			close(moved)
			fn()
		}()
		<-moved
		runtime.UnlockOSThread()
	}()
}
