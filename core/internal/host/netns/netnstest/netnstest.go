// Package netnstest gives tests network namespaces of their own. Its functions fail the test where
// namespaces cannot be made; nothing is skipped.
package netnstest

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/libcni/libcni/core/internal/host/netns"
)

const hint = "network namespaces are needed; run the test under test/isolate"

// Host moves the test to a fresh network namespace that serves as its host, with lo up. The test's
// goroutine stays on its thread; the thread, and with it the namespace, ends with the test.
// Goroutines that the test starts, including subtests, are in the namespace of the test binary; a
// subtest calls Host itself.
func Host(t testing.TB) {
	t.Helper()
	runtime.LockOSThread() // and never unlocked, so that the thread ends with the goroutine
	path := bound(t)
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatalf("open %s: %v", path, err)
	}
	defer unix.Close(fd)
	if err := unix.Setns(fd, unix.CLONE_NEWNET); err != nil {
		t.Fatalf("enter %s: %v; %s", path, err, hint)
	}
	if err := netns.Delete(context.Background(), path); err != nil {
		t.Fatal(err)
	}
}

// New returns the path of a fresh bound namespace with lo up, which is removed at the end of the
// test.
func New(t testing.TB) string {
	t.Helper()
	path := bound(t)
	t.Cleanup(func() {
		err := netns.Delete(context.Background(), path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // the test may have removed it
			t.Error(err)
		}
	})
	return path
}

func bound(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "netns")
	if err := netns.Create(context.Background(), path); err != nil {
		t.Fatalf("%v; %s", err, hint)
	}
	return path
}

// Open opens the namespace at path and closes it at the end of the test.
func Open(t testing.TB, path string) *netns.Namespace {
	t.Helper()
	n, err := netns.Open(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	return n
}
