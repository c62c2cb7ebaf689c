package core

import (
	"strings"
	"testing"

	"github.com/libcni/libcni/core/internal/host/netns/netnstest"
)

// An attachment whose namespace is proved to be gone gives way to an ADD that needs its port, its
// address or its name. Any other keeps what it holds.
func TestAddTakesWhatAnAttachmentHeldWhoseNamespaceIsGone(t *testing.T) {
	portmap := object{"type": "portmap", "capabilities": object{"portMappings": true}}
	port := object{"portMappings": []any{object{"hostPort": 8080, "containerPort": 80}}}
	const plain, small, byAddress = "plain", "small", "byAddress"
	network := func(h *testHost, name, kind string) object {
		n := h.bridgeNet(name, portmap)
		bridge := n["plugins"].([]any)[0].(object)
		switch kind {
		case small: // one address
			bridge["ipam"].(object)["ranges"] = []any{[]any{object{"subnet": "10.88.0.0/30"}}}
		case byAddress:
			bridge["capabilities"] = object{"ips": true}
		}
		return n
	}
	address := object{"ips": []any{"10.88.0.9"}}

	for _, test := range []struct {
		name                string
		kind                string
		network, id         string // of the holder
		other, otherID      string // of the ADD
		holderArgs, addArgs object
		refusal             string // while the holder lives
	}{
		{"port", plain, "web", "c1", "web", "c2", port, port, "exists"},
		{"port of another network", plain, "web", "c1", "mail", "c2", port, port, "exists"},
		{"the only address", small, "web", "c1", "web", "c2", nil, nil, "plugin-failed"},
		{"the requested address", byAddress, "web", "c1", "web", "c2", address, address,
			"plugin-failed"},
		{"the name of the cache file", plain, "a-b", "c", "a", "b-c", nil, nil, "invalid-request"},
	} {
		for _, state := range []string{"alive", "gone", "gone, another cache", "gone, incomplete"} {
			t.Run(test.name+", "+state, func(t *testing.T) {
				h := newTestHost(t)
				h.recorder("last")
				ns := netnstest.New(t)
				holder := object{"network": network(h, test.network, test.kind), "containerId": test.id,
					"netns": ns, "capabilityArgs": test.holderArgs, "options": object{"owner": "me"}}
				switch state {
				case "gone, another cache":
					if test.refusal == "invalid-request" {
						return // each cache has its own files
					}
					holder["options"] = h.another()
				case "gone, incomplete":
					if test.refusal == "invalid-request" {
						return // an intent has no such file
					}
					plugins := holder["network"].(object)["plugins"].([]any)
					holder["network"].(object)["plugins"] = append(plugins,
						object{"type": "last", "fail": "ADD"})
					holder["options"] = object{"rollback": false}
				}
				if state == "gone, incomplete" {
					h.fails("plugin-failed", "add", holder)
				} else {
					h.must("add", holder)
				}

				add := object{"network": network(h, test.other, test.kind), "containerId": test.otherID,
					"netns": netnstest.New(t), "capabilityArgs": test.addArgs}
				if state == "alive" {
					before := h.stateFiles() + h.leases(test.network)
					h.fails(test.refusal, "add", add)
					if after := h.stateFiles() + h.leases(test.network); after != before {
						t.Errorf("before %s, after %s", before, after)
					}
					h.must("check", object{"containerId": test.id})
					return
				}

				h.must("netns.delete", object{"path": ns})
				h.must("add", add)
				h.must("check", add)
				if !strings.Contains(strings.Join(h.events, "\n"), "was removed") {
					t.Errorf("no warning says what was removed: %s", h.events)
				}
				h.must("del", add)
				left := h.stateFiles() + h.claims() + h.leases(test.network) + h.leases(test.other)
				if left != "" {
					t.Errorf("left behind: %s", left)
				}
			})
		}
	}
}
