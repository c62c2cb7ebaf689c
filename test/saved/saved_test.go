package saved

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/libcni/libcni/test/rig"
)

// TestRulesThatNFTSaved has nft save and load the rules of every feature.
func TestRulesThatNFTSaved(t *testing.T) {
	for _, nft := range programs(t) {
		for _, way := range ways() {
			for _, foreign := range []bool{false, true} {
				if way.json && (foreign || !nft.readsItsJSON) {
					continue // no nft has JSON for what it does not know of iptables
				}
				name := nft.version + " " + way.name
				if foreign {
					name += " beside iptables"
				}
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					h := newHost(t, foreign)
					h.nft = nft.path
					h.attachAll(networks())
					file := h.Path("saved.nft")
					rig.Must(t, run(nft.path+" list ruleset >", file))
					rig.Must(t, run(nft.path+" -c -f ", file))
					rig.Must(t, way.load(nft.path, file))
					h.isAsBefore()
				})
			}
		}
	}
}

// way is how saved rules are loaded.
type way struct {
	name string
	json bool
	load func(nft, file string) error
}

func ways() []way {
	return []way{
		{name: "after a flush", load: func(nft, file string) error {
			return run(nft+" flush ruleset && "+nft+" -f ", file)
		}},
		{name: "over itself", load: func(nft, file string) error { return run(nft+" -f ", file) }},
		{name: "in one transaction", load: func(nft, file string) error {
			return run("sed -i '1i flush ruleset' "+file+" && "+nft+" -f ", file)
		}},
		{name: "in JSON", json: true, load: func(nft, file string) error {
			return run(nft+" -j list ruleset >"+file+" && "+nft+" flush ruleset && "+nft+" -j -f ", file)
		}},
	}
}

// TestRulesThatIptablesSaved has iptables save and load the chains of its backend, and those in
// which the backend nftables has rules.
func TestRulesThatIptablesSaved(t *testing.T) {
	for _, foreign := range []bool{false, true} {
		name := "alone"
		if foreign {
			name = "FORWARD drops"
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHost(t, foreign)
			h.attachAll(append(networks(), iptables))
			for _, program := range []string{"iptables", "ip6tables"} {
				rig.Must(t, run(program+"-save >", h.Path(program)))
				rig.Must(t, run(program+"-restore <", h.Path(program)))
			}
			h.isAsBefore()
		})
	}
}

func run(command, file string) error { return rig.Shell(command + file) }

// attachAll attaches two containers to each network.
func (h *host) attachAll(networks []string) {
	h.T.Helper()
	for n, network := range networks {
		h.attach(network, 2*n)
		h.attach(network, 2*n+1)
	}
	h.traffic("before")
}

// isAsBefore: CHECK is silent and repair finds nothing, traffic flows, further containers are
// attached, a port that is taken stays so, and nothing is left after the last DEL.
func (h *host) isAsBefore() {
	h.T.Helper()
	for _, c := range h.all {
		if a := h.Call("check", c.request, object{"builtins": "only"}); a.RC != 0 {
			h.T.Errorf("CHECK of %v: %s", c.request["containerId"], a.Response)
		}
	}
	if a := h.must("repair", object{"all": true}); !strings.Contains(string(a.Response), `"repaired":[]`) {
		h.T.Errorf("repair: %s", a.Response)
	}
	h.traffic("after")
	for n, network := range h.networks {
		h.must("check", h.attach(network, 10+n).request)
	}
	taken := h.container(h.all[0].network, h.all[0].number)
	taken.request["containerId"] = "other"
	if a := h.Call("add", taken.request, object{"builtins": "only"}); a.RC == 0 {
		h.T.Error("a port that is taken is given to another container")
	}
	h.traffic("with more containers")
	for _, c := range h.all {
		h.must("del", c.request)
	}
	h.nothingIsLeft()
}

func (h *host) nothingIsLeft() {
	h.T.Helper()
	h.nothingIsLeftIn(rig.Run(h.T, h.nft, "list", "ruleset") + rig.Run(h.T, "iptables-save") +
		rig.Run(h.T, "ip6tables-save"))
}

func (h *host) nothingIsLeftIn(left string) {
	h.T.Helper()
	for _, word := range []string{
		"10.1.0.", "10.2.0.", "10.3.0.", "10.4.0.", "fd00:1:", "net: ", "br+1", "b,r;b", "br#", "br-d",
		"elements",
	} {
		if strings.Contains(left, word) {
			h.T.Errorf("%q is left in\n%s", word, left)
			return
		}
	}
}

// program is an nft executable.
type program struct {
	version, path string
	// 1.0.6 does not read the maps of concatenations that it writes in JSON.
	readsItsJSON bool
}

// programs are the system's nft and the newest one.
func programs(t *testing.T) []program {
	t.Helper()
	all := []program{{path: "nft"}}
	newest := rig.Root + "/build/nft/nft"
	if _, err := os.Stat(newest); err == nil {
		all = append(all, program{path: newest, readsItsJSON: true})
	} else if _, noAPT := exec.LookPath("apt-get"); noAPT == nil {
		t.Errorf("%v; run make test-tools first", err)
	}
	for i := range all {
		words := strings.Fields(rig.Run(t, all[i].path, "--version"))
		all[i].version = words[0] + " " + words[1]
	}
	return all
}
