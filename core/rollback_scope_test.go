package core

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/libcni/libcni/core/internal/host/netns/netnstest"
)

// another returns the options of a runtime with a cache of its own.
func (h *testHost) another() object { return object{"cacheDir": filepath.Join(h.dir, "other")} }

// claims returns how many attachments the state directory says have a cache.
func (h *testHost) claims() string {
	found, _ := filepath.Glob(filepath.Join(h.dir, "run/claims/*"))
	return strings.Repeat("claim ", len(found))
}

// A failed ADD takes back what it made itself. An attachment of the same names that this call does
// not know keeps its lease. (The state directories differ, so that nothing refuses the ADD before.)
func TestFailedAddReleasesOnlyItsOwnLease(t *testing.T) {
	for _, test := range []struct {
		name, subnet string
		gateway      bool
		builtins     string
	}{
		{"IPAM refuses", "10.88.0.0/24", true, ""},
		{"the bridge fails later", "10.89.0.0/24", true, ""},
		{"another plugin fails later", "10.89.0.0/24", false, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := newTestHost(t)
			h.recorder("last")
			ns := netnstest.New(t)
			h.must("add", object{"network": h.bridgeNet("web"), "containerId": "c1", "netns": ns})

			network := h.bridgeNet("web", object{"type": "last", "fail": "ADD"})
			bridge := network["plugins"].([]any)[0].(object)
			bridge["isGateway"] = test.gateway
			bridge["ipam"].(object)["ranges"] = []any{[]any{object{"subnet": test.subnet}}}
			options := h.another()
			options["stateDir"] = filepath.Join(h.dir, "otherrun")
			rc, answer := h.call("add", object{"network": network, "containerId": "c1",
				"netns": netnstest.New(t), "options": options})
			if rc == 0 || answer["rolledBack"] != true {
				t.Fatalf("rc %d: %v", rc, answer)
			}
			if got := h.leases("web"); got != "10.88.0.2" {
				t.Errorf("leases %q after %v", got, answer)
			}
			h.must("check", object{"containerId": "c1"})
		})
	}
}

// Objects on the host bear the names of their attachment, but not its cache: an attachment that
// another cache records is refused and left alone in every verb.
func TestAttachmentOfAnotherCacheIsLeftAlone(t *testing.T) {
	portmap := object{"type": "portmap", "capabilities": object{"portMappings": true}}
	ports := object{"portMappings": []any{object{"hostPort": 8080, "containerPort": 80}}}
	h := newTestHost(t)
	network := h.bridgeNet("web", portmap)
	ns := netnstest.New(t)
	h.must("add", object{"network": network, "containerId": "c1", "netns": ns,
		"capabilityArgs": ports})

	e := h.fails("exists", "add", object{"network": network, "containerId": "c1",
		"netns": netnstest.New(t), "options": h.another()})
	if !strings.Contains(e["details"].(string), filepath.Join(h.dir, "cache")) {
		t.Errorf("the error does not say where: %v", e)
	}
	for _, ref := range []any{network, "web"} {
		answer := h.must("del", object{"network": ref, "containerId": "c1", "options": h.another()})
		if names(answer, "left") != "c1" || names(answer, "removed") != "" {
			t.Errorf("DEL: %v", answer)
		}
	}
	h.must("gc", object{"network": network, "validAttachments": []any{},
		"asOf": h.must("attachments", object{})["asOf"], "options": h.another()})
	h.must("check", object{"containerId": "c1"})
	if got := h.leases("web"); got != "10.88.0.2" {
		t.Errorf("leases %q", got)
	}
	h.must("del", object{"containerId": "c1"})
	if got := h.stateFiles() + h.claims() + h.leases("web"); got != "" {
		t.Errorf("left behind: %s", got)
	}
}

// What is left of an attachment in another cache gives way, as it does in the same cache.
func TestAttachmentOfAnotherCacheGivesWayWhenItsNamespaceIsGone(t *testing.T) {
	for _, state := range []string{"complete", "incomplete", "forgotten"} {
		t.Run(state, func(t *testing.T) {
			h := newTestHost(t)
			h.recorder("last")
			first := object{"network": h.bridgeNet("web"), "containerId": "c1", "netns": netnstest.New(t)}
			switch state {
			case "complete":
				h.must("add", first)
				h.must("netns.delete", object{"path": first["netns"]})
			case "incomplete":
				first["network"] = h.bridgeNet("web", object{"type": "last", "fail": "ADD"})
				first["options"] = object{"rollback": false}
				h.fails("plugin-failed", "add", first)
			case "forgotten":
				h.must("add", first)
				h.must("netns.delete", object{"path": first["netns"]})
				h.remove("cache")
				h.remove("leases")
			}

			second := object{"network": h.bridgeNet("web"), "containerId": "c1",
				"netns": netnstest.New(t), "options": h.another()}
			h.must("add", second)
			h.must("check", second)
			if got := h.leases("web"); strings.Contains(got, " ") || got == "" {
				t.Errorf("leases %q", got)
			}
			h.must("del", second)
			if got := h.stateFiles() + h.claims() + h.leases("web"); got != "" {
				t.Errorf("left behind: %s", got)
			}
		})
	}
}
