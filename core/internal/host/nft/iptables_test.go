package nft_test

import (
	"fmt"
	"net/netip"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/libcni/libcni/core/internal/host/netns/netnstest"
	"github.com/libcni/libcni/core/internal/host/nft"
)

func command(t *testing.T, stdin, name string, arguments ...string) string {
	t.Helper()
	cmd := exec.Command(name, arguments...)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %v: %v", name, arguments, err)
	}
	return string(out)
}

func iptablesRules(t *testing.T, c nft.Chain) (rules []nft.IptablesRule) {
	t.Helper()
	if err := nft.View(t.Context(), func(r *nft.Reader) (err error) {
		rules, err = r.IptablesRules(c)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return rules
}

// TestIptablesRulesSurviveSaveAndRestore writes rules without iptables, and reads what iptables
// makes of them.
func TestIptablesRulesSurviveSaveAndRestore(t *testing.T) {
	for _, test := range []struct {
		name, program string
		family        nft.Family
		src, dst      string
		want          string
	}{
		{"IPv4", "iptables-nft", nft.IPv4, "10.9.0.0/24", "10.9.7.0/22",
			`-A FORWARD -s 10.9.0.0/24 -m conntrack --ctstate RELATED,ESTABLISHED,DNAT -m comment --comment "libcni net" -j ACCEPT
-A FORWARD -d 10.9.4.0/22 -j ACCEPT
-A FORWARD -s 10.9.0.0/24 -d 10.9.4.1/32 -j DROP
`},
		{"IPv6", "ip6tables-nft", nft.IPv6, "fd00:1::/64", "fd00:2::/33",
			`-A FORWARD -s fd00:1::/64 -m conntrack --ctstate RELATED,ESTABLISHED,DNAT -m comment --comment "libcni net" -j ACCEPT
-A FORWARD -d fd00:2::/33 -j ACCEPT
-A FORWARD -s fd00:1::/64 -d fd00:2::1/128 -j DROP
`},
	} {
		t.Run(test.name, func(t *testing.T) {
			netnstest.Host(t)
			command(t, "", test.program, "-P", "FORWARD", "DROP")
			chain := nft.Chain{Table: nft.Table{Family: test.family, Name: "filter"}, Name: "FORWARD"}
			src, dst := netip.MustParsePrefix(test.src), netip.MustParsePrefix(test.dst).Masked()
			single := netip.PrefixFrom(dst.Addr().Next(), dst.Addr().BitLen())
			accept := nft.VerdictOf{Code: nft.AcceptVerdict}
			want := []nft.IptablesRule{
				{Src: src, States: nft.StateRelated | nft.StateEstablished | nft.StateTranslated,
					Comment: "libcni net", Verdict: accept},
				{Dst: dst, Verdict: accept},
				{Src: src, Dst: single, Verdict: nft.VerdictOf{Code: nft.DropVerdict}},
			}
			state := t.TempDir()
			update(t, state, func(tx *nft.Tx) error { tx.AddIptablesRule(chain, want[2], 0); return nil })
			last := iptablesRules(t, chain)[0].Handle
			update(t, state, func(tx *nft.Tx) error {
				tx.AddIptablesRule(chain, want[0], last)
				tx.AddIptablesRule(chain, want[1], last)
				return nil
			})
			ignoreHandle := cmpopts.IgnoreFields(nft.IptablesRule{}, "Handle")
			compare := []cmp.Option{ignoreHandle, cmp.Comparer(func(a,
				b netip.Prefix) bool {
				return a == b
			})}
			if diff := cmp.Diff(want, iptablesRules(t, chain), compare...); diff != "" {
				t.Errorf("written (-want +got):\n%s", diff)
			}
			if got := command(t, "", test.program, "-S", "FORWARD"); got != "-P FORWARD DROP\n"+test.want {
				t.Errorf("iptables prints\n%s", got)
			}
			saved := command(t, "", test.program+"-save")
			command(t, "", test.program, "-F")
			command(t, saved, test.program+"-restore")
			if diff := cmp.Diff(want, iptablesRules(t, chain), compare...); diff != "" {
				t.Errorf("restored (-want +got):\n%s", diff)
			}
		})
	}
}

func TestIptablesRulesAreNotWidened(t *testing.T) {
	netnstest.Host(t)
	for _, rule := range []string{
		"-j DROP", "-j REJECT", "-p tcp -j DROP", "-i eth0 -j DROP", "-m limit --limit 1/s -j DROP",
		"! -s 10.0.0.0/8 -j DROP",
		"-m conntrack ! --ctstate NEW -j DROP", "-m mark --mark 1 -j REJECT", "-s 10.0.0.0/8 -j DROP",
		"-j LOG", "-m comment --comment x -j RETURN",
	} {
		command(t, "", "iptables-nft", append([]string{"-A", "FORWARD"}, strings.Fields(rule)...)...)
	}
	chain := nft.Chain{Table: nft.Table{Family: nft.IPv4, Name: "filter"}, Name: "FORWARD"}
	var always []int
	for i, r := range iptablesRules(t, chain) {
		if r.Always() {
			always = append(always, i)
		}
	}
	if diff := cmp.Diff([]int{0, 1, 9, 10}, always); diff != "" {
		t.Errorf("rules for every packet (-want +got):\n%s", diff)
	}
}

// BenchmarkIptablesRules reads what other tools have for 200 containers, as after each change of
// theirs.
func BenchmarkIptablesRules(b *testing.B) {
	netnstest.Host(b)
	lines := "*filter\n:CNI-FORWARD -\n"
	for i := range 200 {
		lines += fmt.Sprintf(
			"-A CNI-FORWARD -d 10.9.0.%[1]d/32 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n-A "+
				"CNI-FORWARD -s 10.9.0.%[1]d/32 -j ACCEPT\n", i)
	}
	restore := exec.Command("iptables-nft-restore")
	restore.Stdin = strings.NewReader(lines + "COMMIT\n")
	if out, err := restore.CombinedOutput(); err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	for b.Loop() {
		if err := nft.View(b.Context(), func(r *nft.Reader) error {
			rules, err := r.IptablesRules(nft.Chain{Table: nft.Table{Family: nft.IPv4, Name: "filter"},
				Name: "CNI-FORWARD"})
			if len(rules) != 400 {
				b.Errorf("%d rules", len(rules))
			}
			return err
		}); err != nil {
			b.Fatal(err)
		}
	}
}
