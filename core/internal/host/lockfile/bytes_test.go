package lockfile_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/libcni/libcni/core/internal/host/lockfile"
	"github.com/libcni/libcni/core/internal/must"
)

// A call takes several locks through one descriptor, and lets go of one of them before the others.
func TestBytesOfOneFileAreLocksOfTheirOwn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	ours, err := lockfile.OpenBytes(t.Context(), path)
	must.Succeed(t, err)
	must.Succeed(t, ours.Lock(t.Context(), 2, lockfile.Exclusive))
	must.Succeed(t, ours.Lock(t.Context(), 4, lockfile.Exclusive))
	must.Succeed(t, ours.Lock(t.Context(), 6, lockfile.Shared))
	must.Succeed(t, ours.Release(2))
	busy := func(key uint64, mode lockfile.Mode) bool {
		theirs, err := lockfile.OpenBytes(t.Context(), path)
		must.Succeed(t, err)
		took, err := theirs.TryLock(key, mode)
		must.Succeed(t, err)
		must.Succeed(t, theirs.Unlock())
		return !took
	}

	for _, test := range []struct {
		key  uint64
		mode lockfile.Mode
		want bool
	}{
		{2, lockfile.Exclusive, false}, {4, lockfile.Shared, true}, {6, lockfile.Shared, false}, {6,
			lockfile.Exclusive, true},
	} {
		if got := busy(test.key, test.mode); got != test.want {
			t.Errorf("key %d, mode %d: busy is %t, want %t", test.key, test.mode, got, test.want)
		}
	}
	must.Succeed(t, ours.Unlock())
	must.Succeed(t, ours.Unlock())
	if busy(4, lockfile.Exclusive) || busy(6, lockfile.Exclusive) {
		t.Error("locked after all was unlocked")
	}
}

var errNotPassed = errors.New("not passed")

func TestPassWaitsAndTakesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	passer, err := lockfile.OpenBytes(t.Context(), path)
	must.Succeed(t, err)
	defer func() { _ = passer.Unlock() }()
	pass := func(ctx context.Context, atMost time.Duration) error {
		passed, err := passer.Pass(ctx, 8, lockfile.Shared, atMost)
		if err == nil && !passed {
			return errNotPassed
		}
		return err
	}
	must.Succeed(t, pass(t.Context(), time.Minute))
	holder, err := takeByte(t.Context(), path, 8, lockfile.Exclusive) // though it was passed
	must.Succeed(t, err)
	if err := pass(t.Context(), time.Millisecond); !errors.Is(err, errNotPassed) {
		t.Errorf("beside a holder: got %v, want %v", err, errNotPassed)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := pass(ctx, time.Minute); !errors.Is(err, context.Canceled) {
		t.Errorf("in a context that ended: got %v, want %v", err, context.Canceled)
	}
	passed := make(chan error)
	go func() { passed <- pass(t.Context(), time.Minute) }()
	select {
	case err := <-passed:
		t.Errorf("passed while held: %v", err)
	case <-time.After(30 * time.Millisecond):
		must.Succeed(t, holder.Unlock())
		must.Succeed(t, <-passed)
	}
}
