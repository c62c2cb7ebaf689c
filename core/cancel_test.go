package core

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/libcni/libcni/core/internal/host/netns/netnstest"
)

// A call that is cancelled, or reaches its deadline, at any moment says so, and nothing else. The
// test's host has no default route, as the kernel reports in the midst of an ADD.
func TestEveryMomentOfACancellationIsCancelled(t *testing.T) {
	h := newTestHost(t)
	ns := netnstest.New(t)
	network := h.bridgeNet("web", object{"type": "portmap", "snat": true,
		"capabilities": object{"portMappings": true}}, object{"type": "firewall"})
	interrupted := map[string]int{}
	for i := range 120 {
		id := fmt.Sprintf("add %d", i)
		add := object{"network": network, "containerId": "c1", "netns": ns, "requestId": id,
			"capabilityArgs": object{"portMappings": []any{object{"hostPort": 8080, "containerPort": 80,
				"protocol": "tcp"}}}}
		want, kind := -int(syscall.ECANCELED), "cancelled"
		if i%2 == 0 {
			time.AfterFunc(time.Duration(i)*100*time.Microsecond, func() { h.engine.Cancel(id) })
		} else {
			want, kind = -int(syscall.ETIMEDOUT), "timeout"
			add["options"] = object{"timeoutMs": 1 + i/12}
		}

		rc, answer := h.call("add", add)
		if rc == want {
			interrupted[kind]++
		}
		if rc != 0 && (rc != want || answer["kind"] != kind || answer["retryable"] != true) {
			t.Errorf("%d: rc %d: %v", i, rc, answer)
		}
		h.must("del", object{"network": network, "containerId": "c1", "netns": ns})
	}
	if interrupted["cancelled"] == 0 || interrupted["timeout"] == 0 {
		t.Errorf("the calls were too fast: interrupted were %v", interrupted)
	}
	if got := h.leases("web") + "|" + h.stateFiles() + "|" + linksIn(t, ns); got != "||" {
		t.Errorf("left behind: %s", got)
	}
}
