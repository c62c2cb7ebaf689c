package core

import (
	"strings"
	"testing"

	"github.com/libcni/libcni/core/internal/host/netns/netnstest"
)

func TestCheckReportsAllDriftOfAllPlugins(t *testing.T) {
	h := newTestHost(t)
	h.recorder("first")
	h.recorder("second")
	ns := netnstest.New(t)
	network := h.bridgeNet("web", object{"type": "first"}, object{"type": "second"})
	h.must("add", object{"network": network, "containerId": "c1", "netns": ns})
	h.remove("leases")
	network["plugins"].([]any)[1].(object)["fail"] = "CHECK"
	network["plugins"].([]any)[2].(object)["fail"] = "CHECK"
	e := h.fails("drift", "check", object{"network": network, "containerId": "c1", "netns": ns})
	plugins := map[string]bool{}
	for _, d := range e["drift"].([]any) {
		plugins[d.(object)["plugin"].(string)] = true
	}
	for _, want := range []string{"host-local", "first", "second"} {
		if !plugins[want] {
			t.Errorf("no drift of %s in %v", want, e["drift"])
		}
	}
}

func TestCheckKeepsThePluginsOwnCode(t *testing.T) {
	h := newTestHost(t)
	h.recorder("only")
	network := object{"cniVersion": "1.1.0", "name": "n",
		"plugins": []any{object{"type": "only", "fail": "CHECK"}}}
	ns := netnstest.New(t)
	h.must("add", object{"network": network, "containerId": "c1", "netns": ns})
	rc, e := h.call("check", object{"network": network, "containerId": "c1", "netns": ns})
	if rc != 123 || e["code"] != 123.0 || e["kind"] != "drift" || e["msg"] != "asked to fail" {
		t.Errorf("rc %d: %v", rc, e)
	}
}

func TestCheckOfTheUnknownTheGoneAndTheIncomplete(t *testing.T) {
	h := newTestHost(t)
	network := h.bridgeNet("web")
	if e := h.fails("drift", "check", object{"network": network,
		"containerId": "c1"}); e["code"] != 3.0 {
		t.Errorf("unknown attachment: %v", e)
	}
	h.fails("drift", "check", object{"containerId": "c1"})
	ns := h.attach(network, "c1", "libcni")
	h.must("netns.delete", object{"path": ns})
	if e := h.fails("drift", "check",
		object{"containerId": "c1"}); !strings.Contains(e["msg"].(string), ns) {
		t.Errorf("gone namespace: %v", e)
	}
}

func TestCheckIsSkippedOrRefusedAsTheConfigurationSays(t *testing.T) {
	h := newTestHost(t)
	network := h.bridgeNet("web")
	h.attach(network, "c1", "libcni")
	h.remove("leases")
	network["disableCheck"] = true
	h.must("check", object{"network": network, "containerId": "c1"})
	network["disableCheck"] = "false"
	h.fails("drift", "check", object{"network": network, "containerId": "c1"})
	network["cniVersion"] = "0.3.1"
	h.fails("unsupported", "check", object{"network": network, "containerId": "c1"})
}
