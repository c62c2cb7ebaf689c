package conformance

import (
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/libcni/libcni/test/rig"
)

// host is a host that a test attaches containers to.
type host struct{ *rig.Host }

func newHost(t testing.TB) *host { return &host{rig.NewHost(t)} }

// container makes a network namespace at a path below the host's directory.
func (h *host) container(name string) string {
	h.T.Helper()
	path := h.Path(name)
	rig.Must(h.T, os.WriteFile(path, nil, 0o600))
	var fd int
	rig.Must(h.T, rig.OnThread(func() (err error) {
		if err = rig.FreshNetwork(); err == nil {
			fd, err = unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		}
		return err
	}))
	defer unix.Close(fd)
	if err := unix.Mount(fmt.Sprint("/proc/self/fd/", fd), path, "", unix.MS_BIND, ""); err != nil {
		h.T.Fatalf("namespace %s: %v", path, err)
	}
	h.T.Cleanup(func() { h.vanish(path) })
	return path
}

// vanish removes a namespace and its path. It may be gone already.
func (h *host) vanish(path string) {
	h.T.Helper()
	err := unix.Unmount(path, unix.MNT_DETACH)
	if err == nil || errors.Is(err, unix.EINVAL) {
		err = os.Remove(path)
	}
	if err != nil && !errors.Is(err, unix.ENOENT) {
		h.T.Errorf("remove namespace %s: %v", path, err)
	}
}

// links returns the names of the interfaces in a namespace, lo and those left out aside, sorted.
func (h *host) links(netns string, but ...string) []string {
	h.T.Helper()
	names := []string{}
	err := rig.Within(netns, func() error {
		all, err := net.Interfaces()
		for _, i := range all {
			if i.Name != "lo" && !slices.Contains(but, i.Name) {
				names = append(names, i.Name)
			}
		}
		return err
	})
	if err != nil {
		h.T.Fatal(err)
	}
	slices.Sort(names)
	return names
}

// files returns the names in a directory, those left out aside. The result is empty for a directory
// that is not there.
func (h *host) files(dir string, but ...string) []string {
	h.T.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil && !os.IsNotExist(err) {
		h.T.Fatal(err)
	}
	names := []string{}
	for _, entry := range entries {
		if !slices.Contains(but, entry.Name()) {
			names = append(names, entry.Name())
		}
	}
	return names
}
