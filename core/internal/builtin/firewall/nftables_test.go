package firewall

import (
	"fmt"
	"net"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/libcni/libcni/core/internal/host/nft"
	"github.com/libcni/libcni/core/internal/kit/kittest"
	"github.com/libcni/libcni/core/plugin"
)

var handles = regexp.MustCompile(`handle [0-9]+`)

// TestRulesGrowWithNetworks shows the tables for two networks, one of which is open and one
// isolated.
func TestRulesGrowWithNetworks(t *testing.T) {
	policies := map[string]string{"a": "", "b": `"ingressPolicy":"isolated"`}
	for _, count := range []int{0, 1, 2, 100} {
		t.Run(fmt.Sprint(count), func(t *testing.T) {
			r := newRig(t)
			var all []*kittest.Container
			for i := range count {
				c := kittest.Paper([]string{"a", "b"}[i%2], i/2+2)
				c.ID = fmt.Sprintf("c%d", i)
				all = append(all, c)
				r.add(c, policies[c.Network])
			}
			kittest.Golden(t, fmt.Sprintf("firewall-%d.nft", count),
				kittest.Table(r.T, "inet")+kittest.Table(r.T, "bridge"))
			for _, c := range all {
				kittest.Same(r.T, "drift", []string(nil), r.drift(c, policies[c.Network]))
			}
			for i, c := range all {
				if i%4 < 2 {
					c = c.Lost()
				}
				r.del(c, policies[c.Network])
			}
			if count > 1 {
				kittest.Golden(t, "firewall-left.nft",
					kittest.Table(r.T, "inet")+kittest.Table(r.T, "bridge"))
			}
		})
	}
}

func TestAddTwiceIsOnce(t *testing.T) {
	r := newRig(t)
	c := kittest.Paper("a", 2)
	const policy = `"ingressPolicy":"isolated"`
	kittest.Run(r.T, "iptables-nft", "-P", "FORWARD", "DROP")
	r.add(c, policy)
	before := kittest.Ruleset(r.T)
	r.add(c, policy)
	kittest.Same(r.T, "rules", before, kittest.Ruleset(r.T))
}

func TestDelOfOneLeavesOthers(t *testing.T) {
	r := newRig(t)
	a2, a3, b2 := kittest.Paper("a", 2), kittest.Paper("a", 3), kittest.Paper("b", 2)
	const policy = `"ingressPolicy":"same-bridge"`
	for _, c := range []*kittest.Container{a3, b2} {
		r.add(c, policy)
	}
	before := kittest.Ruleset(r.T)
	for _, c := range []*kittest.Container{a2, a2.Lost()} {
		r.add(a2, policy)
		r.del(c, policy)
		kittest.Same(r.T, "rules of the others", before, kittest.Ruleset(r.T))
		r.del(c, policy)
		kittest.Same(r.T, "rules of the others, the second time", before, kittest.Ruleset(r.T))
	}
	// A late DEL of a container whose address somebody else has by now.
	late := *a3
	late.ID = "earlier"
	r.del(&late, policy)
	kittest.Same(r.T, "rules of the address's next owner", before, kittest.Ruleset(r.T))
}

func TestDelWithoutAnything(t *testing.T) {
	r := newRig(t)
	r.del(kittest.Paper("a", 2).Lost(), "")
	kittest.Same(r.T, "rules", "", kittest.Ruleset(r.T))
}

func TestSameContainerInTwoNetworks(t *testing.T) {
	r := newRig(t)
	a, b := kittest.Paper("a", 2), kittest.Paper("b", 2)
	r.add(b, "")
	before := kittest.Ruleset(r.T)
	r.add(a, "")
	r.del(a.Lost(), "")
	kittest.Same(r.T, "rules of the other network", before, kittest.Ruleset(r.T))
}

func TestNamesThatNeedCare(t *testing.T) {
	for _, name := range []string{`qu"ote'; drop \`, strings.Repeat("n", 300), "ünï"} {
		r := newRig(t)
		kittest.Run(r.T, "iptables-nft", "-P", "FORWARD", "DROP")
		before := kittest.Saved(r.T, "iptables-nft-save")
		c := kittest.Paper("a", 2)
		c.Network, c.ID = name, strings.Repeat("i", 300)
		r.add(c, `"ingressPolicy":"isolated"`)
		kittest.Same(r.T, "drift", []string(nil), r.drift(c, `"ingressPolicy":"isolated"`))
		saved := kittest.Saved(r.T, "iptables-nft-save")
		kittest.Run(r.T, "iptables-nft", "-F")
		kittest.Feed(r.T, saved, "iptables-nft-restore")
		kittest.Same(r.T, "drift of the restored", []string(nil),
			r.drift(c, `"ingressPolicy":"isolated"`))
		kittest.Feed(r.T, "", "nft", "-c", "-f", "-")
		r.del(c.Lost(), "")
		kittest.Same(r.T, "the host's rules", before, kittest.Saved(r.T, "iptables-nft-save"))
		kittest.Same(r.T, "elements", 0, strings.Count(kittest.Table(r.T, "inet"), "10.1.0.2"))
	}
}

func TestGCKeepsWhatIsValid(t *testing.T) {
	r := newRig(t)
	kittest.Run(r.T, "iptables-nft", "-P", "FORWARD", "DROP")
	empty := kittest.Saved(r.T, "iptables-nft-save")
	a2, a3, b2 := kittest.Paper("a", 2), kittest.Paper("a", 3), kittest.Paper("b", 2)
	b2.ID = "c9"
	r.add(a3, "")
	r.add(b2, "")
	want := kittest.Ruleset(r.T)
	r.add(a2, "")
	inv := r.invocation(a2.Lost(), "")
	inv.ValidAttachments = []plugin.AttachmentID{
		{ContainerID: "c3", IfName: "eth0"},
		{ContainerID: "c2", IfName: "eth1"},
	}
	kittest.Must(t, r.plugin().GC(t.Context(), inv))
	kittest.Same(r.T, "rules", want, kittest.Ruleset(r.T))
	inv.ValidAttachments = nil
	kittest.Must(t, r.plugin().GC(t.Context(), inv))
	kittest.Must(t, r.plugin().GC(t.Context(), inv))
	kittest.Same(r.T, "drift in the other network", []string(nil), r.drift(b2, ""))
	if strings.Contains(kittest.Ruleset(r.T), "net: a") {
		t.Errorf("of the network without valid attachments there is left:\n%s",
			kittest.Ruleset(r.T))
	}
	r.del(b2, "")
	kittest.Same(r.T, "the host's rules", empty, kittest.Saved(r.T, "iptables-nft-save"))
}

func TestAdministratorsChainComesFirstAndStays(t *testing.T) {
	r := newRig(t)
	c := r.container("a", 2)
	r.Serve(r.outside, ":7000", "outside")
	r.add(c, "")
	out := path("out", &c.Node, "192.0.2.9:7000", "outside")
	r.Try(out)
	kittest.Run(r.T, "nft", "add", "rule", "inet", "libcni", "CNI-ADMIN", "ip", "daddr",
		"192.0.2.9", "drop")
	r.add(r.container("a", 3), "")
	out.Want = ""
	r.Try(out)
	r.add(c, `"iptablesAdminChainName":"OTHERS"`)
	kittest.Same(r.T, "drift", []string(nil), r.drift(c, ""))
	r.del(c, "")
	if !strings.Contains(kittest.Table(r.T, "inet"), "ip daddr 192.0.2.9 drop") {
		t.Error("the administrator's rule is gone")
	}
	for _, chain := range []string{"CNI-ADMIN", "OTHERS"} {
		if n := strings.Count(kittest.Table(r.T, "inet"), "jump "+chain+" "); n != 1 {
			t.Errorf("%d jumps to %s", n, chain)
		}
	}
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
			"nft add rule inet libcni firewall jump firewall-admin comment \"the administrator's rules\"",
			"nft add rule inet libcni firewall accept comment foreign"},
			want: []string{`nftables rule "published ports excepted from ingressPolicy" in chain firewall: missing, not present`,
				`nftables rule "ingressPolicy" in chain firewall: missing, not present`,
				`nftables rule "published ports" in chain firewall: missing, not present`,
				`nftables rule "answers" in chain firewall: missing, not present`,
				`nftables rule "from containers" in chain firewall: missing, not present`,
				`nftables rule "foreign", handle N in chain firewall: present, not missing`}},
		{name: "an address",
			change: []string{"nft delete element inet libcni firewall4-" + n + " { 10.1.0.2 }"},
			want:   []string{"nftables set firewall4-" + n + " element 10.1.0.2: missing, not present"}},
		{name: "an address that somebody else has", stays: true,
			change: []string{"nft delete element inet libcni firewall6-" + n + " { fd00:1::2 }",
				"nft add element inet libcni firewall6-" + n + " { fd00:1::2 comment foreign }"},
			want: []string{
				"nftables set firewall6-" + n +
					` element fd00:1::2: for "foreign", not for container c2, interface eth0, network a`,
			}},
		{name: "bridges",
			change: []string{
				"nft flush set inet libcni firewall-bridges-" + n,
				"nft flush set bridge libcni firewall-ports-" + n,
			},
			want: []string{
				"nftables set firewall-bridges-" + n + " element bra: missing, not present",
				"nftables set firewall-ports-" + n + " element va2: missing, not present",
			}},
		{name: "the network's rules",
			change: []string{
				"nft flush chain inet libcni firewall-networks", "nft flush chain inet libcni firewall-bridges",
				"nft flush chain bridge libcni firewall",
			},
			want: []string{`nftables rule "` + n +
				`, net: a" in chain firewall-bridges: missing, not present`,
				`nftables rule "` + n + `, net: a" in chain firewall-networks: missing, not present`,
				`nftables rule "` + n + `, net: a" in chain firewall-networks: missing, not present`,
				`nftables rule "` + n + `, net: a" in chain firewall: missing, not present`}},
		{name: "the accepting rules", change: []string{"iptables-nft -F FORWARD"},
			want: []string{`iptables rule -A FORWARD -s 10.1.0.0/24 -m comment --comment "libcni ` + n + `, net: a" -j ACCEPT: missing, not present`,
				`iptables rule -A FORWARD -d 10.1.0.0/24 -m comment --comment "libcni ` + n + `, net: a" -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT: missing, not present`,
				`iptables rule -A FORWARD -d 10.1.0.0/24 -m comment --comment "libcni ` + n + `, net: a" -m conntrack --ctstate DNAT -j ACCEPT: missing, not present`}},
		{name: "accepting rules behind a drop", change: []string{"iptables-nft -I FORWARD -j DROP"},
			want: []string{`iptables rule -A FORWARD -s 10.1.0.0/24 -m comment --comment "libcni ` + n + `, net: a" -j ACCEPT: missing, not present`,
				`iptables rule -A FORWARD -d 10.1.0.0/24 -m comment --comment "libcni ` + n + `, net: a" -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT: missing, not present`,
				`iptables rule -A FORWARD -d 10.1.0.0/24 -m comment --comment "libcni ` + n + `, net: a" -m conntrack --ctstate DNAT -j ACCEPT: missing, not present`}},
		{name: "a host that drops by now", change: []string{"ip6tables-nft -P FORWARD DROP"},
			want: []string{`ip6tables rule -A FORWARD -s fd00:1::/64 -m comment --comment "libcni ` + n +
				`, net: a" -j ACCEPT: missing, not present`,
				`ip6tables rule -A FORWARD -d fd00:1::/64 -m comment --comment "libcni ` + n +
					`, net: a" -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT: missing, not present`,
				`ip6tables rule -A FORWARD -d fd00:1::/64 -m comment --comment "libcni ` + n +
					`, net: a" -m conntrack --ctstate DNAT -j ACCEPT: missing, not present`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(t)
			kittest.Run(r.T, "iptables-nft", "-P", "FORWARD", "DROP")
			c := kittest.Paper("a", 2)
			r.add(c, policy)
			for _, command := range test.change {
				if strings.HasPrefix(command, "nft ") {
					kittest.Feed(r.T, strings.TrimPrefix(command, "nft "), "nft", "-f", "-")
				} else {
					words := strings.Fields(command)
					kittest.Run(r.T, words[0], words[1:]...)
				}
			}
			before := kittest.Ruleset(r.T)
			var want []string
			for _, w := range test.want {
				want = append(want, "firewall: "+w)
			}
			got := r.drift(c, policy)
			for i := range got {
				got[i] = handles.ReplaceAllString(got[i], "handle N")
			}
			kittest.Same(r.T, "drift", want, got)
			kittest.Same(r.T, "the rules after CHECK", before, kittest.Ruleset(r.T))

			repaired := r.repair(c, policy)
			if test.stays {
				kittest.Same(r.T, "repaired", []string(nil), repaired)
				kittest.Same(r.T, "drift after Repair", want, r.drift(c, policy))
				return
			}
			kittest.Same(r.T, "number of objects repaired", len(want), len(repaired))
			kittest.Same(r.T, "drift after Repair", []string(nil), r.drift(c, policy))
		})
	}
}

func TestRepairAfterEverythingWasFlushed(t *testing.T) {
	r := newRig(t)
	c, other := r.container("a", 2), r.container("a", 3)
	r.Serve(r.outside, ":7000", "outside")
	r.Serve(&other.Node, ":7000", "other")
	const policy = `"ingressPolicy":"isolated"`
	r.bridgeNetfilter("0")
	kittest.Run(r.T, "iptables-nft", "-P", "FORWARD", "DROP")
	for _, each := range []*kittest.Container{c, other} {
		r.add(each, policy)
	}
	four, _ := kittest.Addresses("a", 3)
	ways := []kittest.Path{
		path("out", &c.Node, "192.0.2.9:7000", "outside"),
		path("between containers", &c.Node, at(four), ""),
	}
	r.Try(ways...)
	before := kittest.Table(r.T, "inet") + kittest.Table(r.T,
		"bridge") + kittest.Saved(r.T, "iptables-nft-save")
	kittest.Run(r.T, "nft", "flush", "ruleset")
	kittest.Run(r.T, "iptables-nft", "-P", "FORWARD", "DROP")
	r.Try(path("out", &c.Node, "192.0.2.9:7000", ""),
		path("between containers", &c.Node, at(four), "other"))
	for _, each := range []*kittest.Container{c, other} {
		if len(r.repair(each, policy)) == 0 {
			t.Errorf("nothing was repaired of %s", each.ID)
		}
		kittest.Same(r.T, "repaired the second time", []string(nil), r.repair(each, policy))
	}
	r.Try(ways...)
	kittest.Same(
		r.T,
		"the rules",
		before,
		kittest.Table(r.T, "inet")+kittest.Table(r.T,
			"bridge")+kittest.Saved(r.T, "iptables-nft-save"),
	)
}

// TestAddressWithTwoPrefixLengths: another plugin's result may have an address in two networks.
func TestAddressWithTwoPrefixLengths(t *testing.T) {
	r := newRig(t)
	twice, once := kittest.Paper("a", 2), kittest.Paper("a", 3)
	result, err := twice.Result.Value()
	kittest.Must(t, err)
	for _, ip := range slices.Clone(result.IPs) {
		wider := *ip
		wider.Address.Mask = net.CIDRMask(12, 8*len(ip.Address.Mask))
		result.IPs = append(result.IPs, &wider)
	}
	twice.Result = plugin.NewResult(result)

	r.add(once, "")
	before := kittest.Ruleset(r.T)
	for range 2 {
		r.add(twice, "")
		kittest.Same(r.T, "drift", []string(nil), r.drift(twice, ""))
		r.del(twice, "")
		kittest.Same(r.T, "the other's rules", before, kittest.Ruleset(r.T))
	}
}
