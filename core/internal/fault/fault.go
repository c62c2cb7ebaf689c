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
	number    syscall.Errno
	cause     error
	unstarted bool
	contended bool
}

// New makes an error of a kind. The message is the formatted text, followed by the cause if there
// is one; say in it what the user can do. If the cause of kind state is the kernel's refusal, or
// that /proc is missing, the kind is that of the cause.
func New(kind Kind, cause error, format string, args ...any) *Error {
	number := errno.Of(cause)
	switch {
	case kind == KindState && errno.LacksProc(cause):
		return worded(KindUnsupported, cause, fmt.Sprintf(format, args...)+": "+withoutProc(cause))
	case kind == KindState:
		kind = ofRefusal(number, kind)
	}
	traits := kinds[kind]
	e := &Error{Kind: kind, Code: traits.code, Retryable: traits.retryable,
		origin: origin{number: traits.number, cause: cause}}
	e.Msg = fmt.Sprintf(format, args...)
	if cause != nil {
		e.Msg += ": " + cause.Error()
	}
	if number == 0 {
		e.Errno = errno.Name(traits.number)
		e.Retryable = e.Retryable && !errno.IsLasting(cause)
		return e
	}

	e.Errno = errno.Name(number)
	if kind == KindState && stateErrnos[number] {
		e.number = number
	}
	if kind == KindState || kind == KindPluginFailed {
		e.Retryable = isRetryable(number, e.Retryable)
	}
	return e
}

// withoutProc is the message of an error about a file of /proc where nothing is mounted.
func withoutProc(err error) string {
	return err.Error() + ": /proc is not mounted; mount it (mount -t proc proc /proc)"
}

// ofRefusal returns the kind of an error number that means the same whatever was attempted.
func ofRefusal(number syscall.Errno, otherwise Kind) Kind {
	switch number {
	case syscall.EPERM:
		return KindPermission
	case syscall.ENOSYS, syscall.EAFNOSUPPORT:
		return KindUnsupported
	default:
		return otherwise
	}
}

// isRetryable reports whether the same call may succeed later without any change, after an error
// with the given number.
func isRetryable(number syscall.Errno, otherwise bool) bool {
	switch number {
	case syscall.EACCES, syscall.EROFS, syscall.EPERM, syscall.ENOSYS, syscall.EOPNOTSUPP,
		syscall.EINVAL, syscall.ENOTDIR, syscall.EISDIR, syscall.ELOOP, syscall.ENAMETOOLONG,
		syscall.E2BIG, syscall.ENOEXEC, syscall.EXDEV:
		return false
	case syscall.EAGAIN, syscall.EINTR, syscall.ENOMEM, syscall.ENOBUFS, syscall.EMFILE,
		syscall.ENFILE, syscall.ETXTBSY:
		return true
	default:
		return otherwise
	}
}

// Contend marks an error about something that another attachment holds, and returns it.
func (e *Error) Contend() *Error {
	e.contended = true
	return e
}

// Contended reports whether another attachment holds what the call needs.
func (e *Error) Contended() bool { return e.contended }

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
// context's end becomes timeout or cancelled, EPERM and EACCES permission, ENOSYS and a missing
// /proc unsupported, and anything else the given kind.
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
	case errno.LacksProc(err):
		return worded(KindUnsupported, err, withoutProc(err))
	case errno.Of(err) == syscall.EPERM, otherwise != KindState && errors.Is(err, fs.ErrPermission):
		return worded(KindPermission, err, err.Error()+": "+errno.Refusal())
	default:
		return worded(ofRefusal(errno.Of(err), otherwise), err, err.Error())
	}
}

// worded makes an error with a message that contains its cause.
func worded(kind Kind, cause error, msg string) *Error {
	e := New(kind, cause, "")
	e.Msg = msg
	return e
}

// joinedLimit is the number of bytes of a message of joined errors.
const joinedLimit = 64 << 10

// Join makes one error of several: the first, with the messages of the others appended, as far as
// they fit. It returns nil without errors.
func Join(errs []error) error {
	if len(errs) == 0 {
		return nil
	}
	joined := *From(errs[0], KindState)
	for _, err := range errs[1:] {
		if len(joined.Msg) > joinedLimit {
			break
		}
		joined.Msg += "; " + err.Error()
	}
	joined.Msg = Limit(joined.Msg, joinedLimit)
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

// Unstarted turns an error into an *Error of a plugin that was not started.
func Unstarted(err error) *Error {
	e := *From(err, KindState)
	e.unstarted = true
	return &e
}

// Because adds a cause to an error, for errors.Is.
func Because(e *Error, cause error) *Error {
	with := *e
	with.cause = errors.Join(e.cause, cause)
	return &with
}

// NothingMade reports whether an error means that a plugin has changed nothing: it was not found or
// not started, or it refused its configuration or the version of the specification.
func NothingMade(err error) bool {
	e := From(err, KindPluginFailed)
	switch {
	case e == nil || !e.Undone():
		return false
	case e.unstarted, e.Kind == KindPluginNotFound, e.Kind == KindUnsupported,
		e.Kind == KindInvalidConfig:
		return true
	default:
		return IsIncompatibleVersion(e)
	}
}

// Refused reports whether a plugin's ADD failed and left nothing: it made nothing, it is a
// built-in, which takes back its own steps, or it is an executable that answered with an error. One
// that was killed, or whose answer cannot be read, may have left something.
func Refused(err error) bool {
	e := From(err, KindPluginFailed)
	switch {
	case e == nil || !e.Undone() || e.Kind == KindBug:
		return false
	case NothingMade(e), e.Plugin != nil && e.Plugin.Builtin:
		return true
	default:
		return e.Kind == KindPluginFailed && e.cause == nil
	}
}

// IsIncompatibleVersion reports whether a plugin does not know the version of its request.
func IsIncompatibleVersion(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Kind == KindPluginFailed && e.Code == CodeIncompatibleVersion
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
