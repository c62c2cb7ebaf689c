package thread_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/libcni/libcni/core/internal/host/thread"
)

// run returns the thread that ran a function of the crew.
func run(crew *thread.Crew, unharmed bool) int {
	var done thread.Gate
	var id int
	crew.Run(func() bool {
		id = unix.Gettid()
		done.Open()
		return unharmed
	})
	_ = done.Wait(context.Background())
	return id
}

func TestCrewUsesItsThreadsAgain(t *testing.T) {
	crew := &thread.Crew{}
	seen := map[int]bool{}
	for range 100 {
		seen[run(crew, true)] = true
	}
	// The one before may be on its way to its place.
	if len(seen) > 5 {
		t.Errorf("%d threads ran 100 functions, one after the other", len(seen))
	}
}

func TestThreadThatWasHarmedEnds(t *testing.T) {
	crew := &thread.Crew{}
	for range 20 {
		awaitEnd(t, run(crew, false))
	}
}

func TestNoCrewKeepsNoThread(t *testing.T) {
	awaitEnd(t, run(nil, true))
}

func TestBurstLeavesFewThreads(t *testing.T) {
	crew := &thread.Crew{}
	const burst = 20
	ids := make(chan int, burst)
	var release thread.Gate
	var running sync.WaitGroup
	running.Add(burst)
	for range burst {
		crew.Run(func() bool {
			ids <- unix.Gettid()
			running.Done()
			_ = release.Wait(context.Background())
			return true
		})
	}
	running.Wait()
	release.Open()
	deadline := time.Now().Add(10 * time.Second)
	for left := burst; left > 4; {
		if time.Now().After(deadline) {
			t.Fatalf("%d threads are left of %d", left, burst)
		}
		left = 0
		for range burst {
			id := <-ids
			if exists(id) {
				left++
			}
			ids <- id
		}
	}
}

func awaitEnd(t *testing.T, id int) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); exists(id); {
		if time.Now().After(deadline) {
			t.Fatalf("thread %d is still there", id)
		}
	}
}

func exists(id int) bool {
	_, err := os.Stat(filepath.Join("/proc/self/task", strconv.Itoa(id)))
	return err == nil
}

func TestGateLetsEveryoneThrough(t *testing.T) {
	for range 200 {
		var gate thread.Gate
		var group sync.WaitGroup
		for range 4 {
			group.Go(func() {
				if err := gate.Wait(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		gate.Open()
		group.Wait()
	}
}

// The end of one's context wakes that one, and keeps nobody else from being let through.
func TestGateIsLeftWhenTheContextEnds(t *testing.T) {
	for range 200 {
		var gate thread.Gate
		ctx, cancel := context.WithCancel(t.Context())
		var group sync.WaitGroup
		for range 2 {
			group.Go(func() {
				if err := gate.Wait(ctx); !errors.Is(err, context.Canceled) {
					t.Errorf("got %v, want %v", err, context.Canceled)
				}
			})
		}
		patient := make(chan error, 1)
		go func() { patient <- gate.Wait(t.Context()) }()
		cancel()
		group.Wait()
		gate.Open()
		if err := <-patient; err != nil {
			t.Errorf("one whose context has not ended: %v", err)
		}
	}
}
