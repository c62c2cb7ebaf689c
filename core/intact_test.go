package core

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/libcni/libcni/core/internal/host/netns/netnstest"
	"github.com/libcni/libcni/core/internal/kit/kittest"
)

// everyFeature is a network whose containers have all rules that built-ins make in nftables.
func (h *testHost) everyFeature() object {
	network := h.bridgeNet("net",
		object{"type": "portmap", "capabilities": object{"portMappings": true}, "masqAll": true,
			"conditionsV4": []string{"ip saddr != 10.9.0.0/16"},
			"conditionsV6": []string{"tcp dport 1-65000"}},
		object{"type": "firewall", "backend": "nftables", "ingressPolicy": "isolated",
			"allowPublishedPorts": true})
	bridge := network["plugins"].([]any)[0].(object)
	bridge["ipMasq"], bridge["macspoofchk"] = true, true
	ipam := bridge["ipam"].(object)
	ipam["ranges"] = append(ipam["ranges"].([]any), []any{object{"subnet": "fd00:88::/64"}})
	return network
}

// mapped is the request for a container that publishes ports of every kind.
func (h *testHost) mapped(network object, id string, port int) object {
	h.t.Helper()
	return object{"network": network, "containerId": id, "netns": netnstest.New(h.t),
		"capabilityArgs": object{"portMappings": []object{
			{"hostPort": port, "containerPort": 80, "protocol": "tcp"},
			{"hostPort": port + 1, "containerPort": port + 1, "range": 5, "protocol": "udp"},
		}}}
}

// installed is a chain in a table of libcni, as nft lists it.
type installed struct {
	Family, Table, Name, Type, Hook string
	Prio                            int
}

func (c installed) String() string { return c.Family + " " + c.Table + " " + c.Name }

// ownChains are the chains in the tables of libcni, but the administrator's.
func ownChains(t *testing.T) (chains []installed) {
	t.Helper()
	var listing struct {
		Nftables []struct{ Chain *installed }
	}
	if err := json.Unmarshal([]byte(kittest.Run(t, "nft", "-j", "list", "chains")),
		&listing); err != nil {
		t.Fatal(err)
	}
	for _, o := range listing.Nftables {
		if o.Chain != nil && o.Chain.Table == "libcni" && o.Chain.Name != "CNI-ADMIN" {
			chains = append(chains, *o.Chain)
		}
	}
	return chains
}

// spoiling is a change by which a chain loses its effect.
type spoiling struct{ name, rules string }

// spoilings are all those of a chain that make it ineffective. block is the chain as nft lists it.
func (c installed) spoilings(block string) []spoiling {
	all := []spoiling{
		{"accept", "insert rule " + c.String() + " accept"},
		{"return", "insert rule " + c.String() + " counter return"},
		{"drop", "insert rule " + c.String() + ` log prefix "x" counter drop comment "foreign"`},
		{"emptied", "flush chain " + c.String()},
	}
	if c.Hook == "" {
		return all
	}
	remove := fmt.Sprintf("flush chain %s; delete chain %s\n", c, c)
	empty := func(kind, hook string, priority int) string {
		return remove + fmt.Sprintf("add chain %s { type %s hook %s priority %d; }", c, kind, hook,
			priority)
	}
	kind, hook := "filter", "input"
	switch {
	case c.Type == "nat" && c.Hook == "output", c.Hook == "input":
		hook = "postrouting"
	case c.Type == "nat":
		hook = "output"
	case c.Family == "inet" && c.Hook != "forward":
		kind = "nat"
	}
	all = append(all, spoiling{"another hook", empty(c.Type, hook, c.Prio)},
		spoiling{"another priority", remove + priority.ReplaceAllString(block,
			fmt.Sprintf("priority %d;", c.Prio+5))},
		spoiling{"policy drop", "add chain " + c.String() + " { policy drop; }"})
	if kind != c.Type {
		all = append(all, spoiling{"another type", empty(kind, c.Hook, max(c.Prio, -150))})
	}
	return all
}

var priority = regexp.MustCompile(`priority [^;]+;`)

// blocks are the chains of libcni, each as nft lists it alone.
func blocks(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, family := range []string{"inet", "bridge"} {
		table := "table " + family + " libcni {\n"
		for _, c := range block.FindAllStringSubmatch(kittest.Table(t, family), -1) {
			all[family+" libcni "+c[1]] = table + c[0] + "}\n"
		}
	}
	return all
}

var block = regexp.MustCompile(`(?ms)^\tchain (\S+) \{$.*?^\t\}\n`)

// TestIneffectiveChainsAreSeenAndMended spoils, one after the other, every chain of libcni in every
// way. CHECK names it, STATUS warns, and repair makes it what it was. So does the ADD of another
// container if packets enter the rules by the chain.
func TestIneffectiveChainsAreSeenAndMended(t *testing.T) {
	h := newTestHost(t)
	network := h.everyFeature()
	h.must("add", h.mapped(network, "c1", 8000))
	intact := blocks(t)
	for _, c := range ownChains(t) {
		for _, s := range c.spoilings(intact[c.String()]) {
			for _, verb := range []string{"repair", "add"} {
				if verb == "repair" || c.isMendedByADD(s) {
					h.spoil(s, c.Name, verb, network, intact)
				}
			}
		}
	}
	for _, s := range []spoiling{
		{"inet dormant", "add table inet libcni { flags dormant; }"},
		{"bridge dormant", "add table bridge libcni { flags dormant; }"},
		{"inet flushed", "flush table inet libcni"},
		{"bridge flushed", "flush table bridge libcni"},
	} {
		name, _, _ := strings.Cut(s.name, " ")
		if strings.HasSuffix(s.name, "flushed") {
			name = map[string]string{"inet": "portmap-prerouting", "bridge": "macspoofchk"}[name]
		}
		for _, verb := range []string{"repair", "add"} {
			h.spoil(s, name, verb, network, intact)
		}
	}
}

// isMendedByADD: an ADD looks at the chain of each plugin by which packets enter its rules. In
// masquerading each network has a rule, so that an additional one is not noticed.
func (c installed) isMendedByADD(s spoiling) bool {
	switch c.String() {
	case "bridge libcni macspoofchk", "inet libcni portmap-prerouting", "inet libcni firewall":
		return true
	case "inet libcni masquerading":
		return !strings.HasPrefix(s.rules, "insert")
	}
	return false
}

// spoil spoils a chain, and has it mended by a verb.
func (h *testHost) spoil(s spoiling, chain, verb string, network object,
	intact map[string]string) {
	h.t.Helper()
	name := chain + ": " + s.name
	kittest.Feed(h.t, s.rules, "nft", "-f", "-")
	_, answer := h.call("check", object{"network": "net", "containerId": "c1"})
	if drift := fmt.Sprint(answer["drift"]); !strings.Contains(drift, chain) {
		h.t.Errorf("%s: CHECK finds %s", name, drift)
	}
	if !strings.Contains(s.rules, "flush") || strings.Contains(s.rules, "add chain") {
		_, status := h.call("status", object{"network": network})
		if warnings := fmt.Sprint(status["warnings"]); !strings.Contains(warnings, chain) ||
			!strings.Contains(warnings, "cni repair --all") {
			h.t.Errorf("%s: STATUS warns %s", name, warnings)
		}
	}
	h.mend(verb, network)
	if rc, answer := h.call("check", object{"network": network, "containerId": "c1"}); rc != 0 {
		h.t.Errorf("%s: CHECK after %s: %v", name, verb, answer["drift"])
	}
	if after := blocks(h.t); !maps.Equal(intact, after) {
		kittest.Same(h.t, name+": chains after "+verb, text(intact), text(after))
		kittest.Feed(h.t, "flush table inet libcni\nflush table bridge libcni\n", "nft", "-f", "-")
		h.mend("repair", network)
	}
}

// mend restores the rules by a repair, or by the ADD of another container.
func (h *testHost) mend(verb string, network object) {
	h.t.Helper()
	if verb == "repair" {
		if rc, answer := h.call("repair", object{"network": "net", "containerId": "c1"}); rc != 0 {
			h.t.Errorf("repair: %v", answer)
		}
		return
	}
	request := h.mapped(network, "c2", 9000)
	h.must("add", request)
	delete(request, "netns")
	h.must("del", request)
}

func text(blocks map[string]string) string {
	return strings.Join(slices.Sorted(maps.Values(blocks)), "")
}

// TestEveryChainIsSpoiled: the chains in the golden files of the plugins, which are all that they
// make, are among those that TestIneffectiveChainsAreSeenAndMended spoils.
func TestEveryChainIsSpoiled(t *testing.T) {
	h := newTestHost(t)
	h.must("add", h.mapped(h.everyFeature(), "c1", 8000))
	hash := regexp.MustCompile(`-[0-9a-f]{16}$`)
	known := map[string]bool{"CNI-ADMIN": true}
	for _, c := range ownChains(t) {
		known[hash.ReplaceAllString(c.Name, "")] = true
	}
	files, err := filepath.Glob("internal/builtin/*/testdata/*.nft")
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	chain := regexp.MustCompile(`(?m)^\tchain (\S+) \{`)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range chain.FindAllStringSubmatch(string(text), -1) {
			if name := hash.ReplaceAllString(found[1], ""); !known[name] {
				t.Errorf("%s: chain %s", file, name)
			}
		}
	}
}
