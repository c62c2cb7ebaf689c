package fault

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"
	"testing"
)

func TestFromChoosesTheKind(t *testing.T) {
	tests := []struct {
		name      string
		err       error
		otherwise Kind
		kind      Kind
		rc        int
		errno     string
	}{
		{"a deadline", fmt.Errorf("lock: %w", context.DeadlineExceeded), KindState, KindTimeout,
			-int(syscall.ETIMEDOUT), "ETIMEDOUT"},
		{"a cancellation", fmt.Errorf("lock: %w", context.Canceled), KindState, KindCancelled,
			-int(syscall.ECANCELED), "ECANCELED"},
		{"EPERM", fmt.Errorf("link: %w", syscall.EPERM), KindPluginFailed, KindPermission,
			-int(syscall.EPERM), "EPERM"},
		{"EPERM of state", fmt.Errorf("unshare: %w", syscall.EPERM), KindState, KindPermission,
			-int(syscall.EPERM), "EPERM"},
		{"EACCES of state", &fs.PathError{Op: "open", Path: "/x", Err: syscall.EACCES}, KindState,
			KindState, -int(syscall.EACCES), "EACCES"},
		{"a full disk", &fs.PathError{Op: "write", Path: "/x", Err: syscall.ENOSPC}, KindState, KindState,
			-int(syscall.ENOSPC), "ENOSPC"},
		{"another error of state", syscall.EBADF, KindState, KindState, -int(syscall.EIO), "EBADF"},
		{"a plugin's error", errors.New("no luck"), KindPluginFailed, KindPluginFailed, CodeInternal, ""},
		{"an Error stays", fmt.Errorf("around: %w", New(KindExists, nil, "there")), KindState, KindExists,
			-int(syscall.EEXIST), "EEXIST"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := From(tt.err, tt.otherwise)
			if e.Kind != tt.kind || e.Return() != tt.rc || e.Errno != tt.errno || e.Code <= 0 ||
				e.Msg == "" {
				t.Errorf("%+v returns %d", e, e.Return())
			}
		})
	}
}

// retryable means that the same call may succeed later without any change.
func TestRetryableIsThatOfTheCause(t *testing.T) {
	for _, test := range []struct {
		number    syscall.Errno
		kind      Kind
		retryable bool
	}{
		{syscall.ENOSYS, KindUnsupported, false}, {syscall.EAFNOSUPPORT, KindUnsupported, false},
		{syscall.EPERM, KindPermission, false}, {syscall.EACCES, KindState, false},
		{syscall.EROFS, KindState, false}, {syscall.ENOTDIR, KindState, false},
		{syscall.ENOSPC, KindState, true}, {syscall.EMFILE, KindState, true},
		{syscall.ENOMEM, KindState, true}, {syscall.EIO, KindState, true},
	} {
		cause := &fs.PathError{Op: "open", Path: "/x", Err: test.number}
		for way, e := range map[string]*Error{
			"From": From(cause, KindState), "New": New(KindState, cause, "read the state"),
		} {
			if e.Kind != test.kind || e.Retryable != test.retryable || e.Errno == "" {
				t.Errorf("%s of %v: kind %s, retryable %v", way, test.number, e.Kind, e.Retryable)
			}
		}
	}
	for number, want := range map[syscall.Errno]bool{syscall.ENOMEM: true, syscall.EROFS: false,
		syscall.EBUSY: false} {
		if e := From(number, KindPluginFailed); e.Retryable != want {
			t.Errorf("%v of a plugin: retryable %v", number, e.Retryable)
		}
	}
	if !New(KindTimeout, syscall.EACCES, "x").Retryable {
		t.Error("a deadline is not retryable because of its cause")
	}
}

// A refusal says what was refused, and what is missing only if it is.
func TestPermissionSaysWhatWasRefused(t *testing.T) {
	e := From(fmt.Errorf("link br0: set MTU: %w", syscall.EPERM), KindPluginFailed)
	if !strings.HasPrefix(e.Msg, "link br0: set MTU: operation not permitted: this thread ") {
		t.Errorf("%s", e.Msg)
	}
}

func TestFailedUndoIsNotForgotten(t *testing.T) {
	first := InvalidConfig("mtu", "mtu 3 is too small")
	e := From(errors.Join(first, fmt.Errorf("%w: link veth0: %w", ErrNotUndone, syscall.EBUSY)),
		KindPluginFailed)
	if e.Undone() || e.Kind != KindInvalidConfig || !strings.Contains(e.Details, "veth0") ||
		e.Msg != first.Msg {
		t.Errorf("%+v", e)
	}
	if !first.Undone() {
		t.Error("the first error was changed")
	}
}

func TestEveryKindHasItsTraits(t *testing.T) {
	for kind, traits := range kinds {
		if e := New(kind, nil, "x"); e.Code <= 0 || e.Return() == 0 || traits.code != e.Code {
			t.Errorf("%s: %+v", kind, e)
		}
	}
}
