package core

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/libcni/libcni/core/internal/host/netns/netnstest"
)

// A capability argument that no plugin takes is a warning, and with options.unusedCapabilities a
// refusal before anything is made.
func TestUnusedCapabilityArguments(t *testing.T) {
	ports := object{"portMappings": []any{object{"hostPort": 8080, "containerPort": 80,
		"protocol": "tcp"}}}
	portmap := object{"type": "portmap", "capabilities": object{"portMappings": true}}
	misplaced := object{"type": "firewall", "capabilities": object{"portMappings": true}}
	declared := object{"type": "recorded", "capabilities": object{"tea": true}}
	for _, test := range []struct {
		name   string
		plugin object
		args   object
		unused string
	}{
		{"taken", portmap, ports, ""},
		{"nobody declares it", object{"type": "firewall"}, ports, "portMappings"},
		{"declared as false", object{"type": "portmap", "capabilities": object{"portMappings": false}},
			ports, "portMappings"},
		{"declared by a built-in that does not read it", misplaced, ports, "portMappings"},
		{"declared by an executable", declared, object{"tea": 1}, ""},
		{"misspelled", portmap, object{"portMapping": ports["portMappings"]}, "portMapping"},
		{"read by the IPAM plugin", nil, object{"ips": []any{"10.88.0.9"}}, ""},
		{"empty", object{"type": "firewall"}, object{"portMappings": []any{}, "a": nil, "b": object{},
			"c": ""}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := newTestHost(t)
			h.recorder("recorded")
			network := h.bridgeNet("web")
			bridge := network["plugins"].([]any)[0].(object)
			bridge["capabilities"] = object{"ips": true}
			if test.plugin != nil {
				network["plugins"] = append(network["plugins"].([]any), test.plugin)
			}

			ns := netnstest.New(t)
			add := object{"network": network, "containerId": "c1", "netns": ns,
				"capabilityArgs": test.args, "options": object{"unusedCapabilities": "fail"}}
			if test.unused == "" {
				h.must("add", add)
			} else {
				before := h.remains(ns)
				e := h.fails("invalid-request", "add", add)
				if e["details"] != "capabilityArgs."+test.unused ||
					!strings.Contains(e["msg"].(string), "capabilities") {
					t.Errorf("error: %v", e)
				}
				if after := h.remains(ns); after != before {
					t.Errorf("the refused ADD left %s; before it there was %s", after, before)
				}

				delete(add, "options")
				h.must("add", add)
			}

			if got := h.unusedEvents(); got != test.unused {
				t.Errorf("warnings about %q, want %q", got, test.unused)
			}
		})
	}
}

// unusedEvents returns the capabilities of the warnings so far.
func (h *testHost) unusedEvents() string {
	h.t.Helper()
	var names []string
	for _, line := range h.events {
		var event struct{ Event, Network, Capability string }
		if err := json.Unmarshal([]byte(line), &event); err != nil {
			h.t.Fatal(err)
		}
		if event.Capability != "" {
			if event.Event != "warning" || event.Network != "web" {
				h.t.Errorf("event %s", line)
			}
			names = append(names, event.Capability)
		}
	}
	return strings.Join(names, " ")
}
