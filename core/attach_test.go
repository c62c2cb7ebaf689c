package core

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/libcni/libcni/core/internal/attachments"
	"github.com/libcni/libcni/core/internal/host/netns/netnstest"
)

func TestAddCheckDelLeavesNothing(t *testing.T) {
	h := newTestHost(t)
	ns := netnstest.New(t)
	add := object{"network": h.bridgeNet("web"), "containerId": "c1", "netns": ns}
	result := h.must("add", add)
	ips := result["ips"].([]any)
	if got := ips[0].(object)["address"]; got != "10.88.0.2/24" {
		t.Errorf("address %v", got)
	}
	if got := linksIn(t, ns); got != "eth0" {
		t.Errorf("links in the container: %q", got)
	}
	list := h.must("attachments", object{"containerId": "c1"})["attachments"].([]any)
	if len(list) != 1 || list[0].(object)["state"] != "attached" ||
		list[0].(object)["owner"] != "libcni" {
		t.Errorf("attachments: %v", list)
	}
	h.must("check", add)
	h.must("check", object{"containerId": "c1"})
	want := object{"found": true, "removed": []any{object{"network": "web", "containerId": "c1",
		"ifName": "eth0"}}}
	if diff := cmp.Diff(want, h.must("del", add)); diff != "" {
		t.Errorf("del (-want +got):\n%s", diff)
	}
	if got := h.remains(ns); got != "br-web|||" {
		t.Errorf("left behind: %s", got)
	}
	if again := h.must("del", add); again["found"] != false {
		t.Errorf("a second del found %v", again)
	}
}

func TestFailedPluginUndoesTheWholeChain(t *testing.T) {
	h := newTestHost(t)
	h.recorder("first")
	h.recorder("second")
	ns := netnstest.New(t)
	network := h.bridgeNet("web", object{"type": "first"}, object{"type": "second", "fail": "ADD"})
	e := h.fails("plugin-failed", "add", object{"network": network, "containerId": "c1", "netns": ns})
	want := object{
		"cniVersion": "1.1.0", "code": 123.0, "msg": "asked to fail",
		"details": "by the test", "kind": "plugin-failed",
		"command": "ADD", "network": "web", "containerId": "c1", "ifName": "eth0",
		"stderr":    "trouble ahead\n",
		"plugin":    object{"type": "second", "index": 2.0, "builtin": false},
		"retryable": false, "rolledBack": true,
	}
	if diff := cmp.Diff(want, e); diff != "" {
		t.Errorf("error (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"first.ADD", "second.ADD", "second.DEL", "first.DEL"},
		h.recorded()); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
	if got := h.remains(ns); got != "br-web|||" {
		t.Errorf("left behind: %s", got)
	}
}

func TestUndoGivesEachPluginTheResultItWasGiven(t *testing.T) {
	h := newTestHost(t)
	h.recorder("first")
	h.recorder("second")
	network := object{"cniVersion": "1.1.0", "name": "n",
		"plugins": []any{object{"type": "first"}, object{"type": "second", "fail": "ADD"}}}
	h.fails("plugin-failed", "add", object{"network": network, "containerId": "c1",
		"netns": netnstest.New(t)})
	for file, want := range map[string]bool{"2.second.DEL": true, "3.first.DEL": false} {
		request := h.request(file)
		if _, got := request["prevResult"]; got != want {
			t.Errorf("%s has prevResult: %v, want %v", file, got, want)
		}
	}
}

func TestFailedAddWithoutRollbackIsIncompleteUntilDel(t *testing.T) {
	h := newTestHost(t)
	h.recorder("second")
	ns := netnstest.New(t)
	network := h.bridgeNet("web", object{"type": "second", "fail": "ADD"})
	e := h.fails("plugin-failed", "add", object{"network": network, "containerId": "c1", "netns": ns,
		"options": object{"rollback": false}})
	if e["rolledBack"] != false {
		t.Errorf("rolledBack %v", e["rolledBack"])
	}
	list := h.must("attachments", object{})["attachments"].([]any)
	if len(list) != 1 || list[0].(object)["state"] != "incomplete" {
		t.Fatalf("attachments: %v", list)
	}
	h.must("del", object{"containerId": "c1"})
	if got := h.remains(ns); got != "br-web|||" {
		t.Errorf("left behind: %s", got)
	}
}

func TestVersionIsNegotiatedWithAnOldPlugin(t *testing.T) {
	h := newTestHost(t)
	h.recorder("old")
	if err := os.WriteFile(filepath.Join(h.plugins, "old.only"), []byte("0.4.0"), 0o644); err != nil {
		t.Fatal(err)
	}
	ns := netnstest.New(t)
	add := object{"network": h.bridgeNet("web", object{"type": "old"}), "containerId": "c1",
		"netns": ns}
	result := h.must("add", add)
	if result["cniVersion"] != "1.1.0" || len(result["ips"].([]any)) != 1 {
		t.Errorf("result: %v", result)
	}
	h.must("check", add)
	h.must("del", add)
	if got := strings.Join(h.recorded(), " "); got != "old.ADD old.VERSION old.ADD old.CHECK old.DEL" {
		t.Errorf("requests: %s", got)
	}
	if got := linksIn(t, ns) + h.leases("web") + h.stateFiles(); got != "" {
		t.Errorf("left behind: %s", got)
	}
}

func TestCallIsCancelledByRequestID(t *testing.T) {
	h := newTestHost(t)
	h.recorder("slow")
	ns := netnstest.New(t)
	network := h.bridgeNet("web", object{"type": "slow", "hang": "ADD"})
	data, err := json.Marshal(object{"network": network, "containerId": "c1", "netns": ns,
		"requestId": "r1", "options": h.options(nil)})
	if err != nil {
		t.Fatal(err)
	}
	hanging := filepath.Join(h.dir, "hanging") // the plugin writes to it when it has begun
	if err := syscall.Mkfifo(hanging, 0o600); err != nil {
		t.Fatal(err)
	}
	go func() {
		_, _ = os.ReadFile(hanging)
		h.isLocked(attachments.Key{Network: "web", ContainerID: "c1", IfName: "eth0"})
		h.engine.Cancel("r1")
	}()
	rc, response := h.engine.Call(t.Context(), Caller{Environ: []string{"PATH=" + os.Getenv("PATH")}},
		"add", data)
	var e object
	if err := json.Unmarshal(response, &e); err != nil {
		t.Fatal(err)
	}
	if rc >= 0 || e["kind"] != "cancelled" || e["rolledBack"] != true {
		t.Errorf("rc %d: %s", rc, response)
	}
	if h.engine.Cancel("r1") {
		t.Error("an ended request was cancelled")
	}
	if got := linksIn(t, ns) + h.leases("web") + h.stateFiles(); got != "" {
		t.Errorf("left behind: %s", got)
	}
}

func TestDeadlineEndsAHangingPluginAndUndoes(t *testing.T) {
	h := newTestHost(t)
	h.recorder("slow")
	ns := netnstest.New(t)
	network := h.bridgeNet("web", object{"type": "slow", "hang": "ADD"})
	e := h.fails("timeout", "add", object{"network": network, "containerId": "c1", "netns": ns,
		"options": object{"timeoutMs": 500}})
	if e["rolledBack"] != true || e["plugin"].(object)["type"] != "slow" || e["retryable"] != true {
		t.Errorf("error: %v", e)
	}
	if got := linksIn(t, ns) + h.leases("web") + h.stateFiles(); got != "" {
		t.Errorf("left behind: %s", got)
	}
}
