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
	h := newTestHost(t)
	add := object{"network": h.bridgeNet("web"), "containerId": "c1", "netns": netnstest.New(t)}
	first := h.must("add", add)
	e := h.fails("exists", "add", add)
	existing := e["existing"].(object)
	if existing["containerId"] != "c1" ||
		existing["result"].(object)["cniVersion"] != first["cniVersion"] {
		t.Errorf("existing: %v", existing)
	}
	h.must("check", add)
}

func TestReplaceAttachesAgain(t *testing.T) {
	h := newTestHost(t)
	ns := netnstest.New(t)
	add := object{"network": h.bridgeNet("web"), "containerId": "c1", "netns": ns}
	h.must("add", add)
	add["options"] = object{"onExisting": "replace"}
	h.must("add", add)
	h.must("check", add)
	if got := h.leases("web"); got != "10.88.0.3" {
		t.Errorf("leases: %s", got)
	}
}

func TestAddWithoutCacheLeavesARunningContainerAsItWas(t *testing.T) {
	h := newTestHost(t)
	ns := netnstest.New(t)
	add := object{"network": h.bridgeNet("web"), "containerId": "c1", "netns": ns}
	h.must("add", add)
	if err := os.RemoveAll(filepath.Join(h.dir, "cache")); err != nil {
		t.Fatal(err)
	}
	before := links(t) + "|" + linksIn(t, ns) + "|" + h.leases("web")
	h.fails("exists", "add", add)
	if after := links(t) + "|" + linksIn(t, ns) + "|" + h.leases("web"); after != before {
		t.Errorf("before %s\nafter  %s", before, after)
	}
}

func TestTakenInterfaceIsNoticedBeforeAnyPluginRuns(t *testing.T) {
	h := newTestHost(t)
	h.recorder("first")
	ns := netnstest.New(t)
	h.must("add", object{"network": h.bridgeNet("web"), "containerId": "c1", "netns": ns})
	other := object{"cniVersion": "1.1.0", "name": "other", "plugins": []any{object{"type": "first"}}}
	h.fails("exists", "add", object{"network": other, "containerId": "c1", "netns": ns})
	if got := h.recorded(); len(got) != 0 {
		t.Errorf("the plugin was asked: %v", got)
	}
}

func TestAttachmentIsLockedByOneCallAtATime(t *testing.T) {
	h := newTestHost(t)
	add := object{"network": h.bridgeNet("web"), "containerId": "c1", "netns": netnstest.New(t)}
	store := attachments.Open(filepath.Join(h.dir, "cache"), filepath.Join(h.dir, "run"))
	held, err := store.Lock(t.Context(), attachments.Key{Network: "web", ContainerID: "c1",
		IfName: "eth0"})
	if err != nil {
		t.Fatal(err)
	}
	defer held.Unlock()
	add["options"] = object{"timeoutMs": 100}
	h.fails("busy", "add", add)
	h.fails("busy", "del", add)
	if got := links(t) + "|" + h.stateFiles(); got != "|" {
		t.Errorf("while another call had it: %s", got)
	}
	held.Unlock()
	add["options"] = object{}
	h.must("add", add)
}

func TestAddAfterTheNamespaceWasReplaced(t *testing.T) {
	h := newTestHost(t)
	ns := netnstest.New(t)
	add := object{"network": h.bridgeNet("web"), "containerId": "c1", "netns": ns}
	h.must("add", add)
	h.must("netns.delete", object{"path": ns})
	h.must("netns.create", object{"path": ns})
	h.must("add", add)
	h.must("check", add)
	if got := h.leases("web"); got != "10.88.0.3" {
		t.Errorf("leases: %s", got)
	}
}

// Namespace cookies restart at each boot, so another namespace may have the same cookie.
func TestAttachmentOfAnEarlierBootIsGone(t *testing.T) {
	h := newTestHost(t)
	add := object{"network": h.bridgeNet("web"), "containerId": "c1", "netns": netnstest.New(t)}
	h.must("add", add)
	h.rewrite("cache/results/web-c1-eth0", func(entry string) string {
		return regexp.MustCompile(`"bootId":"[^"]+"`).ReplaceAllString(entry,
			`"bootId":"00000000-0000-4000-8000-000000000000"`)
	})
	h.deleteHostLink("c1") // as the restart of the host did
	list := h.must("attachments", object{})["attachments"].([]any)
	if len(list) != 1 || list[0].(object)["state"] != "stale" {
		t.Errorf("attachments: %v", list)
	}
	h.must("add", add) // anew, not "exists"
	h.must("check", add)
}

// An entry with invalid JSON does not prevent the others from being listed.
func TestAttachmentsLeaveOutInvalidJSON(t *testing.T) {
	for name, damage := range map[string][2]string{
		"a name twice":          {`"cniVersion":"1.1.0"`, `"cniVersion":"1.1.0","cniVersion":"1.1.0"`},
		"not UTF-8":             {`"cniVersion":"1.1.0"`, "\"cniVersion\":\"1.1.0\",\"x\":\"\xff\""},
		"an unpaired surrogate": {`"cniVersion":"1.1.0"`, `"cniVersion":"1.1.0","x":"\ud800"`},
		"a capability's value":  {`"mac":"02:00:00:00:00:07"`, `"mac":{"a":1,"a":2}`},
	} {
		t.Run(name, func(t *testing.T) {
			h := newTestHost(t)
			network := h.bridgeNet("web")
			network["plugins"].([]any)[0].(object)["capabilities"] = object{"mac": true}
			add := object{"network": network, "containerId": "c1", "netns": netnstest.New(t),
				"capabilityArgs": object{"mac": "02:00:00:00:00:07"}}
			h.must("add", add)
			h.rewrite("cache/results/web-c1-eth0", func(entry string) string {
				return strings.Replace(entry, damage[0], damage[1], 1)
			})
			list := h.must("attachments", object{})["attachments"].([]any)
			if len(list) != 1 || list[0].(object)["containerId"] != "c1" {
				t.Errorf("attachments: %v", list)
			}
			h.fails("exists", "add", add)
			h.must("del", add)
			if left := h.leases("web"); left != "" {
				t.Errorf("leases: %s", left)
			}
		})
	}
}

// A path such as /proc/PID/ns/net leads to another container when the process ID is reused.
func TestPathThatNowLeadsToAnotherContainer(t *testing.T) {
	for _, verb := range []string{"del", "gc"} {
		t.Run(verb, func(t *testing.T) {
			h := newTestHost(t)
			path := netnstest.New(t)
			network := h.bridgeNet("web")
			h.must("add", object{"network": network, "containerId": "old", "netns": path})
			h.must("netns.delete", object{"path": path})
			h.must("netns.create", object{"path": path})
			second := object{"network": network, "containerId": "new", "netns": path}
			h.must("add", second)
			switch verb {
			case "del":
				h.must("del", object{"network": network, "containerId": "old", "netns": path})
			case "gc":
				asOf := h.must("attachments", object{})["asOf"]
				h.must("gc", object{"network": network, "asOf": asOf,
					"validAttachments": []any{object{"containerId": "new", "ifName": "eth0"}}})
			}
			h.must("check", second)
			if got := h.leases("web"); got != "10.88.0.3" {
				t.Errorf("leases: %s", got)
			}
			list := h.must("attachments", object{})["attachments"].([]any)
			if len(list) != 1 || list[0].(object)["containerId"] != "new" {
				t.Errorf("attachments: %v", list)
			}
		})
	}
}

func TestTakenInterfaceNamesItsAttachment(t *testing.T) {
	h := newTestHost(t)
	ns := netnstest.New(t)
	h.must("add", object{"network": h.bridgeNet("web"), "containerId": "c1", "netns": ns})
	for _, other := range []object{{"network": h.bridgeNet("other"), "containerId": "c1"},
		{"network": h.bridgeNet("web"), "containerId": "c2"}} {
		other["netns"] = ns
		existing, _ := h.fails("exists", "add", other)["existing"].(object)
		if existing["network"] != "web" || existing["containerId"] != "c1" {
			t.Errorf("existing: %v", existing)
		}
	}
}

// The interface of a plugin for a virtual machine or DPDK is not a link of the kernel.
func TestSecondAddIsRefusedWithoutALink(t *testing.T) {
	const script = `#!/bin/sh
echo "$CNI_COMMAND" >>"$RECORD/commands"
case "$CNI_COMMAND" in
VERSION) echo '{"cniVersion":"1.1.0","supportedVersions":["1.1.0"]}' ;;
ADD) cat <<END ;;
{"cniVersion":"1.1.0","interfaces":[{"name":"$CNI_IFNAME","sandbox":"$CNI_NETNS"}]}
END
esac
`
	h := newTestHost(t)
	path := filepath.Join(h.plugins, "vhostuser")
	if err := os.WriteFile(path, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	add := object{"network": object{"cniVersion": "1.1.0", "name": "fast",
		"plugins": []any{object{"type": "vhostuser"}}}, "containerId": "c1", "netns": netnstest.New(t)}
	h.must("add", add)
	h.fails("exists", "add", add)
	commands, err := os.ReadFile(filepath.Join(h.dir, "record/commands"))
	if err != nil || strings.TrimSpace(string(commands)) != "ADD" {
		t.Errorf("commands %q, %v", commands, err)
	}
}
