package firewall

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/libcni/libcni/core/internal/host/nft"
	"github.com/libcni/libcni/core/plugin"
)

func golden(r *rig, name, got string) {
	r.t.Helper()
	path := filepath.Join("testdata", name+".nft")
	if *rewrite {
		must(r.t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	must(r.t, err)
	r.same(name, string(want), got)
}

var handles = regexp.MustCompile(`handle [0-9]+`)

var rewrite = flag.Bool("rewrite", false, "write the golden files")

// TestRulesGrowWithNetworks shows the tables for two networks, one of which is open and one isolated.
func TestRulesGrowWithNetworks(t *testing.T) {
	policies := map[string]string{"a": "", "b": `"ingressPolicy":"isolated"`}
	for _, count := range []int{0, 1, 2, 100} {
		t.Run(fmt.Sprint(count), func(t *testing.T) {
			r := newRig(t)
			var all []*container
			for i := range count {
				c := paper([]string{"a", "b"}[i%2], i/2+2)
				c.id = fmt.Sprintf("c%d", i)
				all = append(all, c)
				r.add(c, policies[c.network])
			}
			golden(r, fmt.Sprintf("firewall-%d", count), r.listing("inet")+r.listing("bridge"))
			for _, c := range all {
				r.same("drift", []string(nil), r.drift(c, policies[c.network]))
			}
			for i, c := range all {
				if i%4 < 2 {
					c = c.forgotten()
				}
				r.del(c, policies[c.network])
			}
			if count > 1 {
				golden(r, "firewall-left", r.listing("inet")+r.listing("bridge"))
			}
		})
	}
}

func TestAddTwiceIsOnce(t *testing.T) {
	r := newRig(t)
	c := paper("a", 2)
	const policy = `"ingressPolicy":"isolated"`
	r.run("iptables-nft", "-P", "FORWARD", "DROP")
	r.add(c, policy)
	before := r.ruleset()
	r.add(c, policy)
	r.same("rules", before, r.ruleset())
}

func TestDelOfOneLeavesOthers(t *testing.T) {
	r := newRig(t)
	a2, a3, b2 := paper("a", 2), paper("a", 3), paper("b", 2)
	const policy = `"ingressPolicy":"same-bridge"`
	for _, c := range []*container{a3, b2} {
		r.add(c, policy)
	}
	before := r.ruleset()
	for _, c := range []*container{a2, a2.forgotten()} {
		r.add(a2, policy)
		r.del(c, policy)
		r.same("rules of the others", before, r.ruleset())
		r.del(c, policy)
		r.same("rules of the others, the second time", before, r.ruleset())
	}
	// A late DEL of a container whose address somebody else has by now.
	late := *a3
	late.id = "earlier"
	r.del(&late, policy)
	r.same("rules of the address's next owner", before, r.ruleset())
}

func TestDelWithoutAnything(t *testing.T) {
	r := newRig(t)
	r.del(paper("a", 2).forgotten(), "")
	r.same("rules", "", r.ruleset())
}

func TestSameContainerInTwoNetworks(t *testing.T) {
	r := newRig(t)
	a, b := paper("a", 2), paper("b", 2)
	r.add(b, "")
	before := r.ruleset()
	r.add(a, "")
	r.del(a.forgotten(), "")
	r.same("rules of the other network", before, r.ruleset())
}

func TestNamesThatNeedCare(t *testing.T) {
	for _, name := range []string{`qu"ote'; drop \`, strings.Repeat("n", 300), "ünï"} {
		r := newRig(t)
		r.run("iptables-nft", "-P", "FORWARD", "DROP")
		before := r.saved("iptables-nft-save")
		c := paper("a", 2)
		c.network, c.id = name, strings.Repeat("i", 300)
		r.add(c, `"ingressPolicy":"isolated"`)
		r.same("drift", []string(nil), r.drift(c, `"ingressPolicy":"isolated"`))
		saved := r.saved("iptables-nft-save")
		r.run("iptables-nft", "-F")
		r.feed(saved, "iptables-nft-restore")
		r.same("drift of the restored", []string(nil), r.drift(c, `"ingressPolicy":"isolated"`))
		r.run("nft", "-c", "-f", "/dev/null")
		r.del(c.forgotten(), "")
		r.same("the host's rules", before, r.saved("iptables-nft-save"))
		r.same("elements", 0, strings.Count(r.listing("inet"), "10.1.0.2"))
	}
}

func TestGCKeepsWhatIsValid(t *testing.T) {
	r := newRig(t)
	r.run("iptables-nft", "-P", "FORWARD", "DROP")
	empty := r.saved("iptables-nft-save")
	a2, a3, b2 := paper("a", 2), paper("a", 3), paper("b", 2)
	b2.id = "c9"
	r.add(a3, "")
	r.add(b2, "")
	want := r.ruleset()
	r.add(a2, "")
	inv := r.invocation(a2.forgotten(), written(""))
	inv.ValidAttachments = []plugin.AttachmentID{{ContainerID: "c3", IfName: "eth0"}, {ContainerID: "c2", IfName: "eth1"}}
	must(t, r.plugin().GC(t.Context(), inv))
	r.same("rules", want, r.ruleset())
	inv.ValidAttachments = nil
	must(t, r.plugin().GC(t.Context(), inv))
	must(t, r.plugin().GC(t.Context(), inv))
	r.same("drift in the other network", []string(nil), r.drift(b2, ""))
	if strings.Contains(r.ruleset(), "net: a") {
		t.Errorf("of the network without valid attachments there is left:\n%s", r.ruleset())
	}
	r.del(b2, "")
	r.same("the host's rules", empty, r.saved("iptables-nft-save"))
}

func TestAdministratorsChainComesFirstAndStays(t *testing.T) {
	r := newRig(t)
	c := r.container("a", 2)
	r.serve(r.outside, "outside")
	r.add(c, "")
	out := way{"out", c.ns, "192.0.2.9:7000", "outside"}
	r.try(out)
	r.run("nft", "add", "rule", "inet", "libcni", "CNI-ADMIN", "ip", "daddr", "192.0.2.9", "drop")
	r.add(r.container("a", 3), "")
	out.want = ""
	r.try(out)
	r.add(c, `"iptablesAdminChainName":"OTHERS"`)
	r.same("drift", []string(nil), r.drift(c, ""))
	r.del(c, "")
	if !strings.Contains(r.listing("inet"), "ip daddr 192.0.2.9 drop") {
		t.Error("the administrator's rule is gone")
	}
	for _, chain := range []string{"CNI-ADMIN", "OTHERS"} {
		if n := strings.Count(r.listing("inet"), "jump "+chain+" "); n != 1 {
			t.Errorf("%d jumps to %s", n, chain)
		}
	}
}

// TestPoliciesKeepNetworksApart has networks of each kind, where bridged packets pass the host's forwarding and where
// they do not.
func TestPoliciesKeepNetworksApart(t *testing.T) {
	for _, through := range []string{"0", "1"} {
		t.Run("bridge-nf-call-iptables "+through, func(t *testing.T) { policiesKeepNetworksApart(t, through) })
	}
}

func policiesKeepNetworksApart(t *testing.T, through string) {
	r := newRig(t)
	r.bridgeNetfilter(through)
	r.serve(r.outside, "outside")
	at := func(c *container) []string {
		four, six := ips(c.network, c.number)
		return []string{at(four), at(six)}
	}
	make := func(network string, number int, policy string) *container {
		c := r.container(network, number)
		r.serve(c.ns, c.network+c.id)
		r.add(c, `"ingressPolicy":"`+policy+`"`)
		return c
	}
	a2, a3 := make("a", 2, "same-bridge"), make("a", 3, "same-bridge")
	b2 := make("b", 2, "same-bridge")
	d2, d3 := make("d", 2, "isolated"), make("d", 3, "isolated")
	e2 := make("e", 2, "open")
	r.publish(d2)
	for _, w := range []struct {
		name     string
		from, to *container
		reached  bool
	}{
		{"within the bridge", a2, a3, true},
		{"to another bridge", a2, b2, false},
		{"back", b2, a3, false},
		{"to an isolated one", a2, d2, false},
		{"from an isolated one", d2, a2, false},
		{"between isolated ones", d2, d3, false},
		{"to an open one", a2, e2, true},
		{"from an open one", e2, a2, true},
	} {
		for _, address := range at(w.to) {
			want := ""
			if w.reached {
				want = w.to.network + w.to.id
			}
			r.try(way{w.name, w.from.ns, address, want})
		}
	}
	for _, c := range []*container{a2, d2, d3, e2} {
		r.try(way{"out", c.ns, "192.0.2.9:7000", "outside"}, way{"out", c.ns, "[fd00:ff::9]:7000", "outside"})
	}
	for _, from := range []*container{a2, b2, d3} {
		want := "dc2"
		if from == d3 && through == "1" {
			want = "" // translated while it is on the bridge, where nothing tells it from what is to be kept apart
		}
		r.try(way{"to a published port", from.ns, "192.0.2.1:80", want}, way{"to a published port", from.ns, "[fd00:ff::1]:80", want})
	}
	r.try(way{"in", r.outside, at(a2)[0], "ac2"}, way{"in", r.outside, at(d2)[1], "dc2"})

	r.del(d2, `"ingressPolicy":"isolated"`)
	r.del(d3.forgotten(), `"ingressPolicy":"isolated"`)
	r.try(way{"between those that were isolated", d2.ns, at(d3)[0], "dc3"}, way{"to what was isolated", a2.ns, at(d2)[0], "dc2"})
}

func TestCheckFindsWhatIsMissingOrForeign(t *testing.T) {
	const policy = `"ingressPolicy":"isolated"`
	n := nft.Hash("a")
	for _, test := range []struct {
		name   string
		change []string // commands
		want   []string
		stays  bool // Repair does not touch it
	}{
		{name: "nothing"},
		{name: "a rule of the first chain", change: []string{"nft flush chain inet libcni firewall",
			"nft add rule inet libcni firewall jump firewall-admin comment \"the administrator's rules\"", "nft add rule inet libcni firewall accept comment foreign"},
			want: []string{`nftables rule "published ports" in chain firewall: missing, not present`,
				`nftables rule "ingressPolicy" in chain firewall: missing, not present`,
				`nftables rule "answers" in chain firewall: missing, not present`,
				`nftables rule "from containers" in chain firewall: missing, not present`,
				`nftables rule "foreign", handle N in chain firewall: present, not missing`}},
		{name: "an address", change: []string{"nft delete element inet libcni firewall4-" + n + " { 10.1.0.2 }"},
			want: []string{"nftables set firewall4-" + n + " element 10.1.0.2: missing, not present"}},
		{name: "an address that somebody else has", stays: true, change: []string{"nft delete element inet libcni firewall6-" + n + " { fd00:1::2 }",
			"nft add element inet libcni firewall6-" + n + " { fd00:1::2 comment foreign }"},
			want: []string{"nftables set firewall6-" + n + ` element fd00:1::2: for "foreign", not for container c2, interface eth0, network a`}},
		{name: "bridges", change: []string{"nft flush set inet libcni firewall-bridges-" + n, "nft flush set bridge libcni firewall-ports-" + n},
			want: []string{"nftables set firewall-bridges-" + n + " element bra: missing, not present", "nftables set firewall-ports-" + n + " element va2: missing, not present"}},
		{name: "the network's rules", change: []string{"nft flush chain inet libcni firewall-networks", "nft flush chain inet libcni firewall-bridges", "nft flush chain bridge libcni firewall"},
			want: []string{`nftables rule "` + n + `, net: a" in chain firewall-bridges: missing, not present`,
				`nftables rule "` + n + `, net: a" in chain firewall: missing, not present`,
				`nftables rule "` + n + `, net: a" in chain firewall: missing, not present`,
				`nftables rule "` + n + `, net: a" in chain firewall-networks: missing, not present`,
				`nftables rule "` + n + `, net: a" in chain firewall-networks: missing, not present`}},
		{name: "the pair", change: []string{"iptables-nft -F FORWARD"},
			want: []string{`iptables rule -A FORWARD -s 10.1.0.0/24 -m comment --comment "libcni ` + n + `, net: a" -j ACCEPT: missing, not present`,
				`iptables rule -A FORWARD -d 10.1.0.0/24 -m comment --comment "libcni ` + n + `, net: a" -m conntrack --ctstate RELATED,ESTABLISHED,DNAT -j ACCEPT: missing, not present`}},
		{name: "a pair behind a drop", change: []string{"iptables-nft -I FORWARD -j DROP"},
			want: []string{`iptables rule -A FORWARD -s 10.1.0.0/24 -m comment --comment "libcni ` + n + `, net: a" -j ACCEPT: missing, not present`,
				`iptables rule -A FORWARD -d 10.1.0.0/24 -m comment --comment "libcni ` + n + `, net: a" -m conntrack --ctstate RELATED,ESTABLISHED,DNAT -j ACCEPT: missing, not present`}},
		{name: "a host that drops by now", change: []string{"ip6tables-nft -P FORWARD DROP"},
			want: []string{`ip6tables rule -A FORWARD -s fd00:1::/64 -m comment --comment "libcni ` + n + `, net: a" -j ACCEPT: missing, not present`,
				`ip6tables rule -A FORWARD -d fd00:1::/64 -m comment --comment "libcni ` + n + `, net: a" -m conntrack --ctstate RELATED,ESTABLISHED,DNAT -j ACCEPT: missing, not present`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(t)
			r.run("iptables-nft", "-P", "FORWARD", "DROP")
			c := paper("a", 2)
			r.add(c, policy)
			for _, command := range test.change {
				if strings.HasPrefix(command, "nft ") {
					r.feed(strings.TrimPrefix(command, "nft "), "nft", "-f", "-")
				} else {
					words := strings.Fields(command)
					r.run(words[0], words[1:]...)
				}
			}
			before := r.ruleset()
			var want []string
			for _, w := range test.want {
				want = append(want, "firewall: "+w)
			}
			got := r.drift(c, policy)
			for i := range got {
				got[i] = handles.ReplaceAllString(got[i], "handle N")
			}
			r.same("drift", want, got)
			r.same("the rules after CHECK", before, r.ruleset())

			repaired := r.repair(c, policy)
			if test.stays {
				r.same("repaired", []string(nil), repaired)
				r.same("drift after Repair", want, r.drift(c, policy))
				return
			}
			r.same("number of objects repaired", len(want), len(repaired))
			r.same("drift after Repair", []string(nil), r.drift(c, policy))
		})
	}
}

func TestRepairAfterEverythingWasFlushed(t *testing.T) {
	r := newRig(t)
	c, other := r.container("a", 2), r.container("a", 3)
	r.serve(r.outside, "outside")
	r.serve(other.ns, "other")
	const policy = `"ingressPolicy":"isolated"`
	r.bridgeNetfilter("0")
	r.run("iptables-nft", "-P", "FORWARD", "DROP")
	for _, each := range []*container{c, other} {
		r.add(each, policy)
	}
	four, _ := ips("a", 3)
	ways := []way{{"out", c.ns, "192.0.2.9:7000", "outside"}, {"between containers", c.ns, at(four), ""}}
	r.try(ways...)
	before := r.listing("inet") + r.listing("bridge") + r.saved("iptables-nft-save")
	r.run("nft", "flush", "ruleset")
	r.run("iptables-nft", "-P", "FORWARD", "DROP")
	r.try(way{"out", c.ns, "192.0.2.9:7000", ""}, way{"between containers", c.ns, at(four), "other"})
	for _, each := range []*container{c, other} {
		if len(r.repair(each, policy)) == 0 {
			t.Errorf("nothing was repaired of %s", each.id)
		}
		r.same("repaired the second time", []string(nil), r.repair(each, policy))
	}
	r.try(ways...)
	r.same("the rules", before, r.listing("inet")+r.listing("bridge")+r.saved("iptables-nft-save"))
}
