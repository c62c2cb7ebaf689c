package core

import (
	"path/filepath"
	"testing"

	"github.com/libcni/libcni/core/internal/host/netns/netnstest"
)

// A failed ADD takes back what it made itself. Another attachment of the same names, which is in
// another cache, keeps its objects.
func TestFailedAddKeepsWhatAnotherCacheHas(t *testing.T) {
	for _, test := range []struct{ name, subnet string }{
		{"the same range", "10.88.0.0/24"}, {"another range", "10.89.0.0/24"},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := newTestHost(t)
			h.recorder("last")
			ns := netnstest.New(t)
			h.must("add", object{"network": h.bridgeNet("web"), "containerId": "c1", "netns": ns})

			network := h.bridgeNet("web", object{"type": "last", "fail": "ADD"})
			network["plugins"].([]any)[0].(object)["ipam"].(object)["ranges"] =
				[]any{[]any{object{"subnet": test.subnet}}}
			rc, answer := h.call("add", object{"network": network, "containerId": "c1",
				"netns": netnstest.New(t), "options": object{"cacheDir": filepath.Join(h.dir, "other")}})
			if rc == 0 {
				t.Fatalf("attached: %v", answer)
			}
			if got := h.leases("web"); got != "10.88.0.2" {
				t.Errorf("leases %s after %v", got, answer)
			}
			h.must("check", object{"containerId": "c1"})
		})
	}
}
