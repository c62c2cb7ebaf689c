package core

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/libcni/libcni/core/internal/host/netns/netnstest"
	"github.com/libcni/libcni/core/internal/kit/kittest"
)

// A plugin that could not be started has made nothing, so that nothing of the ADD is left and a
// corrected configuration works at once.
func TestAddWithAPluginThatCannotBeStarted(t *testing.T) {
	for _, test := range []struct {
		name, script string
		options      object
		says         string
	}{
		{"no magic", "echo hello\n", nil, "not a program"},
		{"the interpreter is missing", "#!/no/such/interpreter\n", nil, "interpreter"},
		{"empty", "", nil, "not a program"},
		{"its environment is too large", "#!/bin/sh\n",
			object{"env": object{"LARGE": strings.Repeat("x", 3<<20)}}, "options.env"},
	} {
		for place, network := range map[string]func(h *testHost) object{
			"alone": func(*testHost) object {
				return object{"cniVersion": "1.0.0", "name": "web", "plugins": []any{object{"type": "broken"}}}
			},
			"chained": func(h *testHost) object { return h.bridgeNet("web", object{"type": "broken"}) },
			"as IPAM": func(h *testHost) object {
				network := h.bridgeNet("web")
				network["plugins"].([]any)[0].(object)["ipam"] = object{"type": "broken"}
				return network
			},
		} {
			t.Run(test.name+", "+place, func(t *testing.T) {
				h := newTestHost(t)
				kittest.Must(t, os.WriteFile(filepath.Join(h.plugins, "broken"), []byte(test.script), 0o755))
				ns := netnstest.New(t)
				add := object{"network": network(h), "containerId": "c1", "netns": ns}
				if test.options != nil {
					add["options"] = test.options
				}

				rc, e := h.call("add", add)
				if rc == 0 || e["rolledBack"] != true || !strings.Contains(e["msg"].(string), test.says) {
					t.Errorf("rc %d: %v", rc, e)
				}
				if got := h.leases("web") + "|" + h.stateFiles() + "|" + linksIn(t, ns); got != "||" {
					t.Errorf("left behind: %s", got)
				}
				h.must("add", object{"network": h.bridgeNet("web"), "containerId": "c1", "netns": ns})
			})
		}
	}
}
