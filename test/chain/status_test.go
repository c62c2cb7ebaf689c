package chain

import (
	"strings"
	"testing"

	"github.com/libcni/libcni/test/rig"
)

// TestStatusTellsWhatTheHostDrops: a verdict for all packets is code 51, one with conditions a
// warning in the answer.
func TestStatusTellsWhatTheHostDrops(t *testing.T) {
	const chain = "add table inet filter; flush table inet filter; add chain inet filter forward " +
		"{ type filter hook forward priority 0; policy POLICY; }; "
	h := newHost(t)
	p := h.start()
	one := h.attachment("a", "c1", p.namespace("c1"), 8080)
	for _, test := range []struct {
		name, rules string
		rc          int
		want        string
	}{
		{"nothing", "add table inet filter", 0, "{}"},
		{"a policy", strings.Replace(chain, "POLICY", "drop", 1), 51, "drops all forwarded packets"},
		{"a policy with exceptions", strings.Replace(chain, "POLICY", "drop", 1) +
			`add rule inet filter forward iifname "br-a" accept`, 0, `{"warnings":[{"plugin":"firewall",`},
		{"a rule with conditions", strings.Replace(chain, "POLICY", "accept", 1) +
			`add rule inet filter forward iifname "lan0" drop`, 0, "rules that drop some"},
	} {
		rig.Run(t, "nft", test.rules)
		a := p.call("status", object{"network": h.network("a")})
		if a.rc != test.rc || !strings.Contains(a.text, test.want) {
			t.Errorf("%s: %d %s, want %d %s", test.name, a.rc, a.text, test.rc, test.want)
		}
		p.must("add", one)
		p.must("del", one)
	}
}
