package core

import (
	"testing"

	"github.com/libcni/libcni/core/internal/attachments"
	"github.com/libcni/libcni/core/internal/host/boot"
	"github.com/libcni/libcni/core/internal/host/netns/netnstest"
)

// old makes an attachment look older than the time for which GC leaves attachments alone.
func (b *bench) old(containerID string) {
	b.t.Helper()
	store := attachments.Open(b.dir+"/cache", b.dir+"/run")
	entries, err := store.ByContainer(containerID, "")
	if err != nil || len(entries) == 0 {
		b.t.Fatalf("%s: %d entries, %v", containerID, len(entries), err)
	}
	for _, entry := range entries {
		entry.Created -= 2 * freshness
		if err := store.Commit(entry); err != nil {
			b.t.Fatal(err)
		}
	}
}

func (b *bench) attach(network object, containerID, owner string) string {
	b.t.Helper()
	ns := netnstest.New(b.t)
	b.must("add", object{"network": network, "containerId": containerID, "netns": ns, "options": object{"owner": owner}})
	return ns
}

func TestGCRemovesOnlyWhatItMay(t *testing.T) {
	b := newBench(t)
	network := b.bridgeNet("web")
	b.attach(network, "kept", "me")
	b.attach(network, "dropped", "me")
	b.attach(network, "others", "somebody")
	b.attach(network, "young", "me")
	for _, id := range []string{"kept", "dropped", "others"} {
		b.old(id)
	}
	gc := object{
		"network": network, "validAttachments": []any{object{"containerId": "kept", "ifName": "eth0"}},
		"asOf": b.must("attachments", object{})["asOf"], "dryRun": true, "options": object{"owner": "me"},
	}
	want := []any{object{"network": "web", "containerId": "dropped", "ifName": "eth0"}}
	for _, dryRun := range []bool{true, false} {
		gc["dryRun"] = dryRun
		removed := b.must("gc", gc)["removed"].([]any)
		if len(removed) != 1 || removed[0].(object)["containerId"] != "dropped" {
			t.Errorf("dryRun %v removed %v, want %v", dryRun, removed, want)
		}
		if list := b.must("attachments", object{"containerId": "dropped"})["attachments"].([]any); (len(list) == 1) != dryRun {
			t.Errorf("dryRun %v: attachments %v", dryRun, list)
		}
	}
	if got := b.leases("web"); got != "10.88.0.2 10.88.0.4 10.88.0.5" {
		t.Errorf("leases: %s", got)
	}
	for _, id := range []string{"kept", "others", "young"} {
		b.must("check", object{"containerId": id})
	}
}

func TestGCNeverRemovesWhatIsNewerThanItsList(t *testing.T) {
	b := newBench(t)
	network := b.bridgeNet("web")
	b.attach(network, "newer", "libcni")
	b.old("newer")
	now, err := boot.Now()
	if err != nil {
		t.Fatal(err)
	}
	bootID, err := boot.ID()
	if err != nil {
		t.Fatal(err)
	}
	asOf := attachments.AsOf{BootID: bootID, Now: now - 3*freshness}.String()
	if removed := b.must("gc", object{"network": network, "validAttachments": []any{}, "asOf": asOf})["removed"].([]any); len(removed) != 0 {
		t.Errorf("removed %v", removed)
	}
	b.must("check", object{"containerId": "newer"})
}

func TestGCFinishesAnIncompleteAdd(t *testing.T) {
	b := newBench(t)
	b.recorder("second")
	ns := netnstest.New(t)
	network := b.bridgeNet("web", object{"type": "second", "fail": "ADD"})
	b.fails("plugin-failed", "add", object{"network": network, "containerId": "c1", "netns": ns, "options": object{"rollback": false}})
	asOf := b.must("attachments", object{})["asOf"]
	removed := b.must("gc", object{"network": network, "validAttachments": []any{object{"containerId": "c1"}}, "asOf": asOf})["removed"].([]any)
	if len(removed) != 1 {
		t.Errorf("removed %v", removed)
	}
	if got := links(t) + "|" + linksIn(t, ns) + "|" + b.leases("web") + "|" + b.stateFiles(); got != "br-web|||" {
		t.Errorf("left behind: %s", got)
	}
}

func TestGCRemovesAttachmentsWhoseNamespaceIsAnother(t *testing.T) {
	b := newBench(t)
	network := b.bridgeNet("web")
	ns := b.attach(network, "c1", "libcni")
	b.must("netns.delete", object{"path": ns})
	b.must("netns.create", object{"path": ns})
	asOf := b.must("attachments", object{})["asOf"]
	removed := b.must("gc", object{"network": network, "validAttachments": []any{object{"containerId": "c1"}}, "asOf": asOf})["removed"].([]any)
	if len(removed) != 1 || b.leases("web") != "" {
		t.Errorf("removed %v, leases %s", removed, b.leases("web"))
	}
}

func TestGCAsksEveryPluginWithBothSpellings(t *testing.T) {
	b := newBench(t)
	b.recorder("first")
	network := object{"cniVersion": "1.1.0", "name": "n", "plugins": []any{object{"type": "first"}}}
	b.must("gc", object{"network": network, "validAttachments": []any{object{"containerId": "c1", "ifName": "net1"}}, "asOf": b.must("attachments", object{})["asOf"]})
	request := b.request("0.first.GC")
	want := []any{object{"containerID": "c1", "ifname": "net1"}}
	for _, key := range []string{"cni.dev/valid-attachments", "cni.dev/attachments"} {
		if got, ok := request[key].([]any); !ok || len(got) != 1 || got[0].(object)["containerID"] != "c1" || got[0].(object)["ifname"] != "net1" {
			t.Errorf("%s: %v, want %v", key, request[key], want)
		}
	}
}

func TestGCNeedsBothValidAttachmentsAndAsOf(t *testing.T) {
	b := newBench(t)
	asOf := b.must("attachments", object{})["asOf"]
	network := b.bridgeNet("web")
	for key, request := range map[string]object{
		"validAttachments": {"network": network, "asOf": asOf},
		"asOf":             {"network": network, "validAttachments": []any{}},
		"network":          {"validAttachments": []any{}, "asOf": asOf},
	} {
		if e := b.fails("invalid-request", "gc", request); e["details"] != key {
			t.Errorf("without %s: details %v", key, e["details"])
		}
	}
	if e := b.fails("invalid-request", "gc", object{"network": network, "validAttachments": []any{}, "asOf": "yesterday"}); e["details"] != "asOf" {
		t.Errorf("bad asOf: %v", e)
	}
}

func TestDisableGCDoesNothing(t *testing.T) {
	b := newBench(t)
	network := b.bridgeNet("web")
	b.attach(network, "c1", "libcni")
	b.old("c1")
	network["disableGC"] = true
	asOf := b.must("attachments", object{})["asOf"]
	if removed := b.must("gc", object{"network": network, "validAttachments": []any{}, "asOf": asOf})["removed"].([]any); len(removed) != 0 {
		t.Errorf("removed %v", removed)
	}
	b.must("check", object{"containerId": "c1"})
}
