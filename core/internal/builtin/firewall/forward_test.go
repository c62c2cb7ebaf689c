package firewall

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/libcni/libcni/core/internal/host/iptables"
	"github.com/libcni/libcni/core/internal/host/nft"
	"github.com/libcni/libcni/core/internal/kit/kittest"
)

// dropping is a host whose own rules drop what it forwards.
type dropping struct {
	name     string
	programs [2]string // for IPv4 and IPv6
	rules    []string
	chain    string // where the rules must be
}

func droppingHosts() []dropping {
	current, older := [2]string{
		"iptables-nft",
		"ip6tables-nft",
	}, [2]string{
		"iptables-legacy",
		"ip6tables-legacy",
	}
	var hosts []dropping
	for _, programs := range [][2]string{current, older} {
		hosts = append(
			hosts,
			dropping{programs[0] + ", a policy", programs, []string{"-P FORWARD DROP"}, "FORWARD"},
			dropping{
				programs[0] + ", Docker",
				programs,
				[]string{"-P FORWARD DROP", "-N DOCKER-USER", "-N DOCKER-FORWARD",
					"-A DOCKER-USER -i eth7 -j DROP", "-A DOCKER-USER -j RETURN", "-A FORWARD -j DOCKER-USER",
					"-A FORWARD -j DOCKER-FORWARD",
					"-A DOCKER-FORWARD -i docker0 -j ACCEPT"},
				"DOCKER-USER",
			},
			dropping{
				programs[0] + ", ufw that rejects",
				programs,
				[]string{"-P FORWARD DROP", "-N ufw-before-forward", "-N ufw-reject-forward",
					"-A FORWARD -j ufw-before-forward", "-A FORWARD -j ufw-reject-forward",
					"-A ufw-before-forward -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
					"-A ufw-reject-forward -j REJECT"},
				"FORWARD",
			},
			dropping{
				programs[0] + ", a last rule",
				programs,
				[]string{"-A FORWARD -i eth7 -j ACCEPT", "-A FORWARD -j REJECT"},
				"FORWARD",
			},
		)
		for _, conditional := range []string{"-i out0", "! -o lan0", "-m conntrack --ctstate NEW"} {
			hosts = append(hosts, dropping{programs[0] + ", " + conditional, programs,
				[]string{"-A FORWARD " + conditional + " -j DROP"}, "FORWARD"})
		}
		hosts = append(hosts, dropping{programs[0] + ", seven jumps deep", programs,
			[]string{"-N C1", "-N C2", "-N C3", "-N C4", "-N C5", "-N C6", "-N C7", "-A FORWARD -j C1",
				"-A C1 -j C2", "-A C2 -j C3", "-A C3 -j C4", "-A C4 -j C5", "-A C5 -j C6", "-A C6 -j C7",
				"-A C7 ! -i lan0 -j DROP"}, "FORWARD"})
	}
	return hosts
}

// TestAdministratorsWordAboutTheNetworkCounts: rules about the network's addresses or its bridge
// apply, and ADD says so.
func TestAdministratorsWordAboutTheNetworkCounts(t *testing.T) {
	for _, programs := range []string{"nft", "legacy"} {
		for _, condition := range []string{"-s 10.0.0.0/8", "-d 10.1.0.0/24", "-i bra", "-o br+"} {
			t.Run(programs+" "+condition, func(t *testing.T) {
				r := newRig(t)
				c := r.container("a", 2)
				r.Serve(r.outside, ":7000", "outside")
				words := strings.Fields("-A FORWARD " + condition + " -j DROP")
				kittest.Run(r.T, "iptables-"+programs, words...)
				kittest.Run(r.T, "iptables-"+programs, "-P", "FORWARD", "DROP")
				r.add(c, "")
				r.Try(path("out", &c.Node, "192.0.2.9:7000", ""),
					path("out, IPv6", &c.Node, "[fd00:9::9]:7000", "outside"))
				kittest.Same(r.T, "drift", []string(nil), r.drift(c, ""))
				name := map[string]string{"nft": "iptables", "legacy": "iptables-legacy"}[programs]
				want := name + " rule -A FORWARD " + condition + " -j DROP drops packets of the network"
				if len(r.Warnings) != 1 || !strings.Contains(r.Warnings[0], want) {
					t.Errorf("warnings %q, want %q", r.Warnings, want)
				}
			})
		}
	}
}

func (d dropping) set(r *rig) {
	r.T.Helper()
	for _, program := range d.programs {
		for _, rule := range d.rules {
			kittest.Run(r.T, program, strings.Fields(rule)...)
		}
	}
}

func (d dropping) saved(r *rig) string {
	r.T.Helper()
	return kittest.Saved(r.T, d.programs[0]+"-save") + kittest.Saved(r.T, d.programs[1]+"-save")
}

func TestContainersReachOutWhereTheHostDrops(t *testing.T) {
	for _, d := range droppingHosts() {
		t.Run(d.name, func(t *testing.T) {
			r := newRig(t)
			c, other := r.container("a", 2), r.container("a", 3)
			r.Serve(r.outside, ":7000", "outside")
			r.Serve(&c.Node, ":7000", "c2")
			d.set(r)
			before := d.saved(r)
			four, six := kittest.Addresses("a", 2)
			out := []kittest.Path{
				path("out", &c.Node, "192.0.2.9:7000", "outside"),
				path("out", &c.Node, "[fd00:9::9]:7000", "outside"),
			}
			closed := []kittest.Path{
				path("in, not published", r.outside, at(four), ""),
				path("in, not published", r.outside, at(six), ""),
			}
			published := []kittest.Path{
				path("published", r.outside, "192.0.2.1:80", "c2"),
				path("published", r.outside, "[fd00:9::1]:80", "c2"),
			}
			r.publish(c)
			for _, w := range append(out, published...) { // it does drop
				w.Want = ""
				r.Try(w)
			}
			r.add(c, "")
			r.add(other, "")
			r.Try(append(append(out, published...), closed...)...)
			kittest.Same(r.T, "drift", []string(nil), r.drift(c, ""))

			want := before
			for _, program := range d.programs {
				saved := kittest.Saved(r.T, program+"-save")
				if n := strings.Count(saved, "-A "+d.chain+" -s "); n != 1 ||
					strings.Count(saved, `--comment "libcni `) != 3 {
					t.Errorf("not the three rules in %s:\n%s", d.chain, saved)
				}
				kittest.Run(r.T, program, "-F")
				kittest.Feed(r.T, saved, program+"-restore")
				kittest.Same(r.T, "the rules as restored", saved,
					kittest.Saved(r.T, program+"-save"))
			}
			r.Try(append(append(out, published...), closed...)...)
			kittest.Same(r.T, "drift of the restored", []string(nil), r.drift(c, ""))

			r.del(other, "")
			r.Try(out...)
			r.del(c.Lost(), "")
			kittest.Same(r.T, "the host's rules after the last container", want, d.saved(r))
			kittest.Same(r.T, "warnings", []string(nil), r.Warnings)
		})
	}
}

func TestTwoNetworksHaveRulesEach(t *testing.T) {
	r := newRig(t)
	kittest.Run(r.T, "iptables-nft", "-P", "FORWARD", "DROP")
	// The same range of addresses, so that one's rules would do for both.
	a, b := kittest.Paper("a", 2), kittest.Paper("a", 3)
	b.Network = "b"
	r.add(a, "")
	r.add(b, "")
	r.del(a, "")
	saved := kittest.Saved(r.T, "iptables-nft-save")
	if n := strings.Count(saved, ", net: b"); n != 3 || strings.Contains(saved, ", net: a") {
		t.Errorf("after DEL of the other network's container:\n%s", saved)
	}
	kittest.Same(r.T, "drift", []string(nil), r.drift(b, ""))
}

func TestHostThatForwardsIsLeftAlone(t *testing.T) {
	r := newRig(t)
	kittest.Run(r.T, "iptables-nft", "-A", "FORWARD", "-m", "conntrack", "--ctstate", "INVALID", "-j",
		"DROP")
	kittest.Run(r.T, "ip6tables-nft", "-P", "FORWARD", "DROP")
	kittest.Run(r.T, "ip6tables-nft", "-A", "FORWARD", "-j", "ACCEPT")
	before := kittest.Saved(r.T, "iptables-nft-save") + kittest.Saved(r.T, "ip6tables-nft-save")
	r.add(kittest.Paper("a", 2), "")
	kittest.Same(r.T, "the host's rules", before,
		kittest.Saved(r.T, "iptables-nft-save")+kittest.Saved(r.T, "ip6tables-nft-save"))
}

func TestPositionBeforeTheHostsDrop(t *testing.T) {
	docker := map[string][]string{"DOCKER-USER": {"-i eth7 -j DROP", "-j RETURN"}}
	for _, test := range []struct {
		name    string
		drops   bool
		forward []string
		others  map[string][]string
		chain   string // "" for none needed
		at      int
	}{
		{"nothing", false, nil, nil, "", 0},
		{"a policy", true, nil, nil, "FORWARD", 0},
		{
			"a policy after rules with conditions", true, []string{"-i eth0 -j ACCEPT", "-p tcp -j ACCEPT"},
			nil, "FORWARD", 2,
		},
		{"an interface", false, []string{"-p tcp -j ACCEPT", "-i eth0 -j DROP"}, nil, "FORWARD", 1},
		{"another interface", false, []string{"! -o lan0 -j REJECT"}, nil, "FORWARD", 0},
		{"new connections", false, []string{"-m conntrack --ctstate NEW -j DROP"}, nil, "FORWARD", 0},
		{"what belongs to no connection", false, []string{"-m conntrack --ctstate INVALID -j DROP"},
			nil, "", 0},
		{"other addresses", false, []string{"-s 192.168.0.0/16 -j DROP"}, nil, "FORWARD", 0},
		{"addresses of the network", false, []string{"-s 10.0.0.0/8 -j DROP", "-d 10.1.0.9/32 -j DROP"},
			nil, "", 0},
		{"all but other addresses", false, []string{"! -s 10.1.0.0/24 -j DROP"}, nil, "FORWARD", 0},
		{"the bridge", false, []string{"-i br-a -j DROP", "-o br+ -j DROP"}, nil, "", 0},
		{"another bridge", false, []string{"-i br-b -j DROP"}, nil, "FORWARD", 0},
		{"addresses of the network, then an interface", false,
			[]string{"-s 10.1.0.0/24 -d 10.9.0.0/16 -j DROP", "-i lan0 -j DROP"}, nil, "FORWARD", 1},
		{"an interface, then addresses of the network", false,
			[]string{"-i lan0 -j DROP", "-d 10.1.0.0/16 -j DROP"}, nil, "FORWARD", 2},
		{"addresses of the network, then a policy", true, []string{"-s 10.1.0.0/24 -j DROP"}, nil,
			"FORWARD", 1},
		{"an interface, after a verdict for all", false, []string{"-j ACCEPT", "-i eth0 -j DROP"}, nil,
			"", 0},
		{"seven jumps deep", false, []string{"-p udp -j ACCEPT", "-j C1"}, map[string][]string{
			"C1": {"-j C2"}, "C2": {"-j C3"}, "C3": {"-p tcp -j C4"}, "C4": {"-j C5"}, "C5": {"-j C6"},
			"C6": {"-j C7"}, "C7": {"-i lan0 -j DROP"}}, "FORWARD", 1},
		{"unconditional, seven jumps deep", false, []string{"-p udp -j ACCEPT", "-j C1"},
			map[string][]string{"C1": {"-j C2"}, "C2": {"-j C3"}, "C3": {"-j C4"}, "C4": {"-j C5"},
				"C5": {"-j C6"}, "C6": {"-j C7"}, "C7": {"-j DROP"}}, "FORWARD", 1},
		{"a chain about the network", true, []string{"-j USER", "-i lan0 -j DROP"},
			map[string][]string{"USER": {"-s 10.1.0.7/32 -j DROP"}}, "FORWARD", 1},
		{"a chain for the bridge", false, []string{"-i br-a -j USER"},
			map[string][]string{"USER": {"-p tcp -j DROP"}}, "", 0},
		{"an administrator's chain", false, []string{"-j CNI-ADMIN", "-i lan0 -j DROP"},
			map[string][]string{"CNI-ADMIN": {"-i lan0 -j DROP"}}, "FORWARD", 1},
		{"Docker's chain after an interface", false, []string{"-i lan0 -j DROP", "-j DOCKER-USER"},
			docker, "DOCKER-USER", 1},
		{"Docker's chain alone", false, []string{"-j DOCKER-USER"}, docker, "", 0},
		{"policies of the reference plugin", false, []string{"-j CNI-ISOLATION-STAGE-1"},
			map[string][]string{"CNI-ISOLATION-STAGE-1": {"-i br-b -j DROP"}}, "", 0},
		{"a policy that is never asked", true, []string{"-j ACCEPT"}, nil, "", 0},
		{
			"a last rule", false,
			[]string{"-i eth0 -j ACCEPT", "-j REJECT --reject-with icmp-port-unreachable"}, nil, "FORWARD",
			1,
		},
		{
			"a last rule with a comment", false, []string{"-m comment --comment x -j DROP"}, nil, "FORWARD",
			0,
		},
		{"a log before the drop", false, []string{"-j LOG", "-j DROP"}, nil, "FORWARD", 1},
		{
			"a chain that rejects", false, []string{"-j X"},
			map[string][]string{"X": {"-p tcp -j RETURN", "-j Y"}, "Y": {"-j REJECT"}}, "FORWARD", 0,
		},
		{
			"a chain that returns", true, []string{"-j X"},
			map[string][]string{"X": {"-j RETURN", "-j DROP"}}, "FORWARD", 1,
		},
		{
			"a chain that is gone to", true, []string{"-g X", "-j ACCEPT"}, map[string][]string{"X": nil},
			"FORWARD", 0,
		},
		{
			"chains that lead to each other", true, []string{"-j X"},
			map[string][]string{"X": {"-j Y"}, "Y": {"-j X"}}, "FORWARD", 1,
		},
		{"Docker", true, []string{"-j DOCKER-USER"}, docker, "DOCKER-USER", 1},
		{"Docker's chain that nobody asks", true, nil, docker, "FORWARD", 0},
		{
			"Docker's chain after the drop", false, []string{"-j DROP", "-j DOCKER-USER"}, docker, "FORWARD",
			0,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			l := &legacyTable{
				family: nft.IPv4,
				content: &iptables.Table{
					Policies: map[string]string{},
					Chains:   map[string][][]string{},
				},
			}
			l.content.Policies["FORWARD"] = map[bool]string{true: "DROP", false: "ACCEPT"}[test.drops]
			for chain, rules := range test.others {
				for _, rule := range rules {
					l.content.Chains[chain] = append(l.content.Chains[chain], strings.Fields(rule))
				}
			}
			for _, rule := range test.forward {
				l.content.Chains["FORWARD"] = append(l.content.Chains["FORWARD"],
					strings.Fields(rule))
			}
			a := &attachment{config: &config{configKeys{AdminChain: "CNI-ADMIN"}},
				addresses: []netip.Prefix{netip.MustParsePrefix("10.1.0.2/24")}, links: []string{"br-a"}}
			got, err := l.forwarding().beforeDrop(a.means(nft.IPv4), a.AdminChain)
			kittest.Must(t, err)
			if got.needed != (test.chain != "") || got.chain != test.chain || got.at != test.at {
				t.Errorf("needed %t, in %q at %d; want %q at %d", got.needed, got.chain, got.at,
					test.chain, test.at)
			}
		})
	}
}
