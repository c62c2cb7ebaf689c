package lifecycle

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/libcni/libcni/core/internal/attachments"
	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/host/netns"
	"github.com/libcni/libcni/core/internal/host/netns/netnstest"
	"github.com/libcni/libcni/core/internal/kit/kittest"
)

func TestLocate(t *testing.T) {
	r := newRig(t)
	own, other := netnstest.New(t), netnstest.New(t)
	file := filepath.Join(t.TempDir(), "file")
	kittest.Must(t, os.WriteFile(file, nil, 0o600))
	entry := r.entry(own)
	earlier := *entry
	earlier.BootID = "00000000-0000-4000-8000-000000000000"

	hidden := Unknown // what is known of the namespace if no path leads to it
	if _, known := netns.Exists(entry.Cookie, entry.Inode); known {
		hidden = Living
	}

	for _, test := range []struct {
		name  string
		entry *attachments.Entry
		paths []string
		want  Presence
	}{
		{"no path", entry, nil, hidden},
		{"an empty path", entry, []string{""}, hidden},
		{"a path that does not exist", entry, []string{"/nowhere"}, hidden},
		{"a path below a file", entry, []string{file + "/ns"}, hidden},
		{"a relative path", entry, []string{"netns"}, hidden},
		{"a file", entry, []string{file}, hidden},
		{"the caller's namespace", entry, []string{"/proc/thread-self/ns/net"}, hidden},
		{"the namespace of another container", entry, []string{other}, hidden},
		{"another one, and nowhere", entry, []string{other, "/nowhere"}, hidden},
		{"its namespace", entry, []string{own}, Present},
		{"its namespace, by the second path", entry, []string{other, own}, Present},
		{"an entry of an earlier boot", &earlier, []string{own}, Gone},
	} {
		t.Run(test.name, func(t *testing.T) {
			netnstest.Host(t)
			var candidates []Candidate
			for _, path := range test.paths {
				candidates = append(candidates, Candidate{Path: path})
			}
			ns, got, err := r.Locate(t.Context(), test.entry, candidates...)
			if err != nil || got != test.want || (ns != nil) != (test.want == Present) {
				t.Errorf("presence %v, namespace %v, %v; want presence %v", got, ns, err, test.want)
			}
			ns.Close()
		})
	}
}

// An entry of Go's libcni has no cookie: the hardware address of its result must be found.
func TestLocateWithoutCookie(t *testing.T) {
	r := newRig(t)
	path := netnstest.New(t)
	addLink(t, path, "eth0")
	mac := macOfLink(t, path)
	for _, test := range []struct {
		name, result string
		want         Presence
	}{
		{"the same address", mac, Present},
		{"another address", "02:00:00:00:00:07", Unknown},
		{"no address recorded", "", Present},
	} {
		t.Run(test.name, func(t *testing.T) {
			netnstest.Host(t)
			entry := r.entry(path)
			entry.ByGoLibcni, entry.Cookie = true, 0
			entry.Result = []byte(`{"cniVersion":"1.1.0","interfaces":[` +
				`{"name":"eth0","mac":"` + test.result + `","sandbox":"/x"}]}`)
			ns, got, err := r.Locate(t.Context(), entry, Candidate{Path: path})
			if err != nil || got != test.want {
				t.Errorf("presence %v, %v; want %v", got, err, test.want)
			}
			ns.Close()
		})
	}
}

func TestNamespaceOpenedAheadIsTheOneThatIsUsed(t *testing.T) {
	r := newRig(t)
	path := netnstest.New(t)
	entry := r.entry(path)
	candidate := r.Prefetch(path, (*netns.Namespace).PrefetchCookie)
	kittest.Must(t, netns.Delete(t.Context(), path)) // the path leads nowhere from now on
	ns, got, err := r.Locate(t.Context(), entry, candidate)
	if err != nil || got != Present || ns != candidate.opened {
		t.Fatalf("presence %v, %v", got, err)
	}
	candidate.Close()
	if !closed(ns) {
		t.Error("the namespace stays open")
	}
	Candidate{Path: path}.Close()
}

// Without /proc a namespace may well exist.
func TestNamespaceErrorWithoutProc(t *testing.T) {
	e := fault.From(NamespaceError("/run/netns/x", fmt.Errorf("namespace: %w", netns.ErrNoProc)),
		fault.KindState)
	if e.Kind != fault.KindUnsupported || !strings.Contains(e.Msg, "/proc is not mounted") ||
		strings.Contains(e.Msg, "does not exist") {
		t.Errorf("%s: %s", e.Kind, e.Msg)
	}
}
