package core

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/libcni/libcni/core/internal/host/netns/netnstest"
)

// nfnetlink answers only the first request of a thread without CAP_NET_ADMIN: no verb waits for
// the answers to the others until the deadline.
func TestWithoutNetAdminEachVerbSaysPermission(t *testing.T) {
	h := newTestHost(t)
	network := h.masqueraded("web")
	network["plugins"] = append(network["plugins"].([]any), object{"type": "firewall"},
		object{"type": "portmap", "capabilities": object{"portMappings": true}})
	attachment := object{"network": network, "containerId": "c1", "netns": netnstest.New(t),
		"capabilityArgs": object{"portMappings": []any{object{"hostPort": 8080, "containerPort": 80,
			"protocol": "tcp"}}}}
	h.must("add", attachment)
	asOf := h.must("attachments", object{})["asOf"]
	kept := h.leases("web")

	for _, test := range []struct {
		verb    string
		request object
	}{
		{"check", attachment},
		{"repair", object{"network": "web", "containerId": "c1"}},
		{"gc", object{"network": network, "validAttachments": []any{}, "asOf": asOf}},
		{"del", attachment},
		{"del", object{"network": network, "containerId": "unknown"}},
	} {
		t.Run(test.verb, func(t *testing.T) {
			h := *h
			h.t = t
			dropCapability(t, unix.CAP_NET_ADMIN)
			test.request["options"] = object{"timeoutMs": 5000}
			rc, answer := h.call(test.verb, test.request)
			if rc != -int(unix.EPERM) || answer["kind"] != "permission" || answer["retryable"] == true {
				t.Errorf("rc %d, %v", rc, answer)
			}
		})
	}
	if got := h.leases("web"); got != kept {
		t.Errorf("the leases were %s and are %s", kept, got)
	}
	h.must("del", attachment)
}
