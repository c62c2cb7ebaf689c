package lifecycle

import (
	"net"
	"strings"
	"testing"

	"github.com/libcni/libcni/core/internal/attachments"
	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/host/netns/netnstest"
	"github.com/libcni/libcni/core/internal/host/rtnl"
	"github.com/libcni/libcni/core/internal/kit/kittest"
)

// macOfLink returns the hardware address of eth0 in the namespace at path.
func macOfLink(t *testing.T, path string) string {
	t.Helper()
	links := rtnl.NewSession(netnstest.Open(t, path), nil)
	defer links.Close()
	link, err := containerLink(t.Context(), links, "eth0")
	kittest.Must(t, err)
	return net.HardwareAddr(link.MAC).String()
}

// store makes an attachment of a chain with an interface known.
func (r *rig) store(path, containerID string) {
	r.t.Helper()
	entry := r.entry(path)
	entry.ContainerID, entry.Config, entry.Owner = containerID, network(r.t, "interface").Raw, "me"
	kittest.Must(r.t, r.Store.Commit(entry))
}

func TestTakenLinkIsRefused(t *testing.T) {
	for _, test := range []struct {
		name     string
		types    []string
		owner    string // of the link, "" for unknown
		existing string
		kind     fault.Kind
	}{
		{"by a known attachment", []string{"interface"}, "c2", "c2", fault.KindExists},
		{"by something unknown", []string{"interface"}, "", "", fault.KindExists},
		{"a chain without an interface of its own", []string{"a"}, "c2", "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(t)
			path := netnstest.New(t)
			addLink(t, path, "eth0")
			if test.owner != "" {
				r.store(path, test.owner)
			}
			request := r.request(path, test.types...)
			_, err := r.Attach(t.Context(), r.lock(request.Key), request)
			if test.kind == "" {
				kittest.Must(t, err)
				return
			}
			e := fault.From(err, fault.KindState)
			if e == nil || e.Kind != test.kind || (e.Existing != nil) != (test.existing != "") ||
				r.commands() != "" {
				t.Fatalf("error %+v", e)
			}
			if e.Existing != nil && e.Existing.ContainerID != test.existing {
				t.Errorf("existing %+v", e.Existing)
			}
		})
	}
}

// A repeated DEL leaves the interface of another container alone, and what its request says stays
// as it was.
func TestDetachUnknownInTheNamespaceOfAnother(t *testing.T) {
	r := newRig(t)
	path := netnstest.New(t)
	addLink(t, path, "eth0")
	r.store(path, "c2")
	key := attachments.Key{Network: "web", ContainerID: "c1", IfName: "eth0"}
	overrides := &Overrides{Config: network(t, "interface"), Netns: Candidate{Path: path}}
	kittest.Must(t, r.DetachUnknown(t.Context(), r.lock(key), key, overrides, false))
	if got := r.commands(); got != "interface.DEL" || r.last.NetnsPath != "" || r.last.Netns != nil {
		t.Errorf("ran %s with namespace %q", got, r.last.NetnsPath)
	}
	if overrides.Netns.Path != path {
		t.Errorf("the request was changed: %+v", overrides)
	}
	if len(r.warned) != 1 || !strings.Contains(r.warned[0], "c2") {
		t.Errorf("warnings: %q", r.warned)
	}
}

func TestDetachUnknownRefusesTheCallersNamespace(t *testing.T) {
	r := newRig(t)
	key := attachments.Key{Network: "web", ContainerID: "c1", IfName: "eth0"}
	overrides := &Overrides{Config: network(t, "a"),
		Netns: Candidate{Path: "/proc/thread-self/ns/net"}}
	err := r.DetachUnknown(t.Context(), r.lock(key), key, overrides, false)
	if e := fault.From(err, fault.KindState); e == nil || e.Kind != fault.KindNotANamespace ||
		r.commands() != "" {
		t.Errorf("error %+v", e)
	}
}
