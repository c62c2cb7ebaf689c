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

// run returns the thread on which the pool ran a function.
func run(pool *thread.Pool, reusable bool) int {
	var done thread.Latch
	var id int
	pool.Run(func() bool {
		id = unix.Gettid()
		done.Open()
		return reusable
	})
	_ = done.Wait(context.Background())
	return id
}

func TestPoolReusesThreads(t *testing.T) {
	pool := &thread.Pool{}
	seen := map[int]bool{}
	for range 100 {
		seen[run(pool, true)] = true
	}
	// The one before may be on its way to its place.
	if len(seen) > 5 {
		t.Errorf("%d threads ran 100 functions, one after the other", len(seen))
	}
}

func TestThreadWithChangedStateEnds(t *testing.T) {
	pool := &thread.Pool{}
	for range 20 {
		awaitEnd(t, run(pool, false))
	}
}

func TestNilPoolKeepsNoThread(t *testing.T) {
	awaitEnd(t, run(nil, true))
}

func TestBurstLeavesFewThreads(t *testing.T) {
	pool := &thread.Pool{}
	const burst = 20
	ids := make(chan int, burst)
	var release thread.Latch
	var running sync.WaitGroup
	running.Add(burst)
	for range burst {
		pool.Run(func() bool {
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

func TestLatchReleasesAllWaiters(t *testing.T) {
	for range 200 {
		var latch thread.Latch
		var group sync.WaitGroup
		for range 4 {
			group.Go(func() {
				if err := latch.Wait(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		latch.Open()
		group.Wait()
	}
}

// The end of one's context wakes that one, and keeps nobody else from being let through.
func TestLatchWaitEndsWithItsContext(t *testing.T) {
	for range 200 {
		var latch thread.Latch
		ctx, cancel := context.WithCancel(t.Context())
		var group sync.WaitGroup
		for range 2 {
			group.Go(func() {
				if err := latch.Wait(ctx); !errors.Is(err, context.Canceled) {
					t.Errorf("got %v, want %v", err, context.Canceled)
				}
			})
		}
		patient := make(chan error, 1)
		go func() { patient <- latch.Wait(t.Context()) }()
		cancel()
		group.Wait()
		latch.Open()
		if err := <-patient; err != nil {
			t.Errorf("one whose context has not ended: %v", err)
		}
	}
}
