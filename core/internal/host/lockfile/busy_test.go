package lockfile_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/libcni/libcni/core/internal/host/lockfile"
	"github.com/libcni/libcni/core/internal/must"
)

func TestABusyLockNamesItsHolder(t *testing.T) {
	for key, take := range takers {
		t.Run(key, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "lock")
			other := startHolder(t, path, key, "exclusive")
			defer other.release(t)
			must.Succeed(t, other.process.Process.Signal(syscall.SIGSTOP))
			defer func() { _ = other.process.Process.Signal(syscall.SIGCONT) }()
			awaitStopped(t, other.process.Process.Pid)
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
			defer cancel()
			_, err := take(ctx, path, lockfile.Exclusive)
			if !errors.Is(err, lockfile.ErrBusy) {
				t.Fatalf("got %v, want %v", err, lockfile.ErrBusy)
			}
			for _, want := range []string{
				path, fmt.Sprintf("process %d (", other.process.Process.Pid), "lockfile.test", "stopped",
			} {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not say %q", err, want)
				}
			}
		})
	}
}

func TestABusyLockOfThisProcess(t *testing.T) {
	for key, take := range takers {
		path := filepath.Join(t.TempDir(), "lock")
		l, err := take(t.Context(), path, lockfile.Exclusive)
		must.Succeed(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if _, err := take(ctx, path, lockfile.Shared); err == nil ||
			!strings.Contains(err.Error(), "another call of this process") {
			t.Errorf("%s: got %v", key, err)
		}
		must.Succeed(t, l.Unlock())
	}
}

func awaitStopped(t *testing.T, pid int) {
	t.Helper()
	var status syscall.WaitStatus
	_, err := syscall.Wait4(pid, &status, syscall.WUNTRACED, nil)
	must.Succeed(t, err)
	if !status.Stopped() {
		t.Fatalf("process %d did not stop", pid)
	}
}

// A lock file is removed while one process holds its lock and another waits for it.
func TestARemovedFileDoesNotLetASecondIn(t *testing.T) {
	for key, take := range takers {
		t.Run(key, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "lock")
			other := startHolder(t, path, key, "exclusive")
			waited := make(chan held)
			go func() {
				l, err := take(t.Context(), path, lockfile.Exclusive)
				if err != nil {
					t.Error(err)
				}
				waited <- l
			}()
			awaitWaiter(t, path)
			must.Succeed(t, os.Remove(path))

			for range 2 {
				ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
				defer cancel()
				late, err := take(ctx, path, lockfile.Exclusive)
				if !errors.Is(err, lockfile.ErrBusy) ||
					!strings.Contains(err.Error(), fmt.Sprint("process ", other.process.Process.Pid)) {
					t.Errorf("beside the holder of the removed file: got %v, want %v", err, lockfile.ErrBusy)
				}
				must.Succeed(t, late.Unlock())
			}

			must.Succeed(t, os.WriteFile(path, nil, 0o600)) // somebody who takes no lock
			other.release(t)
			first := <-waited
			again, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			second, err := take(again, path, lockfile.Exclusive)
			if !errors.Is(err, lockfile.ErrBusy) {
				t.Errorf("beside the one that waited: got %v, want %v", err, lockfile.ErrBusy)
			}
			must.Succeed(t, second.Unlock())
			must.Succeed(t, first.Unlock())
		})
	}
}

// awaitWaiter returns when this process has the file open, too.
func awaitWaiter(t *testing.T, path string) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		fds, err := filepath.Glob("/proc/self/fd/*")
		must.Succeed(t, err)
		for _, fd := range fds {
			if link, _ := os.Readlink(fd); link == path {
				return
			}
		}
	}
	t.Fatal("nobody waits")
}
