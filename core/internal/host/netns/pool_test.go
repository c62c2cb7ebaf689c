package netns_test

import (
	"errors"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/libcni/libcni/core/internal/host/netns"
	"github.com/libcni/libcni/core/internal/host/netns/netnstest"
	"github.com/libcni/libcni/core/internal/host/thread"
)

// visit returns the thread that served a namespace, after it has been given back.
func visit(t *testing.T, pool *thread.Pool, path string, fn func() error) (thread int, err error) {
	t.Helper()
	n, err := netns.Open(path, pool)
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	err = n.Do(t.Context(), func() error {
		thread = unix.Gettid()
		return fn()
	})
	return thread, err
}

func inode(t *testing.T, path string) uint64 {
	t.Helper()
	var stat unix.Stat_t
	if err := unix.Stat(path, &stat); err != nil {
		t.Fatal(err)
	}
	return stat.Ino
}

func TestThreadsServeOneNamespaceAfterAnother(t *testing.T) {
	netnstest.Host(t)
	var pool thread.Pool
	paths := []string{netnstest.New(t), netnstest.New(t)}
	seen := map[int]bool{}
	for range 20 {
		for _, path := range paths {
			var in uint64
			thread, err := visit(t, &pool, path, func() error {
				in = inode(t, "/proc/thread-self/ns/net")
				return nil
			})
			if err != nil || in != inode(t, path) {
				t.Fatalf("%s: thread %d was in %d, %v", path, thread, in, err)
			}
			seen[thread] = true
		}
	}
	// Some may be on their way home while the next is asked for.
	if len(seen) > 20 {
		t.Errorf("%d threads served 40 visits, one at a time", len(seen))
	}
}

func TestThreadThatPanickedIsNotUsedAgain(t *testing.T) {
	netnstest.Host(t)
	var pool thread.Pool
	path := netnstest.New(t)
	bad, err := visit(t, &pool, path, func() error { panic("harm") })
	if want := (*netns.PanicError)(nil); !errors.As(err, &want) {
		t.Fatalf("error %v, want a panic", err)
	}
	for range 10 {
		good, err := visit(t, &pool, path, func() error { return nil })
		if err != nil || good == bad {
			t.Fatalf("thread %d after %d: %v", good, bad, err)
		}
	}
}
