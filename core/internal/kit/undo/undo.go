// Package undo owns the time in which a failed call takes back what it made. The engine and all
// plugins of a call share one budget (options.rollbackTimeoutMs), so that a call ends at a time
// that its caller can compute.
package undo

import (
	"context"
	"sync"
	"time"
)

// budget is the time for all undoing of one call. It runs from the moment the first undo begins.
type budget struct {
	timeout time.Duration // 0: no bound

	mu  sync.Mutex
	end time.Time // zero until the first undo begins
}

type key struct{}

// With returns a context for a call whose undo is bounded; a timeout of 0 means no bound.
func With(ctx context.Context, timeout time.Duration) context.Context {
	return context.WithValue(ctx, key{}, &budget{timeout: timeout})
}

// Begin returns a context in which a failed call can be undone: it outlives the deadline and the
// cancellation of ctx, and ends with the budget of the call. Without a budget it has no end.
func Begin(ctx context.Context) (context.Context, context.CancelFunc) {
	b, _ := ctx.Value(key{}).(*budget)
	ctx = context.WithoutCancel(ctx)
	if b == nil || b.timeout == 0 {
		return ctx, func() {}
	}
	return context.WithDeadline(ctx, b.deadline())
}

func (b *budget) deadline() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.end.IsZero() {
		b.end = time.Now().Add(b.timeout)
	}
	return b.end
}

// Share returns a context for one of several tasks: as long as others follow, it ends after half
// of the time that is left, so that one task that hangs leaves time for the rest.
func Share(ctx context.Context, others int) (context.Context, context.CancelFunc) {
	deadline, bounded := ctx.Deadline()
	if others == 0 || !bounded {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, time.Until(deadline)/2)
}
