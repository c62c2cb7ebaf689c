package fault

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestEndedReturnsTheContextsError(t *testing.T) {
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	late, cancelLate := context.WithDeadline(t.Context(), time.Unix(1, 0))
	defer cancelLate()
	unreachable := fmt.Errorf("route to 198.51.100.1: %w", syscall.ENETUNREACH)
	for _, test := range []struct {
		name string
		ctx  context.Context
		err  error
		want Kind
	}{
		{"no error", cancelled, nil, ""},
		{"a context that goes on", t.Context(), unreachable, KindPluginFailed},
		{"the kernel's error, cancelled", cancelled, unreachable, KindCancelled},
		{"the kernel's error, too late", late, unreachable, KindTimeout},
		{"state", cancelled, New(KindState, syscall.ENOENT, "read"), KindCancelled},
		{"an error without number", late, errors.New("no luck"), KindTimeout},
		{"a busy lock", cancelled, New(KindBusy, nil, "held"), KindBusy},
		{"an invalid configuration", cancelled, InvalidConfig("mtu", "no"), KindInvalidConfig},
		{"a taken port", late, New(KindExists, nil, "taken"), KindExists},
		{"a plugin's own code", late, withCode(123), KindPluginFailed},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := Ended(test.ctx, test.err)
			if test.want == "" {
				if err != nil {
					t.Errorf("got %v", err)
				}
				return
			}
			e := From(err, KindPluginFailed)
			if e.Kind != test.want || !strings.Contains(e.Msg, test.err.Error()) ||
				!errors.Is(err, errors.Unwrap(test.err)) && errors.Unwrap(test.err) != nil {
				t.Errorf("kind %s: %s", e.Kind, e.Msg)
			}
			if e.Return() != New(e.Kind, nil, "").Return() && test.want != KindPluginFailed {
				t.Errorf("returns %d", e.Return())
			}
		})
	}
}

func TestEndedRemembersAFailedUndo(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := Ended(ctx, errors.Join(syscall.EBUSY, fmt.Errorf("%w: link", ErrNotUndone)))
	if e := From(err, KindState); e.Kind != KindCancelled || e.Undone() {
		t.Errorf("%+v", e)
	}
}

func withCode(code int64) error {
	e := New(KindPluginFailed, nil, "its own")
	e.Code = code
	return e
}
