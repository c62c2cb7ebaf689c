package core

import (
	"strings"
	"testing"

	"github.com/libcni/libcni/core/internal/host/netns/netnstest"
)

func TestCheckReportsAllDriftOfAllPlugins(t *testing.T) {
	b := newBench(t)
	b.recorder("first")
	b.recorder("second")
	ns := netnstest.New(t)
	network := b.bridgeNet("web", object{"type": "first"}, object{"type": "second"})
	b.must("add", object{"network": network, "containerId": "c1", "netns": ns})
	b.remove("leases")
	network["plugins"].([]any)[1].(object)["fail"] = "CHECK"
	network["plugins"].([]any)[2].(object)["fail"] = "CHECK"
	e := b.fails("drift", "check", object{"network": network, "containerId": "c1", "netns": ns})
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
	b := newBench(t)
	b.recorder("only")
	network := object{"cniVersion": "1.1.0", "name": "n", "plugins": []any{object{"type": "only", "fail": "CHECK"}}}
	ns := netnstest.New(t)
	b.must("add", object{"network": network, "containerId": "c1", "netns": ns})
	rc, e := b.call("check", object{"network": network, "containerId": "c1", "netns": ns})
	if rc != 123 || e["code"] != 123.0 || e["kind"] != "drift" || e["msg"] != "told to fail" {
		t.Errorf("rc %d: %v", rc, e)
	}
}

func TestCheckOfTheUnknownTheGoneAndTheIncomplete(t *testing.T) {
	b := newBench(t)
	network := b.bridgeNet("web")
	if e := b.fails("drift", "check", object{"network": network, "containerId": "c1"}); e["code"] != 3.0 {
		t.Errorf("unknown attachment: %v", e)
	}
	b.fails("drift", "check", object{"containerId": "c1"})
	ns := b.attach(network, "c1", "libcni")
	b.must("netns.delete", object{"path": ns})
	if e := b.fails("drift", "check", object{"containerId": "c1"}); !strings.Contains(e["msg"].(string), ns) {
		t.Errorf("gone namespace: %v", e)
	}
}

func TestCheckIsSkippedOrRefusedAsTheConfigurationSays(t *testing.T) {
	b := newBench(t)
	network := b.bridgeNet("web")
	b.attach(network, "c1", "libcni")
	b.remove("leases")
	network["disableCheck"] = true
	b.must("check", object{"network": network, "containerId": "c1"})
	network["disableCheck"] = "false"
	b.fails("drift", "check", object{"network": network, "containerId": "c1"})
	network["cniVersion"] = "0.3.1"
	b.fails("unsupported", "check", object{"network": network, "containerId": "c1"})
}
