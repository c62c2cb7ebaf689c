package core

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/libcni/libcni/core/internal/attachments"
	"github.com/libcni/libcni/core/internal/host/boot"
	"github.com/libcni/libcni/core/internal/host/netns/netnstest"
	"github.com/libcni/libcni/core/internal/must"
)

// age makes an attachment older than freshness.
func (h *testHost) age(containerID string) {
	h.t.Helper()
	store := attachments.Open(h.dir+"/cache", h.dir+"/run")
	entries, _, err := store.ByContainer(containerID, "")
	if err != nil || len(entries) == 0 {
		h.t.Fatalf("%s: %d entries, %v", containerID, len(entries), err)
	}
	for _, entry := range entries {
		entry.Created -= 2 * freshness
		if err := store.Commit(entry); err != nil {
			h.t.Fatal(err)
		}
	}
}

func (h *testHost) attach(network object, containerID, owner string) string {
	h.t.Helper()
	ns := netnstest.New(h.t)
	h.must("add", object{"network": network, "containerId": containerID, "netns": ns,
		"options": object{"owner": owner}})
	return ns
}

func TestGCRemovesOnlyWhatItMay(t *testing.T) {
	h := newTestHost(t)
	network := h.bridgeNet("web")
	h.attach(network, "kept", "me")
	h.attach(network, "dropped", "me")
	h.attach(network, "others", "somebody")
	h.attach(network, "young", "me")
	for _, id := range []string{"kept", "dropped", "others"} {
		h.age(id)
	}
	gc := object{
		"network": network, "validAttachments": []any{object{"containerId": "kept", "ifName": "eth0"}},
		"asOf": h.must("attachments", object{})["asOf"], "dryRun": true, "options": object{"owner": "me"},
	}
	want := []any{object{"network": "web", "containerId": "dropped", "ifName": "eth0"}}
	for _, dryRun := range []bool{true, false} {
		gc["dryRun"] = dryRun
		removed := h.must("gc", gc)["removed"].([]any)
		if len(removed) != 1 || removed[0].(object)["containerId"] != "dropped" {
			t.Errorf("dryRun %v removed %v, want %v", dryRun, removed, want)
		}
		if list := h.must("attachments",
			object{"containerId": "dropped"})["attachments"].([]any); (len(list) == 1) != dryRun {
			t.Errorf("dryRun %v: attachments %v", dryRun, list)
		}
	}
	if got := h.leases("web"); got != "10.88.0.2 10.88.0.4 10.88.0.5" {
		t.Errorf("leases: %s", got)
	}
	for _, id := range []string{"kept", "others", "young"} {
		h.must("check", object{"containerId": id})
	}
}

func TestGCNeverRemovesWhatIsNewerThanItsList(t *testing.T) {
	h := newTestHost(t)
	network := h.bridgeNet("web")
	h.attach(network, "newer", "libcni")
	h.age("newer")
	now, err := new(boot.Clock).Now()
	if err != nil {
		t.Fatal(err)
	}
	bootID, err := boot.ID()
	if err != nil {
		t.Fatal(err)
	}
	asOf := attachments.AsOf{BootID: bootID, Now: now - 3*freshness}.String()
	if removed := h.must("gc", object{"network": network, "validAttachments": []any{},
		"asOf": asOf})["removed"].([]any); len(removed) != 0 {
		t.Errorf("removed %v", removed)
	}
	h.must("check", object{"containerId": "newer"})
}

func TestGCFinishesAnIncompleteAdd(t *testing.T) {
	h := newTestHost(t)
	h.recorder("second")
	ns := netnstest.New(t)
	network := h.bridgeNet("web", object{"type": "second", "fail": "ADD"})
	h.fails("plugin-failed", "add", object{"network": network, "containerId": "c1", "netns": ns,
		"options": object{"rollback": false}})
	asOf := h.must("attachments", object{})["asOf"]
	removed := h.must("gc", object{"network": network,
		"validAttachments": []any{object{"containerId": "c1"}}, "asOf": asOf})["removed"].([]any)
	if len(removed) != 1 {
		t.Errorf("removed %v", removed)
	}
	if got := h.remains(ns); got != "br-web|||" {
		t.Errorf("left behind: %s", got)
	}
}

// What a path leads to depends on the caller's PID namespace, and process IDs are used again: the
// caller knows that a listed attachment exists. Only another boot proves that it does not.
func TestGCKeepsListedAttachmentsWhateverTheirPathLeadsTo(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(h *testHost, ns string)
		kept   bool
	}{
		{"its namespace", func(*testHost, string) {}, true},
		{"another namespace", func(h *testHost, ns string) {
			h.must("netns.delete", object{"path": ns})
			h.must("netns.create", object{"path": ns})
		}, true},
		{"nowhere", func(h *testHost, ns string) { h.must("netns.delete", object{"path": ns}) }, true},
		{"another namespace, hidden from the caller", func(h *testHost, ns string) {
			elsewhere := fmt.Sprintf("/proc/%d/ns/net", startProcess(h.t).Pid)
			h.rewrite("cache/results/web-c1-eth0", func(entry string) string {
				return strings.ReplaceAll(entry, ns, elsewhere)
			})
		}, true},
		{"its namespace, of an earlier boot", func(h *testHost, _ string) {
			h.rewrite("cache/results/web-c1-eth0", func(entry string) string {
				return regexp.MustCompile(`"bootId":"[^"]+"`).ReplaceAllString(entry,
					`"bootId":"00000000-0000-4000-8000-000000000000"`)
			})
		}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := newTestHost(t)
			network := h.bridgeNet("web")
			ns := h.attach(network, "c1", "libcni")
			test.change(h, ns)
			asOf := h.must("attachments", object{})["asOf"]
			removed := h.must("gc", object{"network": network, "asOf": asOf,
				"validAttachments": []any{object{"containerId": "c1", "ifName": "eth0"}}})["removed"].([]any)
			if kept := len(removed) == 0 && h.leases("web") != ""; kept != test.kept {
				t.Errorf("removed %v, leases %s", removed, h.leases("web"))
			}
		})
	}
}

// The same evidence decides what the state of an attachment is.
func TestStateOfAnAttachmentThatNoPathLeadsTo(t *testing.T) {
	h := newTestHost(t)
	ns := h.attach(h.bridgeNet("web"), "c1", "libcni")
	state := func() any {
		t.Helper()
		return h.must("attachments", object{})["attachments"].([]any)[0].(object)["state"]
	}
	elsewhere := fmt.Sprintf("/proc/%d/ns/net", startProcess(t).Pid)
	h.rewrite("cache/results/web-c1-eth0", func(entry string) string {
		return strings.ReplaceAll(entry, ns, elsewhere)
	})
	if got := state(); got != "attached" {
		t.Errorf("its namespace lives: %v", got)
	}
	h.must("netns.delete", object{"path": ns})
	if got := state(); got != "stale" {
		t.Errorf("its namespace is gone: %v", got) // the call waits for the kernel to destroy it
	}
	h.rewrite("cache/results/web-c1-eth0", func(entry string) string {
		return regexp.MustCompile(`"(netnsInode|hostNetnsCookie)":\d+,`).ReplaceAllString(entry, "")
	})
	if got := state(); got != "unknown" {
		t.Errorf("nothing proves that it is gone: %v", got)
	}
	h.fails("exists", "add", object{"network": h.bridgeNet("web"), "containerId": "c1",
		"netns": netnstest.New(t)})
	h.must("del", object{"containerId": "c1"})
}

func TestGCAsksEveryPluginWithBothSpellings(t *testing.T) {
	h := newTestHost(t)
	h.recorder("first")
	network := object{"cniVersion": "1.1.0", "name": "n", "plugins": []any{object{"type": "first"}}}
	h.must("gc", object{"network": network, "validAttachments": []any{object{"containerId": "c1",
		"ifName": "net1"}}, "asOf": h.must("attachments", object{})["asOf"]})
	request := h.request("0.first.GC")
	want := []any{object{"containerID": "c1", "ifname": "net1"}}
	for _, key := range []string{"cni.dev/valid-attachments", "cni.dev/attachments"} {
		if got, ok := request[key].([]any); !ok || len(got) != 1 ||
			got[0].(object)["containerID"] != "c1" || got[0].(object)["ifname"] != "net1" {
			t.Errorf("%s: %v, want %v", key, request[key], want)
		}
	}
}

func TestGCNeedsBothValidAttachmentsAndAsOf(t *testing.T) {
	h := newTestHost(t)
	asOf := h.must("attachments", object{})["asOf"]
	network := h.bridgeNet("web")
	for key, request := range map[string]object{
		"validAttachments": {"network": network, "asOf": asOf},
		"asOf":             {"network": network, "validAttachments": []any{}},
		"network":          {"validAttachments": []any{}, "asOf": asOf},
	} {
		if e := h.fails("invalid-request", "gc", request); e["details"] != key {
			t.Errorf("without %s: details %v", key, e["details"])
		}
	}
	if e := h.fails("invalid-request", "gc", object{"network": network, "validAttachments": []any{},
		"asOf": "yesterday"}); e["details"] != "asOf" {
		t.Errorf("bad asOf: %v", e)
	}
}

// An element that names no attachment is an attachment that the caller meant to keep.
func TestGCRefusesElementsThatNameNoAttachment(t *testing.T) {
	h := newTestHost(t)
	network := h.bridgeNet("web")
	h.attach(network, "c1", "libcni")
	h.age("c1")
	good := object{"containerId": "c1", "ifName": "eth0"}
	for name, list := range map[string][]any{
		"null": {nil}, "an empty object": {object{}}, "an interface alone": {object{"ifName": "eth0"}},
		"an empty identifier": {object{"containerId": "", "ifName": "eth0"}},
		"one of several":      {good, object{"ifName": "eth0"}},
		"not an identifier":   {object{"containerId": "../c1", "ifName": "eth0"}},
	} {
		e := h.fails("invalid-request", "gc", object{"network": network, "validAttachments": list,
			"asOf": h.must("attachments", object{})["asOf"]})
		want := fmt.Sprintf("validAttachments[%d].containerId", len(list)-1)
		if e["details"] != want {
			t.Errorf("%s: details %v, want %s", name, e["details"], want)
		}
	}

	e := h.fails("invalid-request", "gc", object{"network": network,
		"validAttachments": []any{object{"containerId": "c1", "ifName": "eth0/"}},
		"asOf":             h.must("attachments", object{})["asOf"]})
	if e["details"] != "validAttachments[0].ifName" {
		t.Errorf("an interface with an impossible name: details %v", e["details"])
	}
	h.must("check", object{"containerId": "c1"})
}

// The cache entry of Go's libcni states no time: its file has one.
func TestGCKeepsYoungAndNewerAttachmentsOfGoLibcni(t *testing.T) {
	for _, test := range []struct {
		name string
		age  time.Duration // of the file
		asOf time.Duration // ago
		kept bool
	}{
		{"made just now, after the list", 0, 10 * time.Second, true},
		{"made just now, before the list", time.Second, 0, true},
		{"newer than an old list", 3 * freshness, 4 * freshness, true},
		{"old", 3 * freshness, 0, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := newTestHost(t)
			network := h.bridgeNet("web")
			h.attach(network, "c1", "libcni")
			h.rewrite("cache/results/web-c1-eth0", func(entry string) string {
				return strings.Replace(entry, `"libcni":{`, `"other":{`, 1)
			})
			modified := time.Now().Add(-test.age)
			err := os.Chtimes(h.dir+"/cache/results/web-c1-eth0", modified, modified)
			must.Succeed(t, err)

			asOf, err := attachments.ParseAsOf(h.must("attachments", object{})["asOf"].(string))
			must.Succeed(t, err)
			asOf.Now, asOf.Wall = asOf.Now-test.asOf, asOf.Wall.Add(-test.asOf)
			removed := h.must("gc", object{"network": network, "validAttachments": []any{},
				"asOf": asOf.String(), "options": object{"owner": "*"}})["removed"].([]any)
			if kept := len(removed) == 0 && h.leases("web") != ""; kept != test.kept {
				t.Errorf("removed %v, leases %q", removed, h.leases("web"))
			}
		})
	}
}

// Entries of Debian's podman 4.3 and containerd 1.6 have no netns: the result has the path.
func TestStateOfAttachmentsWithoutNetns(t *testing.T) {
	h := newTestHost(t)
	ns := h.attach(h.bridgeNet("web"), "c1", "libcni")
	h.rewrite("cache/results/web-c1-eth0", func(entry string) string {
		entry = strings.Replace(entry, `"libcni":{`, `"other":{`, 1)
		return strings.Replace(entry, fmt.Sprintf(`"netns":%q,`, ns), "", 1)
	})
	list := func() object {
		t.Helper()
		return h.must("attachments", object{})["attachments"].([]any)[0].(object)
	}
	if got := list(); got["state"] != "attached" || got["netns"] != ns {
		t.Errorf("the namespace exists: %v at %v", got["state"], got["netns"])
	}
	h.rewrite("cache/results/web-c1-eth0", func(entry string) string {
		return strings.ReplaceAll(entry, ns, "/nowhere")
	})
	if got := list(); got["state"] != "unknown" {
		t.Errorf("its path leads nowhere: %v", got["state"])
	}
	h.rewrite("cache/results/web-c1-eth0", func(entry string) string {
		return strings.ReplaceAll(entry, `"sandbox":"/nowhere"`, `"x":1`)
	})
	if got := list(); got["state"] != "unknown" || got["netns"] != "" {
		t.Errorf("no path at all: %v at %v", got["state"], got["netns"])
	}
}

func TestDisableGCDoesNothing(t *testing.T) {
	h := newTestHost(t)
	network := h.bridgeNet("web")
	h.attach(network, "c1", "libcni")
	h.age("c1")
	network["disableGC"] = true
	asOf := h.must("attachments", object{})["asOf"]
	if removed := h.must("gc", object{"network": network, "validAttachments": []any{},
		"asOf": asOf})["removed"].([]any); len(removed) != 0 {
		t.Errorf("removed %v", removed)
	}
	h.must("check", object{"containerId": "c1"})
}
