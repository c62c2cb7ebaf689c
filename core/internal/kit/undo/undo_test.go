package undo_test

import (
	"context"
	"testing"
	"time"

	"github.com/libcni/libcni/core/internal/kit/undo"
)

func deadline(t *testing.T, ctx context.Context) time.Time {
	t.Helper()
	at, bounded := ctx.Deadline()
	if !bounded {
		t.Fatal("no deadline")
	}
	return at
}

func TestAllUndoingOfACallSharesOneBudget(t *testing.T) {
	call, cancel := context.WithCancel(undo.With(t.Context(), time.Minute))
	cancel()
	first, end := undo.Begin(call)
	defer end()
	if first.Err() != nil {
		t.Fatal("the undo ends with the call")
	}

	time.Sleep(time.Millisecond) // the clock moves on
	for name, ctx := range map[string]context.Context{"of the call": call, "of an undo": first} {
		again, end := undo.Begin(ctx)
		defer end()
		if got, want := deadline(t, again), deadline(t, first); !got.Equal(want) {
			t.Errorf("a second undo %s ends %v after the first", name, got.Sub(want))
		}
	}
}

func TestUndoWithoutBound(t *testing.T) {
	for name, ctx := range map[string]context.Context{
		"no budget": t.Context(), "0 milliseconds": undo.With(t.Context(), 0),
	} {
		limited, cancel := context.WithTimeout(ctx, time.Hour)
		defer cancel()
		unlimited, end := undo.Begin(limited)
		defer end()
		if _, bounded := unlimited.Deadline(); bounded {
			t.Errorf("%s: the undo has a deadline", name)
		}
	}
}

func TestATaskLeavesTimeForTheOthers(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	one, end := undo.Share(ctx, 1)
	defer end()
	if left := time.Until(deadline(t, one)); left > 31*time.Minute || left < 29*time.Minute {
		t.Errorf("the first of two has %v", left)
	}
	last, end := undo.Share(ctx, 0)
	defer end()
	if !deadline(t, last).Equal(deadline(t, ctx)) {
		t.Error("the last does not have all the time that is left")
	}
}
