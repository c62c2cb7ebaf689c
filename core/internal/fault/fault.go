// Package fault owns the error that travels from any ring to the caller: its kind, its return code
// and the fields of the JSON error object.
package fault

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"

	"github.com/libcni/libcni/core/internal/host/errno"
)

// origin is what an Error keeps for Go: the errno that a C function returns, 0 for the code, and
// the cause.
type origin struct {
	number syscall.Errno
	cause  error
}

// New makes an error of a kind. The message is the formatted text, followed by the cause if there
// is one; say in it what the user can do.
func New(kind Kind, cause error, format string, args ...any) *Error {
	traits := kinds[kind]
	e := &Error{Kind: kind, Code: traits.code, Retryable: traits.retryable,
		origin: origin{traits.number, cause}}
	e.Msg = fmt.Sprintf(format, args...)
	if cause != nil {
		e.Msg += ": " + cause.Error()
	}
	if number := errno.Of(cause); number != 0 {
		e.Errno = errno.Name(number)
		if kind == KindState && stateErrnos[number] {
			e.number = number
		}
	} else {
		e.Errno = errno.Name(traits.number)
	}

	return e
}

// InvalidConfig refuses a network configuration. key is the offending key, as a path such as
// "ipam.ranges".
func InvalidConfig(key, format string, args ...any) *Error {
	e := New(KindInvalidConfig, nil, format, args...)
	e.Details = key
	return e
}

// InvalidRequest refuses a request. key is the offending key.
func InvalidRequest(key, format string, args ...any) *Error {
	e := New(KindInvalidRequest, nil, format, args...)
	e.Details = key
	return e
}

// NewDrift reports all the differences a CHECK found. It returns nil if there are none.
func NewDrift(found []Drift) error {
	if len(found) == 0 {
		return nil
	}

	first := found[0]
	object := first.Object
	if first.Plugin != "" {
		object = first.Plugin + ": " + object
	}

	e := New(KindDrift, nil, "%s: expected %s, found %s", object, first.Expected, first.Actual)
	if len(found) > 1 {
		e.Msg += fmt.Sprintf(" (and %d more)", len(found)-1)
	}

	e.Drift = found
	return e
}

// From turns any error into an *Error: one that is an *Error already is returned as it is; a
// context's end becomes timeout or cancelled, EPERM and EACCES permission, and anything else the
// given kind.
func From(err error, otherwise Kind) *Error {
	var e *Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &e):
		return e.within(err)
	case errors.Is(err, context.DeadlineExceeded):
		return New(KindTimeout, err, "the deadline of the call passed")
	case errors.Is(err, context.Canceled):
		return New(KindCancelled, err, "the call was cancelled")
	case errno.Of(err) == syscall.EPERM, otherwise != KindState && errors.Is(err, fs.ErrPermission):
		return New(KindPermission, err, "the kernel refused; CAP_NET_ADMIN and CAP_SYS_ADMIN are needed")
	default:
		e = New(otherwise, err, "")
		e.Msg = err.Error()
		return e
	}
}

// Join makes one error of several: the first, with the messages of the others appended. It returns
// nil without errors.
func Join(errs []error) error {
	if len(errs) == 0 {
		return nil
	}
	joined := *From(errs[0], KindState)
	for _, err := range errs[1:] {
		joined.Msg += "; " + err.Error()
	}
	return &joined
}

// ErrNotUndone is joined to the error of an ADD that could not take back all it had done.
var ErrNotUndone = errors.New("not undone")

// within returns e with what the errors around it say that e does not.
func (e *Error) within(around error) *Error {
	if !errors.Is(around, ErrNotUndone) || errors.Is(e, ErrNotUndone) {
		return e
	}
	wider := *e
	wider.cause = around
	wider.Details = strings.TrimPrefix(wider.Details+"; "+around.Error(), "; ")
	return &wider
}

// Undone reports whether what failed has taken back its own steps.
func (e *Error) Undone() bool { return !errors.Is(e, ErrNotUndone) }

func (e *Error) Error() string { return e.Msg }

// Unwrap returns the cause given to New.
func (e *Error) Unwrap() error { return e.cause }

// Return is the value a C function returns for the error: the plugin's code for kinds plugin-failed
// and drift,
// -errno for libcni's own verdicts.
func (e *Error) Return() int {
	if e.number == 0 {
		return int(e.Code)
	}
	return -int(e.number)
}
