package wake_test

import (
	"context"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/libcni/libcni/core/internal/host/wake"
)

// readable waits for the descriptor for some milliseconds at most.
func readable(t *testing.T, w *wake.Waker, milliseconds int) bool {
	t.Helper()
	n, err := unix.Poll([]unix.PollFd{{Fd: int32(w.Fd()), Events: unix.POLLIN}}, milliseconds)
	if err != nil {
		t.Fatal(err)
	}
	return n > 0
}

func TestWakerIsReadableWhenItsContextEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	w, err := wake.New(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if readable(t, w, 0) {
		t.Error("readable before the end")
	}
	cancel()
	if !readable(t, w, 10_000) {
		t.Error("not readable after the end")
	}
}

func TestContextThatNeverEndsNeedsNoDescriptor(t *testing.T) {
	w, err := wake.New(context.Background())
	if err != nil || w.Fd() >= 0 {
		t.Errorf("descriptor %d, %v", w.Fd(), err)
	}
	w.Close()
}
