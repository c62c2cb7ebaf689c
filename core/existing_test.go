package core

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/libcni/libcni/core/internal/attachments"
	"github.com/libcni/libcni/core/internal/host/netns/netnstest"
)

func TestSecondAddIsRefusedAndShowsTheFirst(t *testing.T) {
	b := newBench(t)
	add := object{"network": b.bridgeNet("web"), "containerId": "c1", "netns": netnstest.New(t)}
	first := b.must("add", add)
	e := b.fails("exists", "add", add)
	existing := e["existing"].(object)
	if existing["containerId"] != "c1" || existing["result"].(object)["cniVersion"] != first["cniVersion"] {
		t.Errorf("existing: %v", existing)
	}
	b.must("check", add)
}

func TestReplaceAttachesAnew(t *testing.T) {
	b := newBench(t)
	ns := netnstest.New(t)
	add := object{"network": b.bridgeNet("web"), "containerId": "c1", "netns": ns}
	b.must("add", add)
	add["options"] = object{"onExisting": "replace"}
	b.must("add", add)
	b.must("check", add)
	if got := b.leases("web"); got != "10.88.0.3" {
		t.Errorf("leases: %s", got)
	}
}

func TestAddWithoutCacheLeavesARunningContainerAsItWas(t *testing.T) {
	b := newBench(t)
	ns := netnstest.New(t)
	add := object{"network": b.bridgeNet("web"), "containerId": "c1", "netns": ns}
	b.must("add", add)
	if err := os.RemoveAll(filepath.Join(b.dir, "cache")); err != nil {
		t.Fatal(err)
	}
	before := links(t) + "|" + linksIn(t, ns) + "|" + b.leases("web")
	b.fails("exists", "add", add)
	if after := links(t) + "|" + linksIn(t, ns) + "|" + b.leases("web"); after != before {
		t.Errorf("before %s\nafter  %s", before, after)
	}
}

func TestTakenInterfaceIsNoticedBeforeAnyPluginRuns(t *testing.T) {
	b := newBench(t)
	b.recorder("first")
	ns := netnstest.New(t)
	b.must("add", object{"network": b.bridgeNet("web"), "containerId": "c1", "netns": ns})
	other := object{"cniVersion": "1.1.0", "name": "other", "plugins": []any{object{"type": "first"}}}
	b.fails("exists", "add", object{"network": other, "containerId": "c1", "netns": ns})
	if got := b.recorded(); len(got) != 0 {
		t.Errorf("the plugin was asked: %v", got)
	}
}

func TestAttachmentIsOneCallsAtATime(t *testing.T) {
	b := newBench(t)
	add := object{"network": b.bridgeNet("web"), "containerId": "c1", "netns": netnstest.New(t)}
	store := attachments.Open(filepath.Join(b.dir, "cache"), filepath.Join(b.dir, "run"))
	held, err := store.Lock(t.Context(), attachments.Key{Network: "web", ContainerID: "c1", IfName: "eth0"})
	if err != nil {
		t.Fatal(err)
	}
	defer held.Unlock()
	add["options"] = object{"timeoutMs": 100}
	b.fails("busy", "add", add)
	b.fails("busy", "del", add)
	if got := links(t) + "|" + b.stateFiles(); got != "|" {
		t.Errorf("while another call had it: %s", got)
	}
	held.Unlock()
	add["options"] = object{}
	b.must("add", add)
}

func TestAddAfterTheNamespaceWasReplacedStartsAnew(t *testing.T) {
	b := newBench(t)
	ns := netnstest.New(t)
	add := object{"network": b.bridgeNet("web"), "containerId": "c1", "netns": ns}
	b.must("add", add)
	b.must("netns.delete", object{"path": ns})
	b.must("netns.create", object{"path": ns})
	b.must("add", add)
	b.must("check", add)
	if got := b.leases("web"); got != "10.88.0.3" {
		t.Errorf("leases: %s", got)
	}
}

// Cookies of namespaces are counted anew at each boot, so the same one may be another namespace's.
func TestAttachmentOfAnEarlierBootIsGone(t *testing.T) {
	b := newBench(t)
	add := object{"network": b.bridgeNet("web"), "containerId": "c1", "netns": netnstest.New(t)}
	b.must("add", add)
	b.rewrite("cache/results/web-c1-eth0", func(entry string) string {
		return regexp.MustCompile(`"bootId":"[^"]+"`).ReplaceAllString(entry, `"bootId":"00000000-0000-4000-8000-000000000000"`)
	})
	list := b.must("attachments", object{})["attachments"].([]any)
	if len(list) != 1 || list[0].(object)["state"] != "stale" {
		t.Errorf("attachments: %v", list)
	}
	b.must("add", add) // anew, not "exists"
	b.must("check", add)
}

// What is no JSON that can be passed on does not keep the others from being listed.
func TestAttachmentsWithoutWhatCannotBeShown(t *testing.T) {
	for name, damage := range map[string][2]string{
		"a name twice":         {`"cniVersion":"1.1.0"`, `"cniVersion":"1.1.0","cniVersion":"1.1.0"`},
		"not UTF-8":            {`"cniVersion":"1.1.0"`, "\"cniVersion\":\"1.1.0\",\"x\":\"\xff\""},
		"half a character":     {`"cniVersion":"1.1.0"`, `"cniVersion":"1.1.0","x":"\ud800"`},
		"a capability's value": {`"mac":"02:00:00:00:00:07"`, `"mac":{"a":1,"a":2}`},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			network := b.bridgeNet("web")
			network["plugins"].([]any)[0].(object)["capabilities"] = object{"mac": true}
			add := object{"network": network, "containerId": "c1", "netns": netnstest.New(t), "capabilityArgs": object{"mac": "02:00:00:00:00:07"}}
			b.must("add", add)
			b.rewrite("cache/results/web-c1-eth0", func(entry string) string { return strings.Replace(entry, damage[0], damage[1], 1) })
			list := b.must("attachments", object{})["attachments"].([]any)
			if len(list) != 1 || list[0].(object)["containerId"] != "c1" {
				t.Errorf("attachments: %v", list)
			}
			b.fails("exists", "add", add)
			b.must("del", add)
			if left := b.leases("web"); left != "" {
				t.Errorf("leases: %s", left)
			}
		})
	}
}

// A path such as /proc/PID/ns/net is used again by another container when the pid is.
func TestPathThatNowLeadsToAnotherContainer(t *testing.T) {
	for _, verb := range []string{"del", "gc"} {
		t.Run(verb, func(t *testing.T) {
			b := newBench(t)
			path := netnstest.New(t)
			network := b.bridgeNet("web")
			b.must("add", object{"network": network, "containerId": "old", "netns": path})
			b.must("netns.delete", object{"path": path})
			b.must("netns.create", object{"path": path})
			second := object{"network": network, "containerId": "new", "netns": path}
			b.must("add", second)
			switch verb {
			case "del":
				b.must("del", object{"network": network, "containerId": "old", "netns": path})
			case "gc":
				asOf := b.must("attachments", object{})["asOf"]
				b.must("gc", object{"network": network, "asOf": asOf, "validAttachments": []any{object{"containerId": "new", "ifName": "eth0"}}})
			}
			b.must("check", second)
			if got := b.leases("web"); got != "10.88.0.3" {
				t.Errorf("leases: %s", got)
			}
			list := b.must("attachments", object{})["attachments"].([]any)
			if len(list) != 1 || list[0].(object)["containerId"] != "new" {
				t.Errorf("attachments: %v", list)
			}
		})
	}
}

func TestTakenInterfaceNamesItsAttachment(t *testing.T) {
	b := newBench(t)
	ns := netnstest.New(t)
	b.must("add", object{"network": b.bridgeNet("web"), "containerId": "c1", "netns": ns})
	for _, other := range []object{{"network": b.bridgeNet("other"), "containerId": "c1"}, {"network": b.bridgeNet("web"), "containerId": "c2"}} {
		other["netns"] = ns
		existing, _ := b.fails("exists", "add", other)["existing"].(object)
		if existing["network"] != "web" || existing["containerId"] != "c1" {
			t.Errorf("existing: %v", existing)
		}
	}
}
