package conformance

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

// host is a network namespace that serves as a test's machine, and a directory for everything in it. The test's
// goroutine stays in the namespace; programs it starts are there, too.
type host struct {
	t   testing.TB
	dir string
}

func newHost(t testing.TB) *host {
	t.Helper()
	runtime.LockOSThread() // and never unlocked: the thread and with it the namespace end with the test
	if err := freshNetwork(); err != nil {
		t.Fatalf("%v; run with: go test -exec $PWD/test/isolate ./test/conformance", err)
	}
	return &host{t: t, dir: t.TempDir()}
}

func (h *host) path(name string) string { return filepath.Join(h.dir, name) }

// freshNetwork moves the calling thread to a new network namespace and takes its lo up.
func freshNetwork() error {
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return os.NewSyscallError("unshare", err)
	}
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
	return os.NewSyscallError("take lo up", unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, lo))
}

// container makes a network namespace at a path below the host's directory.
func (h *host) container(name string) string {
	h.t.Helper()
	path := h.path(name)
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		h.t.Fatal(err)
	}
	err := onThread(func() error {
		if err := freshNetwork(); err != nil {
			return err
		}
		return unix.Mount("/proc/thread-self/ns/net", path, "", unix.MS_BIND, "")
	})
	if err != nil {
		h.t.Fatalf("namespace %s: %v", path, err)
	}
	h.t.Cleanup(func() { h.vanish(path) })
	return path
}

// vanish removes a namespace and its path. That there is none is fine.
func (h *host) vanish(path string) {
	h.t.Helper()
	err := unix.Unmount(path, unix.MNT_DETACH)
	if err == nil || errors.Is(err, unix.EINVAL) {
		err = os.Remove(path)
	}
	if err != nil && !errors.Is(err, unix.ENOENT) {
		h.t.Errorf("remove namespace %s: %v", path, err)
	}
}

// onThread runs fn on a thread that ends with it.
func onThread(fn func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		done <- fn()
	}()
	return <-done
}

// within runs fn on a thread in the namespace at path, or where the caller is if path is "".
func within(path string, fn func() error) error {
	if path == "" {
		return fn()
	}
	return onThread(func() error {
		fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			return os.NewSyscallError("open "+path, err)
		}
		defer unix.Close(fd)
		if err := unix.Setns(fd, unix.CLONE_NEWNET); err != nil {
			return os.NewSyscallError("setns "+path, err)
		}
		return fn()
	})
}

// links returns the names of the interfaces in a namespace, lo and those left out aside, sorted.
func (h *host) links(netns string, but ...string) []string {
	h.t.Helper()
	names := []string{}
	err := within(netns, func() error {
		all, err := net.Interfaces()
		for _, i := range all {
			if i.Name != "lo" && !slices.Contains(but, i.Name) {
				names = append(names, i.Name)
			}
		}
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
	slices.Sort(names)
	return names
}

// files returns the names in a directory, those left out aside. There are none in a directory that is not there.
func (h *host) files(dir string, but ...string) []string {
	h.t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil && !os.IsNotExist(err) {
		h.t.Fatal(err)
	}
	names := []string{}
	for _, entry := range entries {
		if !slices.Contains(but, entry.Name()) {
			names = append(names, entry.Name())
		}
	}
	return names
}
