package chain

import (
	"strings"
	"testing"
)

// TestKernelWithoutNFTables has the chain work, and not work, where there are no sockets of
// nftables.
func TestKernelWithoutNFTables(t *testing.T) {
	h := newHost(t)
	p := h.start("without-nftables")
	c := h.attachment("a", "c1", p.namespace("c1"), 8080)
	for _, plugin := range h.network("a")["plugins"].([]object) {
		network := object{"cniVersion": "1.1.0", "name": "a", "plugins": []object{plugin}}
		if a := p.call("status", object{"network": network}); a.Kind != "unsupported" ||
			!strings.Contains(a.text, `"code":50`) || !strings.Contains(a.Msg, "nftables") {
			t.Errorf("STATUS of %s: %d %s", plugin["type"], a.rc, a.text)
		}
	}
	before := h.state()
	if a := p.call("add", c); a.Kind != "unsupported" || !strings.Contains(a.Msg, "nftables") ||
		!strings.Contains(a.text, `"rolledBack":true`) {
		t.Errorf("ADD: %d %s", a.rc, a.text)
	}
	after := strings.Join(h.state(), "\n")
	for _, left := range []string{"veth", "leases/a/10.", "/results/"} {
		if strings.Contains(after, left) && !strings.Contains(strings.Join(before, "\n"), left) {
			t.Errorf("%s is left:\n%s", left, after)
		}
	}
	p.must("del", c)
	full := h.network("a")
	for name, plugins := range map[string][]object{
		"portmap":  {bridge(), full["plugins"].([]object)[1]},
		"firewall": {bridge(), full["plugins"].([]object)[2]},
	} {
		c["network"] = object{"cniVersion": "1.1.0", "name": "b", "plugins": plugins}
		if a := p.call("add", c); a.Kind != "unsupported" ||
			!strings.Contains(a.Msg, name+" needs nftables") {
			t.Errorf("ADD with %s: %d %s", name, a.rc, a.text)
		}
		p.must("del", c)
	}
	// What needs no rules does without them.
	c["network"] = object{"cniVersion": "1.1.0", "name": "b", "plugins": []object{bridge()}}
	delete(c, "capabilityArgs")
	for _, method := range []string{"status", "add", "check", "del"} {
		p.must(method, c)
	}
}

func bridge() object {
	return object{"type": "bridge", "bridge": "br-b", "isGateway": true,
		"ipam": object{"type": "static", "addresses": []object{{"address": "10.2.0.2/24"}}}}
}
