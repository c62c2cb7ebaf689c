package rig

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// Host is a machine of one test: a network namespace, which the test's thread is in, and a
// directory.
type Host struct {
	T   testing.TB
	Dir string
}

// NewHost moves the test to a network namespace of its own. Programs that it starts are there, too.
func NewHost(t testing.TB) *Host {
	t.Helper()
	Isolate(t)
	return &Host{T: t, Dir: t.TempDir()}
}

// Path returns the path of a file in the host's directory.
func (h *Host) Path(name string) string { return filepath.Join(h.Dir, name) }

// Write writes a file of the host, and makes the directories above it.
func (h *Host) Write(name, text string, mode os.FileMode) {
	h.T.Helper()
	Must(h.T, os.MkdirAll(filepath.Dir(h.Path(name)), 0o755))
	Must(h.T, os.WriteFile(h.Path(name), []byte(text), mode))
}

// Isolate moves the test's thread to a network namespace of its own, in which lo is up. The thread
// stays locked to the test and ends with it.
func Isolate(t testing.TB) {
	t.Helper()
	runtime.LockOSThread()
	if err := FreshNetwork(); err != nil {
		t.Fatalf("a network namespace for the test: %v; run with: go test -exec $PWD/test/isolate", err)
	}
}

// FreshNetwork moves the calling thread to a new network namespace and sets its lo up.
func FreshNetwork() error {
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return os.NewSyscallError("unshare", err)
	}
	return LoopbackUp()
}

// LoopbackUp sets lo up in the calling thread's namespace.
func LoopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	defer unix.Close(fd)
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	lo.SetUint16(unix.IFF_UP)
	return os.NewSyscallError("set lo up", unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, lo))
}

// OnThread runs a function on a thread that ends with it.
func OnThread(fn func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		done <- fn()
	}()
	return <-done
}

// Within runs a function on a thread in the namespace at a path, or on the caller's if it is empty.
// The path is one of the caller's mounts.
func Within(path string, fn func() error) error {
	if path == "" {
		return fn()
	}
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open %s: %w", path, err)
	}
	defer unix.Close(fd)
	return OnThread(func() error {
		if err := unix.Setns(fd, unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("setns %s: %w", path, err)
		}
		return fn()
	})
}

// NewNamespace makes a network namespace, which lasts as long as the test, and returns a path of
// it.
func NewNamespace(t testing.TB) string {
	t.Helper()
	var fd int
	Must(t, OnThread(func() (err error) {
		if err = FreshNetwork(); err != nil {
			return err
		}
		fd, err = unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		return err
	}))
	t.Cleanup(func() { unix.Close(fd) })
	return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), fd)
}

// IsolateMounts gives the test's thread, which is in a namespace already, mounts of its own: an
// empty /run, and a /sys that shows the network namespace.
func IsolateMounts(t testing.TB) {
	t.Helper()
	Must(t, os.NewSyscallError("unshare", unix.Unshare(unix.CLONE_NEWNS)))
	Must(t, unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""))
	Must(t, unix.Mount("tmpfs", "/run", "tmpfs", 0, "mode=755"))
	Must(t, unix.Mount("sysfs", "/sys", "sysfs", 0, ""))
}
