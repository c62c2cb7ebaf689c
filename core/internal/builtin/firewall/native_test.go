package firewall

import (
	"errors"
	"strings"
	"testing"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/kit/kittest"
)

// status returns the code and the text of an error of STATUS, and its warnings.
func (r *rig) status(members string) (code int64, text string, warnings []string) {
	r.T.Helper()
	r.Warnings = nil
	err := r.plugin().Status(r.T.Context(), r.invocation(kittest.Lost("a", "c0"), members))
	var f *fault.Error
	if errors.As(err, &f) {
		code, text = f.Code, f.Msg
	} else {
		kittest.Must(r.T, err)
	}
	return code, text, r.Warnings
}

// TestStatusOfHostsThatDrop: only a verdict without conditions that nothing of ours can precede is
// an error.
func TestStatusOfHostsThatDrop(t *testing.T) {
	const base = "type filter hook forward priority 0;"
	for _, test := range []struct {
		name, rules string
		code        int64
		want        string // in the error, or in the warning; "" for neither
	}{
		{"nothing", "", 0, ""},
		{"a policy", "table inet filter { chain forward { " + base + " policy drop; }; }", 51,
			"chain forward of nftables table inet filter drops all"},
		{"a policy in capitals", "table inet filter { chain FORWARD { " + base + " policy drop; }; }", 51,
			"chain FORWARD of nftables table inet filter"},
		{"a policy of another name", "table ip x { chain y { " + base + " policy drop; }; }", 51,
			"nft insert rule ip x y ip saddr"},
		{"replies pass", "table inet filter { chain forward { " + base + " policy drop; " +
			"ct state established,related accept; ct state invalid drop; }; }", 51, "drops all"},
		{"a last rule", "table ip6 x { chain y { " + base + " counter reject; }; }", 51, "table ip6 x"},
		{"a last rule in a chain", "table ip x { chain z { log; drop; }; chain y { " + base +
			" jump z; accept; }; }", 51, "chain y of nftables table ip x"},
		{"something passes", "table inet filter { chain forward { " + base + " policy drop; " +
			"iifname br0 accept; }; }", 0, "drops the forwarded packets that none of its rules accepts"},
		{"a map of verdicts", "table inet filter { chain forward { " + base + " policy drop; " +
			"iifname vmap { br0 : accept }; }; }", 0, "none of its rules accepts"},
		{"a rule with conditions", "table inet filter { chain forward { " + base +
			" iifname lan0 drop; }; }", 0, "rules that drop some forwarded packets (1)"},
		{"invalid packets", "table inet filter { chain forward { " + base +
			" ct state invalid drop; }; }", 0, ""},
		{"everything passes", "table inet filter { chain forward { " + base +
			" policy drop; accept; }; }", 0, ""},
		{"another hook", "table inet filter { chain forward { type filter hook input priority 0; " +
			"policy drop; }; }", 0, ""},
		{"frames", "table bridge x { chain y { " + base + " policy drop; }; }", 0, "table bridge x"},
		{"firewalld's own", "table inet firewalld { chain f { " + base + " policy drop; }; }", 0, ""},
		{"iptables", "table ip filter { chain FORWARD { " + base + " policy drop; }; }", 0, ""},
		{"iptables, addresses of a container", "table ip filter { chain FORWARD { " + base +
			" ip saddr 10.0.0.0/8 counter drop; }; }", 0,
			"iptables rule -A FORWARD -s 10.0.0.0/8 -j DROP drops packets of containers, such as 10.1.0.2"},
		{"iptables, other addresses", "table ip filter { chain FORWARD { " + base +
			" ip saddr 192.168.0.0/16 counter drop; }; }", 0, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(t)
			r.add(kittest.Paper("a", 2), "")
			kittest.Feed(r.T, test.rules, "nft", "-f", "-")
			for _, members := range []string{"", viaIPTables} {
				code, text, warnings := r.status(members)
				said := strings.Join(append(warnings, text), "\n")
				if members != "" && strings.HasPrefix(test.want, "iptables rule") {
					continue // the backend's own rules come first
				}
				if code != test.code || !strings.Contains(said, test.want) ||
					test.want == "" && said != "" {
					t.Errorf("%q: code %d, %q; want %d, %q", members, code, said, test.code, test.want)
				}
			}
		})
	}
}

func TestAddWarnsOfAChainThatDrops(t *testing.T) {
	r := newRig(t)
	r.add(kittest.Paper("a", 2), "")
	kittest.Same(r.T, "warnings", []string(nil), r.Warnings)
	kittest.Feed(r.T, "table inet filter { chain forward { type filter hook forward priority 0; "+
		"policy drop; }; }", "nft", "-f", "-")
	for _, c := range []*kittest.Container{kittest.Paper("b", 2), kittest.Paper("a", 3)} {
		r.Warnings = nil
		r.add(c, "")
		if len(r.Warnings) != 1 || !strings.Contains(r.Warnings[0], "drops all forwarded packets") {
			t.Errorf("%s of %s: warnings %q", c.ID, c.Network, r.Warnings)
		}
	}
}
