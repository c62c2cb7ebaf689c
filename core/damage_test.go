package core

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/libcni/libcni/core/internal/host/netns/netnstest"
)

// flipID damages the record of container c1 in network web: it states another container.
func flipID(h *testHost) {
	h.rewrite("cache/results/web-c1-eth0", func(s string) string {
		return strings.Replace(s, `"containerId":"c1"`, `"containerId":"c3"`, 1)
	})
}

// attached returns a host with containers c1 and c2 in network web, and their request and response.
func attached(t *testing.T) (h *testHost, network object, c1 object) {
	t.Helper()
	h = newTestHost(t)
	network = h.bridgeNet("web")
	c1 = object{"network": network, "containerId": "c1", "netns": netnstest.New(t)}
	h.must("add", c1)
	h.attach(network, "c2", "libcni")
	return h, network, c1
}

// offer writes the configuration of a network to confDir.
func (h *testHost) offer(network object) {
	h.t.Helper()
	text, err := json.Marshal(network)
	if err == nil {
		err = os.WriteFile(filepath.Join(h.conf, network["name"].(string)+".conflist"), text, 0o600)
	}
	if err != nil {
		h.t.Fatal(err)
	}
}

func TestUnusableRecordIsListedAsAnError(t *testing.T) {
	h, _, _ := attached(t)
	flipID(h)
	answer := h.must("attachments", object{})
	errs, _ := answer["errors"].([]any)
	if len(answer["attachments"].([]any)) != 1 || len(errs) != 1 ||
		errs[0].(object)["file"] != filepath.Join(h.dir, "cache/results/web-c1-eth0") {
		t.Errorf("attachments %v, errors %v", answer["attachments"], answer["errors"])
	}
	if answer := h.must("repair", object{"all": true}); len(answer["errors"].([]any)) != 1 {
		t.Errorf("repair --all: errors %v", answer["errors"])
	}
	h.fails("state", "check", object{"containerId": "c1"})
	h.fails("state", "repair", object{"containerId": "c1"})
	h.must("check", object{"containerId": "c2"})
}

func TestDelBesideAnUnusableRecord(t *testing.T) {
	for _, damage := range []struct {
		name string
		do   func(h *testHost)
	}{
		{"a flipped bit", flipID},
		{"empty", func(h *testHost) { h.overwrite("cache/results/web-c1-eth0", "") }},
		{"a FIFO", func(h *testHost) {
			h.remove("cache/results/web-c1-eth0")
			if err := syscall.Mkfifo(filepath.Join(h.dir, "cache/results/web-c1-eth0"), 0o600); err != nil {
				h.t.Fatal(err)
			}
		}},
	} {
		t.Run(damage.name, func(t *testing.T) {
			t.Run("the configuration is not known", func(t *testing.T) {
				h, _, c1 := attached(t)
				damage.do(h)
				byID := object{"containerId": "c1", "netns": c1["netns"]}
				e := h.fails("state", "del", byID)
				if msg := e["msg"].(string); !strings.Contains(msg, "web-c1-eth0") ||
					!strings.Contains(msg, "force") {
					t.Errorf("error %q names neither the file nor force", msg)
				}
				if !strings.Contains(h.leases("web"), "10.88.0.2") {
					t.Error("the address was released")
				}
				byID["force"] = true
				if answer := h.must("del", byID); answer["found"] != true {
					t.Errorf("force: %v", answer)
				}
				if got := h.stateFiles(); got != "cache/results/web-c2-eth0" {
					t.Errorf("force left %s", got)
				}
				h.must("check", object{"containerId": "c2"})
			})
			t.Run("the configuration is in confDir", func(t *testing.T) {
				h, network, c1 := attached(t)
				h.offer(network)
				damage.do(h)
				answer := h.must("del", object{"containerId": "c1", "netns": c1["netns"]})
				if answer["found"] != true || len(answer["removed"].([]any)) != 1 {
					t.Errorf("response %v", answer)
				}
				if got := h.stateFiles() + " " + h.leases("web"); got != "cache/results/web-c2-eth0 10.88.0.3" {
					t.Errorf("left %s", got)
				}
				h.must("add", c1)
			})
		})
	}
}

// The name of an intent tells its container, but not its network.
func TestDelBesideAnUnusableIntent(t *testing.T) {
	h := newTestHost(t)
	h.recorder("stubborn")
	network := h.bridgeNet("web", object{"type": "stubborn", "fail": "ADD"})
	h.fails("plugin-failed", "add", object{"network": network, "containerId": "c1",
		"netns": netnstest.New(t), "options": object{"rollback": false}})
	intent := h.stateFiles()
	h.overwrite(intent, "garbage")
	h.must("del", object{"containerId": "c2"})
	h.fails("state", "del", object{"containerId": "c1"})
	h.must("del", object{"containerId": "c1", "force": true})
	if got := h.stateFiles(); got != "" {
		t.Errorf("left %s", got)
	}
	h.must("del", object{"containerId": "c1", "network": network})
	if got := h.leases("web"); got != "" {
		t.Errorf("addresses left: %s", got)
	}
}

// GC of a plugin releases what belongs to none of the attachments in its request.
func TestGCKeepsWhatIsOfAnUnusableRecord(t *testing.T) {
	h, network, _ := attached(t)
	h.age("c1")
	h.age("c2")
	flipID(h)
	answer := h.must("gc", object{"network": network, "validAttachments": []any{},
		"asOf": h.must("attachments", object{})["asOf"], "options": object{"owner": "*"}})
	if len(answer["removed"].([]any)) != 1 || len(answer["errors"].([]any)) != 1 {
		t.Errorf("response %v", answer)
	}
	if got := h.leases("web"); got != "10.88.0.2" {
		t.Errorf("leases %s, want that of c1", got)
	}
}

// A list that cannot be read is not an empty list.
func TestStateThatCannotBeReadIsAnError(t *testing.T) {
	c1 := object{"containerId": "c1"}
	verbs := map[string]object{"attachments": {}, "repair": {"all": true}, "del": c1, "check": c1}
	for _, dir := range []string{"cache/results", "run/intents"} {
		h, network, _ := attached(t)
		asOf := h.must("attachments", object{})["asOf"]
		verbs["gc"] = object{"network": network, "validAttachments": []any{}, "asOf": asOf}
		path := filepath.Join(h.dir, dir)
		if err := os.RemoveAll(path); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Mkfifo(path, 0o600); err != nil {
			t.Fatal(err)
		}
		for verb, request := range verbs {
			h.fails("state", verb, request)
		}
		if got := h.leases("web"); got != "10.88.0.2 10.88.0.3" {
			t.Errorf("%s: leases %s", dir, got)
		}
	}
	h, _, _ := attached(t)
	if err := os.Chmod(filepath.Join(h.dir, "cache"), 0o777); err != nil {
		t.Fatal(err)
	}
	for verb, request := range verbs {
		if e := h.fails("state", verb, request); e["errno"] != "EACCES" {
			t.Errorf("%s of a cache that every user can write: %v", verb, e)
		}
	}
}

// A failed ADD leaves the damaged record of an attachment that may run, so that DEL still tells it.
func TestFailedAddLeavesADamagedRecord(t *testing.T) {
	h, _, _ := attached(t)
	h.recorder("last")
	h.rewrite("cache/results/web-c1-eth0", func(s string) string { return s[:len(s)/2] })
	failing := h.bridgeNet("web", object{"type": "last", "fail": "ADD"})
	rc, answer := h.call("add", object{"network": failing, "containerId": "c1",
		"netns": netnstest.New(t)})
	if rc == 0 || answer["rolledBack"] != true {
		t.Fatalf("rc %d: %v", rc, answer)
	}

	answer = h.must("attachments", object{})
	if errs, _ := answer["errors"].([]any); len(errs) != 1 {
		t.Errorf("errors %v", answer["errors"])
	}
	h.fails("state", "del", object{"containerId": "c1"})
}
