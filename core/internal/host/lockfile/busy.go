package lockfile

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/libcni/libcni/core/internal/host/errno"
)

// ErrBusy says that another call held the lock until the context ended. The error is a *BusyError.
var ErrBusy = errors.New("locked by another call")

// BusyError says that a lock was held until the context ended. Its message names the lock and, if
// they can be found, the processes that hold it. It wraps ErrBusy and the context's error.
type BusyError struct {
	path   string
	ended  error           // of the context
	search func() []holder // is called for the message, once, because it takes some time

	once    sync.Once
	message string
}

func (e *BusyError) Error() string {
	e.once.Do(func() {
		e.message = "lock " + e.path + " is held by " + listed(e.search())
	})
	return e.message
}

func listed(holders []holder) string {
	if len(holders) == 0 {
		return "another call"
	}
	names := make([]string, len(holders))
	for i, h := range holders {
		names[i] = h.String()
	}
	return strings.Join(names, " and ")
}

func (e *BusyError) Unwrap() []error { return []error{ErrBusy, e.ended} }

// The pauses between two attempts. Unlike a wait in the kernel, polling ends with the context and
// blocks no thread.
const (
	firstPause = 200 * time.Microsecond
	lastPause  = 20 * time.Millisecond
)

// errWait says that try would have to wait.
var errWait = errors.New("held")

// wait tries at once, then after pauses that grow, as long as the error of try is errWait. At the
// end of the context it returns that error. waited reports whether the first attempt did not do.
func wait(ctx context.Context, try func() error) (waited bool, err error) {
	var timer *time.Timer
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		if err := try(); !errors.Is(err, errWait) {
			return timer != nil, err
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
			return true, ctx.Err()
		}
	}
}

// attempt is a system call that fails with EAGAIN or EACCES if it would have to wait.
func attempt(fd int, call func(fd int) error) error {
	err := errno.Retry(func() error { return call(fd) })
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EACCES) {
		return errWait
	}
	return err
}

// take waits for a lock of the open file at path, and reports whether it had to. If the context
// ends before, the error is a *BusyError.
func take(ctx context.Context, path string, fd int, l locked,
	call func(fd int) error) (waited bool, err error) {
	waited, err = wait(ctx, func() error { return attempt(fd, call) })
	if err == nil || !errors.Is(err, ctx.Err()) {
		return waited, explain(err, "lock", path)
	}
	link := linkOf(fd)
	return true, &BusyError{path: path, ended: err,
		search: func() []holder { return l.holders(link) }}
}

func explain(err error, doing, path string) error {
	if err != nil {
		err = fmt.Errorf("%s %s: %w", doing, path, err)
	}
	return err
}
