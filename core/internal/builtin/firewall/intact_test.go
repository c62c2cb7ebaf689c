package firewall

import (
	"strings"
	"testing"

	"github.com/libcni/libcni/core/internal/kit/kittest"
)

// TestIneffectiveTablesAreSeenAndMended: the objects are all there, and have no effect.
func TestIneffectiveTablesAreSeenAndMended(t *testing.T) {
	const policy = `"ingressPolicy":"isolated"`
	for _, test := range []struct{ name, rules, object, status string }{
		{"dormant", "add table inet libcni { flags dormant; }", "flag dormant of the nftables table",
			"table inet libcni is present"},
		{"dormant, bridge", "add table bridge libcni { flags dormant; }",
			"flag dormant of the nftables table", "table bridge libcni is present"},
		{"return", "insert rule inet libcni firewall-networks return",
			"which ends chain firewall-networks for all packets", ""},
		{"accept", "insert rule inet libcni firewall-isolation counter accept",
			"which ends chain firewall-isolation for all packets", ""},
		{"accept frames", "insert rule bridge libcni firewall accept", "which ends chain firewall", ""},
		{"another hook", "delete chain inet libcni firewall; add chain inet libcni firewall " +
			"{ type filter hook input priority 0; }", "nftables chain firewall at its hook", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(t)
			c := kittest.Paper("a", 2)
			r.add(c, policy)
			want := kittest.Table(r.T, "inet") + kittest.Table(r.T, "bridge")
			kittest.Feed(r.T, test.rules, "nft", "-f", "-")
			if got := strings.Join(r.drift(c, policy), "\n"); !strings.Contains(got, test.object) {
				t.Errorf("CHECK finds %q, not %q", got, test.object)
			}
			if _, _, warnings := r.status(""); !strings.Contains(strings.Join(warnings, "\n"), test.status) {
				t.Errorf("STATUS says %q, not %q", warnings, test.status)
			}
			if got := strings.Join(r.repair(c, policy), "\n"); !strings.Contains(got, test.object) {
				t.Errorf("repair names %q, not %q", got, test.object)
			}
			kittest.Same(r.T, "drift", []string(nil), r.drift(c, policy))
			got := kittest.Table(r.T, "inet") + kittest.Table(r.T, "bridge")
			if test.name != "another hook" { // a chain that is made again is the last
				kittest.Same(r.T, "rules", want, got)
			}
		})
	}
}

// TestAddMendsTables: an ADD to a network that exists.
func TestAddMendsTables(t *testing.T) {
	for name, rules := range map[string]string{
		"dormant": "add table inet libcni { flags dormant; }",
		"another hook": "delete chain inet libcni firewall; add chain inet libcni firewall " +
			"{ type filter hook input priority 0; }",
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			a, b := kittest.Paper("a", 2), kittest.Paper("b", 2)
			r.add(a, "")
			kittest.Feed(r.T, rules, "nft", "-f", "-")
			r.add(b, "")
			kittest.Same(r.T, "drift", []string(nil), r.drift(a, ""))
		})
	}
}
