package core

import (
	"path/filepath"
	"testing"

	"github.com/libcni/libcni/core/internal/host/netns/netnstest"
)

// Two callers of one host with other directories share its bridges, addresses and ports: none is
// given twice, and what one attached works whatever the other adds, removes and collects.
func TestCallersWithOtherDirectories(t *testing.T) {
	for _, test := range []struct {
		name         string
		cache, state bool // differ
		refuses      bool // because it knows the attachment, and not because an address is taken
	}{
		{"the same directories", false, false, true},
		{"another cache", true, false, true},
		{"another state directory", false, true, true},
		{"both", true, true, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := newTestHost(t)
			other := object{}
			if test.cache {
				other["cacheDir"] = filepath.Join(h.dir, "other")
			}
			if test.state {
				other["stateDir"] = filepath.Join(h.dir, "otherrun")
			}
			network := h.bridgeNet("web", object{"type": "portmap",
				"capabilities": object{"portMappings": true}})
			add := func(id string, port int, options object) object {
				return object{"network": network, "containerId": id, "netns": netnstest.New(t),
					"options": options, "capabilityArgs": object{
						"portMappings": []any{object{"hostPort": port, "containerPort": 80}}}}
			}
			works := func(after string) {
				t.Helper()
				if rc, answer := h.call("check", object{"containerId": "c1"}); rc != 0 {
					t.Errorf("after %s: %v", after, answer)
				}
			}

			h.must("add", add("c1", 8080, nil))
			h.fails("exists", "add", add("c2", 8080, other))
			works("an ADD of its port")
			again := add("c1", 8081, other)
			if rc, e := h.call("add", again); rc == 0 || e["rolledBack"] == false ||
				test.refuses && e["kind"] != "exists" {
				t.Errorf("an ADD of its name: %v", e)
			}
			works("an ADD of its name")
			second := add("c2", 8082, other)
			h.must("add", second)
			if got := h.leases("web"); got != "10.88.0.2 10.88.0.4" { // the failed ADD had .3
				t.Errorf("leases %q", got)
			}
			works("an ADD beside it")
			h.must("del", object{"network": network, "containerId": "c2", "options": other})
			works("a DEL beside it")
			asOf := h.must("attachments", object{})["asOf"]
			h.must("gc", object{"network": network, "asOf": asOf, "options": other,
				"validAttachments": []any{object{"containerId": "c1"}}})
			works("a GC")
		})
	}
}
