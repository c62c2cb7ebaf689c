package core

import (
	"fmt"
	"testing"
	"time"

	"github.com/libcni/libcni/core/internal/host/netns/netnstest"
)

// TestManyPluginsEndWithTheDeadline: a network of very many plugins, each of which fails at once,
// takes no longer than the time that its caller can compute.
func TestManyPluginsEndWithTheDeadline(t *testing.T) {
	h := newTestHost(t)
	plugins := make([]object, 60000)
	for i := range plugins {
		plugins[i] = object{"type": fmt.Sprintf("absent%d", i)}
	}
	network := object{"cniVersion": "1.1.0", "name": "web", "plugins": plugins}
	_, listed := h.call("attachments", object{})
	for name, request := range map[string]object{
		"del": {"containerId": "c1", "netns": netnstest.New(t), "force": true},
		"gc":  {"validAttachments": []object{}, "asOf": listed["asOf"]},
	} {
		request["network"] = network
		request["options"] = object{"timeoutMs": 200, "rollbackTimeoutMs": 200}
		start := time.Now()
		code, answer := h.call(name, request)
		if took := time.Since(start); code == 0 || took > 5*time.Second {
			t.Errorf("%s took %v: %d, %.300s", name, took, code, fmt.Sprint(answer))
		}
	}
}
