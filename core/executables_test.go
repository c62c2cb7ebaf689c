package core

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/libcni/libcni/core/internal/host/netns/netnstest"
	"github.com/libcni/libcni/core/internal/kit/kittest"
)

// attachedByGoLibcni writes the entry of Go's libcni for a container attached to a network.
func (h *testHost) attachedByGoLibcni(network object) {
	h.t.Helper()
	config, err := json.Marshal(network)
	kittest.Must(h.t, err)
	entry := `{"kind":"cniCacheV1","containerId":"c1","ifName":"eth0","networkName":"web","config":"` +
		base64.StdEncoding.EncodeToString(config) + `","result":{"cniVersion":"1.0.0"}}`
	results := filepath.Join(h.dir, "cache/results")
	kittest.Must(h.t, os.MkdirAll(results, 0o755))
	kittest.Must(h.t, os.WriteFile(filepath.Join(results, "web-c1-eth0"), []byte(entry), 0o600))
}

// What executables attached is checked by them, and not repaired, in every mode: the built-ins of
// the same names would miss their own rules, and make them beside those of the executables.
func TestAttachmentsOfExecutablesAreCheckedByThem(t *testing.T) {
	network := func(fail string) object {
		return object{"cniVersion": "1.0.0", "name": "web", "plugins": []any{
			object{"type": "firewall", "fail": fail}, object{"type": "portmap"}}}
	}
	for _, attached := range []string{"by Go's libcni", "by libcni"} {
		for _, mode := range []string{"prefer", "fallback", "only", "never"} {
			t.Run(attached+", "+mode, func(t *testing.T) {
				h := newTestHost(t)
				h.recorder("firewall")
				h.recorder("portmap")
				ns := netnstest.New(t)
				request := object{"network": network(""), "containerId": "c1", "netns": ns,
					"options": object{"builtins": "never"}}
				if attached == "by libcni" {
					h.must("add", request)
				} else {
					h.attachedByGoLibcni(network(""))
				}
				ran := len(h.recorded())
				request["options"] = object{"builtins": mode}

				h.must("check", request)
				e := h.fails("unsupported", "repair", request)
				if !strings.Contains(e["msg"].(string), "executables (firewall, portmap)") {
					t.Errorf("repair: %v", e)
				}
				h.must("repair", object{"all": true, "options": object{"owner": "*"}})
				if got := strings.Join(h.recorded()[ran:], " "); got != "firewall.CHECK portmap.CHECK" {
					t.Errorf("ran %s", got)
				}

				request["network"] = network("CHECK")
				if e := h.fails("drift", "check", request); e["code"] != 123.0 {
					t.Errorf("check: %v", e)
				}
				kittest.Must(t, os.Remove(filepath.Join(h.plugins, "portmap")))
				request["network"] = network("")
				h.fails("plugin-not-found", "check", request)
				h.fails("unsupported", "repair", request)
			})
		}
	}
}

// In a chain of both kinds the built-ins repair, and the executables say whether something is
// missing.
func TestRepairOfAChainWithAnExecutable(t *testing.T) {
	h := newTestHost(t)
	h.recorder("tuning")
	network := h.bridgeNet("web", object{"type": "tuning"})
	request := object{"network": network, "containerId": "c1", "netns": netnstest.New(t)}
	h.must("add", request)
	h.must("repair", request)

	request["network"] = h.bridgeNet("web", object{"type": "tuning", "fail": "CHECK"})
	e := h.fails("unsupported", "repair", request)
	if e["plugin"].(object)["type"] != "tuning" || !strings.Contains(e["msg"].(string), "asked to") {
		t.Errorf("repair: %v", e)
	}
}

// The implementation that attached deletes, also after plugins of the list were moved.
func TestTheAttachingImplementationDeletesAfterTheListChanged(t *testing.T) {
	h := newTestHost(t)
	h.recorder("firewall")
	h.recorder("first")
	h.recorder("second")
	network := func(types ...string) object {
		var plugins []any
		for _, pluginType := range types {
			plugins = append(plugins, object{"type": pluginType})
		}
		return object{"cniVersion": "1.0.0", "name": "web", "plugins": plugins}
	}
	request := object{"network": network("first", "firewall"), "containerId": "c1",
		"netns": netnstest.New(t), "options": object{"builtins": "never"}}
	h.must("add", request)
	ran := len(h.recorded())

	request["network"], request["options"] = network("first", "second", "firewall"), object{}
	h.must("del", request)
	if got := strings.Join(h.recorded()[ran:], " "); !strings.Contains(got, "firewall.DEL") {
		t.Errorf("ran %s", got)
	}
}
