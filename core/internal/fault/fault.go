// Package fault owns the error that travels from any ring to the caller: its kind, its return code and the
// fields of the JSON error object.
package fault

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/libcni/libcni/core/internal/host/errno"
)

// Error is the one error type that reaches a caller. Code, Msg and Details are the CNI specification's ("Error");
// Kind is what callers branch on.
type Error struct {
	CNIVersion  string      `json:"cniVersion,omitempty"`
	Code        int64       `json:"code"` // always positive, so that the object can be passed up a CNI chain
	Msg         string      `json:"msg"`
	Details     string      `json:"details,omitempty"`
	Kind        Kind        `json:"kind"`
	Errno       string      `json:"errno,omitempty"` // symbolic name, such as "ETIMEDOUT"
	Command     string      `json:"command,omitempty"`
	Network     string      `json:"network,omitempty"`
	ContainerID string      `json:"containerId,omitempty"`
	IfName      string      `json:"ifName,omitempty"`
	Plugin      *Plugin     `json:"plugin,omitempty"`
	Volume      string      `json:"volume,omitempty"`
	Stderr      string      `json:"stderr,omitempty"` // the last 64 KiB that the plugin process wrote
	Retryable   bool        `json:"retryable"`
	RolledBack  *bool       `json:"rolledBack,omitempty"` // set by ADD: nothing of this call is left
	Existing    *Attachment `json:"existing,omitempty"`   // kind exists: the attachment that is there
	Drift       []Drift     `json:"drift,omitempty"`      // kind drift: all differences found

	VolumePlugin *VolumePlugin `json:"volumePlugin,omitempty"`

	number syscall.Errno
	cause  error
}

// Plugin says which plugin of the list an error comes from.
type Plugin struct {
	Type    string `json:"type"`
	Index   int    `json:"index"`
	Builtin bool   `json:"builtin"`
}

// Attachment is what is known of an attachment.
type Attachment struct {
	Network        string                    `json:"network"`
	ContainerID    string                    `json:"containerId"`
	IfName         string                    `json:"ifName"`
	Netns          string                    `json:"netns"`
	Owner          string                    `json:"owner,omitempty"` // empty if Go's libcni attached
	Args           [][2]string               `json:"args,omitempty"`
	CapabilityArgs map[string]jsontext.Value `json:"capabilityArgs,omitempty"`
	Result         jsontext.Value            `json:"result,omitempty"`
	Config         jsontext.Value            `json:"config,omitempty"`
	State          string                    `json:"state"`
}

// VolumePlugin says which volume plugin an error comes from, and what it was asked.
type VolumePlugin struct {
	Name     string `json:"name,omitempty"`
	Address  string `json:"address,omitempty"`
	Endpoint string `json:"endpoint,omitempty"` // such as "VolumeDriver.Mount"
	Status   int    `json:"status,omitzero"`    // HTTP, of the answer that holds the plugin's own error
}

// Drift is one difference between what an attachment should be and what the kernel holds.
type Drift struct {
	Plugin   string `json:"plugin"`
	Object   string `json:"object"` // what was looked at, such as "link eth0" or "address 10.1.0.2/24 on eth0"
	Expected string `json:"expected"`
	Actual   string `json:"actual"` // "missing" when there is nothing
}

// New makes an error of a kind. The message is the formatted text, followed by the cause if there is one; say in it
// what the user can do.
func New(kind Kind, cause error, format string, args ...any) *Error {
	traits := kinds[kind]
	e := &Error{Kind: kind, Code: traits.code, Retryable: traits.retryable, number: traits.number, cause: cause}
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

// InvalidConfig refuses a network configuration. key is the offending key, as a path such as "ipam.ranges".
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

// From turns any error into an *Error: one that is an *Error already is returned as it is; a context's end becomes
// timeout or cancelled, EPERM and EACCES permission, and anything else the given kind.
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

// Join makes one error of several: the first, with the messages of the others appended. It returns nil if there are none.
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

// Return is the value a C function returns for the error: the plugin's code for kinds plugin-failed and drift,
// -errno for libcni's own verdicts.
func (e *Error) Return() int {
	if e.number == 0 {
		return int(e.Code)
	}
	return -int(e.number)
}
