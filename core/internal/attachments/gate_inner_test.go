package attachments

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/libcni/libcni/core/internal/host/lockfile"
	"github.com/libcni/libcni/core/internal/must"
)

// GCs that come one after the other would keep calls out if the next one closed the gate before the
// last one has ended.
func TestGateStaysOpenWhileAGCHasTheNetwork(t *testing.T) {
	dir := t.TempDir()
	s := Open(filepath.Join(dir, "cache"), filepath.Join(dir, "run"))
	first, err := s.LockNetwork(t.Context(), "web")
	must.Succeed(t, err)

	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	next := &Held{store: s}
	must.Succeed(t, next.open(t.Context()))
	defer next.Unlock()
	if err := next.closeGate(ctx, hash("web")); !errors.Is(err, lockfile.ErrBusy) {
		t.Errorf("beside a GC that has the network: got %v, want %v", err, lockfile.ErrBusy)
	}

	call := &Held{store: s}
	must.Succeed(t, call.open(t.Context()))
	defer call.Unlock()
	open, err := call.locks.IsFree(gates(hash("web")), lockfile.Shared)
	must.Succeed(t, err)
	if !open {
		t.Error("a call does not pass the gate")
	}

	first.Unlock()
	must.Succeed(t, next.closeGate(t.Context(), hash("web")))
}

// Calls overtake a GC in single file: a crowd that overtook at once would keep the GC out.
func TestCallsOvertakeAGCOneByOne(t *testing.T) {
	dir := t.TempDir()
	s := Open(filepath.Join(dir, "cache"), filepath.Join(dir, "run"))
	network := hash("web")
	call := func() *Held {
		h := &Held{store: s}
		must.Succeed(t, h.open(t.Context()))
		t.Cleanup(h.Unlock)
		return h
	}
	first, second := call(), call()
	if is, err := first.queue(t.Context(), network); !is || err != nil {
		t.Errorf("alone: first %t, %v", is, err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if is, err := second.queue(ended, network); is || !errors.Is(err, lockfile.ErrBusy) {
		t.Errorf("behind another: first %t, %v; want %v", is, err, lockfile.ErrBusy)
	}
	first.Unlock()
	if is, err := second.queue(t.Context(), network); !is || err != nil {
		t.Errorf("after the other: first %t, %v", is, err)
	}
}
