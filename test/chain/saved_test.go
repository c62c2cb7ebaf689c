package chain

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/libcni/libcni/test/rig"
)

// featured is a network with every feature that makes rules: conditions, policies of the firewall,
// masquerading of all clients.
func (h *host) featured(name string) object {
	network := h.network(name)
	plugins := network["plugins"].([]object)
	switch name {
	case "b":
		plugins[1]["conditionsV4"] = []string{"ip saddr != 10.9.0.0/16", "tcp dport 1-65000"}
		plugins[1]["conditionsV6"] = []string{"ip6 saddr != fd00:77::/63"}
		plugins[1]["masqAll"] = true
		plugins[2]["ingressPolicy"] = "same-bridge"
		plugins[2]["allowPublishedPorts"] = true
	case "c":
		plugins[1]["snat"] = false
		plugins[2]["ingressPolicy"] = "isolated"
		plugins[0]["ipMasqBackend"] = "nftables"
	}
	return network
}

// published are mappings of every kind for the n-th container.
func published(n int) []object {
	port := func(offset int) int { return 8000 + 100*n + offset }
	return []object{
		{"hostPort": port(0), "containerPort": 80, "protocol": "tcp"},
		{"hostPort": port(0), "containerPort": 80, "protocol": "udp"},
		{"hostPort": port(1), "containerPort": 80, "protocol": "tcp", "hostIP": "192.0.2.1"},
		{"hostPort": port(2), "containerPort": 80, "protocol": "tcp", "hostIP": "fd00:9::1"},
		{"hostPort": port(3), "containerPort": 80, "protocol": "tcp", "hostIP": "127.0.0.1"},
		{"hostPort": port(4), "containerPort": 80, "protocol": "tcp", "hostIP": "0.0.0.0"},
		{"hostPort": port(10), "containerPort": 80, "protocol": "sctp", "range": 3},
		{"hostPort": port(20), "containerPort": port(20), "protocol": "tcp", "range": 10},
		{"hostPort": port(30), "containerPort": port(30), "protocol": "tcp", "range": 10,
			"hostIP": "192.0.2.1"},
		{"hostPort": port(40), "containerPort": port(40), "protocol": "udp", "range": 10,
			"hostIP": "fd00:9::1"},
	}
}

func (h *host) full(network, id, netns string, n int) object {
	return object{"network": h.featured(network), "containerId": id, "netns": netns,
		"capabilityArgs": object{"portMappings": published(n)}}
}

// TestSavedRulesAreLoadedAgain has nft save and load the rules of every feature, as
// nftables.service does at boot and at a reload. Afterwards CHECK is silent, ADD, DEL and repair
// work, traffic flows, and the last DEL leaves what it leaves otherwise. JSON is left out, since
// nft 1.0.6 does not read back its own maps of concatenated data.
func TestSavedRulesAreLoadedAgain(t *testing.T) {
	for _, way := range []struct {
		name string
		load func(h *host, file string)
	}{
		{"after a flush", func(h *host, file string) {
			rig.Run(h.T, "nft", "flush", "ruleset")
			rig.Run(h.T, "nft", "-f", file)
		}},
		{"over itself", func(h *host, file string) { rig.Run(h.T, "nft", "-f", file) }},
		{"in one transaction", func(h *host, file string) {
			saved, err := os.ReadFile(file)
			rig.Must(h.T, err)
			rig.Must(h.T, os.WriteFile(file, append([]byte("flush ruleset\n"), saved...), 0o600))
			rig.Run(h.T, "nft", "-f", file)
		}},
	} {
		for _, foreign := range []string{"", "iptables"} {
			t.Run(strings.TrimSpace(way.name+" "+foreign), func(t *testing.T) {
				h := newHost(t)
				testSavedRules(h, foreign, func(file string) { way.load(h, file) })
			})
		}
	}
}

// foreignPolicy makes another tool's chain that drops forwarded packets.
func (h *host) foreignPolicy(tool string) {
	h.T.Helper()
	if tool == "iptables" {
		rig.Run(h.T, "iptables", "-P", "FORWARD", "DROP")
		rig.Run(h.T, "ip6tables", "-P", "FORWARD", "DROP")
	}
}

func testSavedRules(h *host, foreign string, load func(file string)) {
	p := h.start()
	outside := h.outside(p)
	h.foreignPolicy(foreign)
	var all []object
	for n, network := range []string{"a", "a", "b", "b", "c"} {
		id := fmt.Sprint("c", n)
		netns := p.namespace(id)
		all = append(all, h.full(network, id, netns, n))
		p.must("add", all[n])
		h.Serve(netns, ":80", "")
		h.Serve(netns, fmt.Sprint(":", 8000+100*n+25), "")
		h.Serve(netns, fmt.Sprint(":", 8000+100*n+35), "")
	}
	reached := func(when string) {
		h.T.Helper()
		for n := range all {
			for address, want := range map[string]string{
				fmt.Sprint("192.0.2.1:", 8000+100*n):      "192.0.2.9",
				fmt.Sprint("[fd00:9::1]:", 8000+100*n):    "fd00:9::9",
				fmt.Sprint("192.0.2.1:", 8000+100*n+1):    "192.0.2.9",
				fmt.Sprint("[fd00:9::1]:", 8000+100*n+2):  "fd00:9::9",
				fmt.Sprint("192.0.2.1:", 8000+100*n+25):   "192.0.2.9",
				fmt.Sprint("[fd00:9::1]:", 8000+100*n+25): "fd00:9::9",
				fmt.Sprint("192.0.2.1:", 8000+100*n+35):   "192.0.2.9",
			} {
				if n == 2 || n == 3 { // masqAll
					want = ""
				}
				got := h.Who(outside, address, patience)
				if got == "" || want != "" && got != want {
					h.T.Errorf("%s: %s: seen as %q, want %q", when, address, got, want)
				}
			}
		}
	}
	reached("before")

	file := h.Path("saved.nft")
	rig.Run(h.T, "sh", "-c", "nft list ruleset >"+file)
	rig.Run(h.T, "nft", "-c", "-f", file)
	load(file)

	for _, c := range all {
		p.must("check", c)
	}
	if again := h.command("repair", "--all"); again != "" {
		h.T.Errorf("repair finds\n%s", again)
	}
	reached("after")
	h.attachesAndDetaches(p, all)
}

// attachesAndDetaches attaches one more container to each network, and detaches all.
func (h *host) attachesAndDetaches(p *process, all []object) {
	h.T.Helper()
	for n, network := range []string{"a", "b", "c"} {
		id := fmt.Sprint("late", n)
		late := h.full(network, id, p.namespace(id), 10+n)
		p.must("add", late)
		p.must("check", late)
		all = append(all, late)
	}
	taken := h.full("a", "other", p.namespace("other"), 0)
	if a := p.call("add", taken); a.rc == 0 {
		h.T.Error("a port that was taken before is given to another container")
	}
	for _, c := range all {
		p.must("del", c)
	}
	left := rig.Run(h.T, "nft", "list", "ruleset")
	for _, word := range []string{"10.1.0.", "10.2.0.", "10.3.0.", "net: ", "br-", "elements"} {
		if strings.Contains(left, word) {
			h.T.Errorf("%q is left in\n%s", word, left)
			break
		}
	}
}
