package chain

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/libcni/libcni/test/rig"
)

// names are those of one network that come from outside and get into rules.
type names struct{ bridge, network, container, adminChain string }

// oddNames are names that the plugins accept and that nft can only read back quoted, or hashed.
func oddNames() []names {
	long := strings.Repeat("n", 100)
	return []names{
		{"br+1", "0x1", "drop", "LOG"},
		{"br,0", "drop", "0", "my.chain-1"},
		{"br#1", "a..b--c__d", "accept", "_x"},
		{"$br", long, long, strings.Repeat("C", 28)},
		{`br\q`, "map", "a.b", "Drop"},
		{"br中", "1", "A", "CNI-ADMIN"},
		{"br'q", "net", "if", "ip4"},
		{"br;x", "id", "net", "forward"},
		{"br{x}", "n-", "c-", "policy1"},
		{"<br>", "n.", "c.", "chains"},
		{"br!=1", "n_", "c_", "x.y"},
		{"@b,c", "N", "C", "input"},
		{"0", "00", "000", "O"},
		{"drop", "table", "table", "tables"},
		{"aaaaaaaaaaaaaaa", "zz", "zz", "ZZ"},
	}
}

// named is a request for a container of the n-th network, with every feature whose rules have names
// in them.
func (h *host) named(n int, of names, netns string) object {
	plugins := []object{
		{"type": "bridge", "bridge": of.bridge, "isGateway": true, "ipMasq": true, "macspoofchk": true,
			"ipam": object{
				"type": "host-local", "dataDir": h.Path("leases"),
				"ranges": [][]object{{{"subnet": fmt.Sprintf("10.%d.0.0/24", n)}},
					{{"subnet": fmt.Sprintf("fd00:%d::/64", n)}}},
			}},
		{"type": "portmap", "capabilities": object{"portMappings": true},
			"conditionsV4": []string{`iifname != "br+1"`}},
		{"type": "firewall", "ingressPolicy": []string{"isolated", "same-bridge"}[n%2],
			"iptablesAdminChainName": of.adminChain},
	}
	return object{
		"network":     object{"cniVersion": "1.1.0", "name": of.network, "plugins": plugins},
		"containerId": of.container, "netns": netns,
		"capabilityArgs": object{"portMappings": []object{
			{"hostPort": 8000 + n, "containerPort": 80, "protocol": "tcp"},
			{"hostPort": 8100 + n, "containerPort": 80, "protocol": "udp", "hostIP": "192.0.2.1"},
			{"hostPort": 8200 + n, "containerPort": 80, "protocol": "tcp", "hostIP": "fd00:9::1"},
		}},
	}
}

// published are mappings of several kinds for the n-th container.
func published(n int) []object {
	port := func(offset int) int { return 8000 + 100*n + offset }
	return []object{
		{"hostPort": port(0), "containerPort": 80, "protocol": "tcp"},
		{"hostPort": port(0), "containerPort": 80, "protocol": "udp"},
		{"hostPort": port(1), "containerPort": 80, "protocol": "tcp", "hostIP": "192.0.2.1"},
		{"hostPort": port(2), "containerPort": 80, "protocol": "tcp", "hostIP": "fd00:9::1"},
		{"hostPort": port(10), "containerPort": 80, "protocol": "sctp", "range": 3},
	}
}

// TestOddNamesSurviveAReload has nft save and load the rules of networks with odd names.
func TestOddNamesSurviveAReload(t *testing.T) {
	for _, foreign := range []string{"", "iptables"} {
		t.Run("beside "+foreign, func(t *testing.T) {
			h := newHost(t)
			p := h.start()
			h.outside(p)
			if foreign == "iptables" {
				rig.Run(t, "iptables", "-P", "FORWARD", "DROP")
				rig.Run(t, "ip6tables", "-P", "FORWARD", "DROP")
			}
			var all []object
			for n, of := range oddNames() {
				all = append(all, h.named(n, of, p.namespace(fmt.Sprint("c", n))))
				p.must("add", all[n])
			}

			file := h.Path("saved.nft")
			rig.Run(t, "sh", "-c", "nft list ruleset >"+file)
			rig.Run(t, "nft", "flush", "ruleset")
			rig.Run(t, "nft", "-f", file)

			for _, c := range all {
				p.must("check", c)
			}
			if again := h.command("repair", "--all"); again != "" {
				t.Errorf("repair finds\n%s", again)
			}
			for _, c := range all {
				p.must("del", c)
			}
			left := rig.Run(t, "nft", "list", "ruleset")
			if strings.Contains(left, "elements") || strings.Contains(left, "net: ") {
				t.Errorf("left:\n%s", left)
			}
		})
	}
}

// TestNamesOfOurOwnChainsAreRefused asks for an administrator's chain with the name of each chain
// that libcni has.
func TestNamesOfOurOwnChainsAreRefused(t *testing.T) {
	h := newHost(t)
	p := h.start()
	const own = "CNI-ADMIN"
	h.outside(p)
	first := h.named(2, names{"br0", "a", "c1", own}, p.namespace("c1"))
	p.must("add", first)
	netns := p.namespace("c2")
	listing := rig.Run(t, "nft", "list", "chains")
	chains := regexp.MustCompile(`chain (\S+) \{`).FindAllStringSubmatch(listing, -1)
	if len(chains) < 10 {
		t.Fatalf("only %q", chains)
	}
	before := h.state()
	for _, c := range chains {
		if c[1] == own || len(c[1]) > 28 { // which the plugin refuses anyhow
			continue
		}
		a := p.call("add", h.named(2, names{"br0", "a", "c2", c[1]}, netns))
		if a.Kind != "invalid-config" || !strings.Contains(a.Msg, c[1]) {
			t.Errorf("%s: %s", c[1], a.text)
		}
	}
	if after := h.state(); !slices.Equal(before, after) {
		t.Errorf("before\n%s\nafter\n%s", strings.Join(before, "\n"), strings.Join(after, "\n"))
	}
}

// TestNamesThatNftCannotRepresentAreRefused does so before anything is made.
func TestNamesThatNftCannotRepresentAreRefused(t *testing.T) {
	h := newHost(t)
	p := h.start()
	h.outside(p)
	netns := p.namespace("c1")
	before := h.state()
	for _, of := range []names{
		{`br"q`, "a", "c1", "CNI-ADMIN"},
		{"br*", "a", "c1", "CNI-ADMIN"},
		{"br0", "a", "c1", "drop"},
		{"br0", "a", "c1", "accept"},
		{"br0", "a", "c1", "map"},
	} {
		request := h.named(2, of, netns)
		if a := p.call("validate", object{"network": request["network"]}); a.rc == 0 {
			t.Errorf("%+v is valid", of)
		}
		if a := p.call("add", request); a.Kind != "invalid-config" || !strings.Contains(a.Msg, "nft") {
			t.Errorf("%+v: %s", of, a.text)
		}
	}
	if after := h.state(); !slices.Equal(before, after) {
		t.Errorf("before\n%s\nafter\n%s", strings.Join(before, "\n"), strings.Join(after, "\n"))
	}
}
