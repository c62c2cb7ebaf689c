package lifecycle

import (
	"os"
	"testing"
	"time"

	"github.com/libcni/libcni/core/internal/attachments"
	"github.com/libcni/libcni/core/internal/host/netns"
	"github.com/libcni/libcni/core/internal/host/netns/netnstest"
	"github.com/libcni/libcni/core/internal/host/rtnl"
	"github.com/libcni/libcni/core/internal/kit/kittest"
)

// pair is an attachment with an interface pair, whose host's end is vethc1. No descriptor keeps the
// namespace at path.
func (r *rig) pair(path string) *attachments.Entry {
	r.t.Helper()
	kittest.Run(r.t, "ip", "link", "add", "vethc1", "type", "veth", "peer", "name", "eth0", "netns",
		path)
	entry := &attachments.Entry{Key: attachments.Key{Network: "web", ContainerID: "c1",
		IfName: "eth0"}, Netns: path, BootID: r.BootID, HostIfName: "vethc1"}

	ns, err := netns.Open(path, nil)
	kittest.Must(r.t, err)
	defer ns.Close()
	entry.Cookie, err = ns.Cookie(r.t.Context())
	kittest.Must(r.t, err)
	entry.Inode = ns.Inode()

	links := rtnl.NewSession(nil, r.Deleter)
	defer links.Close()
	host, err := links.Host(r.t.Context())
	kittest.Must(r.t, err)
	entry.HostCookie, err = host.NamespaceCookie()
	kittest.Must(r.t, err)
	return entry
}

// Whether a namespace exists is known without a path: from the kernel since Linux 6.18, otherwise
// from the host's end of the interface pair.
func TestNamespaceIsProvedGone(t *testing.T) {
	for _, test := range []struct {
		name    string
		change  func(t *testing.T, entry *attachments.Entry, path string)
		byPath  Presence // of the namespace, as the kernel knows it
		byLink  Presence
		noPairs Presence // if there is no interface pair either
	}{
		{"it exists", func(*testing.T, *attachments.Entry, string) {}, Living, Living, Unknown},
		{"it was deleted", func(t *testing.T, _ *attachments.Entry, path string) {
			kittest.Must(t, netns.Delete(t.Context(), path))
		}, Gone, Gone, Unknown},
		{"its path leads to another one", func(t *testing.T, _ *attachments.Entry, path string) {
			kittest.Must(t, netns.Delete(t.Context(), path))
			kittest.Must(t, netns.Create(t.Context(), path))
		}, Gone, Gone, Unknown},
		{"the link was deleted", func(t *testing.T, _ *attachments.Entry, _ string) {
			kittest.Run(t, "ip", "link", "delete", "vethc1")
		}, Living, Gone, Unknown},
		{"another host namespace", func(t *testing.T, entry *attachments.Entry, _ string) {
			entry.HostCookie++
			kittest.Run(t, "ip", "link", "delete", "vethc1")
		}, Living, Unknown, Unknown},
		{"an earlier boot", func(_ *testing.T, entry *attachments.Entry, _ string) {
			entry.BootID = "00000000-0000-4000-8000-000000000000"
		}, Gone, Gone, Gone},
		{"an unknown boot", func(_ *testing.T, entry *attachments.Entry, _ string) {
			entry.BootID = ""
		}, Unknown, Unknown, Unknown},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(t)
			path := netnstest.New(t)
			entry := r.pair(path)
			_, known := netns.Exists(entry.Cookie, entry.Inode)
			test.change(t, entry, path)

			prove := func(by string, want Presence) {
				got, err := r.prove(t.Context(), entry)
				if err != nil || got != want {
					t.Errorf("by %s: %v, %v; want %v", by, got, err, want)
				}
			}
			if known {
				prove("handle", test.byPath)
			}
			entry.Inode = 0
			prove("the host's link", test.byLink)
			entry.HostCookie = 0
			prove("nothing", test.noPairs)
		})
	}
}

// Entries of Go's libcni do not name their boot: the time of their file tells.
func TestEntryOfGoLibcniOfAnEarlierBoot(t *testing.T) {
	r := newRig(t)
	dir, err := os.MkdirTemp("/dev/shm", "libcni-boot-")
	kittest.Must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	for _, state := range []string{dir, dir + "/later"} {
		for modified, want := range map[time.Time]bool{
			time.Now(): false, time.Unix(1, 0): true, {}: false,
		} {
			m := *r.Manager
			m.StateDir = state
			entry := &attachments.Entry{ByGoLibcni: true, Modified: modified}
			if got := m.IsOfEarlierBoot(entry); got != want {
				t.Errorf("state in %s, file of %v: %v, want %v", state, modified, got, want)
			}
		}
	}
	m := *r.Manager
	m.StateDir = "/proc/self"
	if m.IsOfEarlierBoot(&attachments.Entry{ByGoLibcni: true, Modified: time.Unix(1, 0)}) {
		t.Error("a state directory that is on no tmpfs proves something")
	}
}
