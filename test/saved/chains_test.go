package saved

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/libcni/libcni/test/rig"
)

const (
	adminChain  = "Admin.1-x_"
	dockerChain = "DOCKER-USER"
	families    = "for i in iptables ip6tables; do "
)

// TestIptablesChainsAreSavedAndLoaded has the chains of the backend iptables saved, flushed and
// loaded again, with rules of an administrator in iptablesAdminChainName and beside Docker.
func TestIptablesChainsAreSavedAndLoaded(t *testing.T) {
	const save, restore = families + "$i-save >%[1]s.$i; done; ",
		"; " + families + "$i-restore <%[1]s.$i; done"
	for _, test := range []struct {
		name, way string
		legacy    bool
	}{
		{name: "nft, after iptables -F -X",
			way: save + families + "for t in filter nat; do $i -t $t -F; $i -t $t -X; done; done" + restore},
		{name: "nft, after nft flush ruleset",
			way: save + "nft list table inet libcni >%[1]s; nft list table bridge libcni >>%[1]s; " +
				"nft flush ruleset; nft -f %[1]s" + restore},
		{name: "nft, restored without flush", way: save + "true" + restore},
		{name: "nft, added to what is there",
			way: save + families + "$i-restore --noflush <%[1]s.$i; done"},
		{name: "legacy, after iptables -F -X", legacy: true,
			way: save + families + "for t in filter nat; do $i -t $t -F; $i -t $t -X; done; done" + restore},
		{name: "legacy, restored without flush", legacy: true, way: save + "true" + restore},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			h := newHost(t, false)
			if test.legacy {
				useLegacy(t)
			}
			h.networks = []string{iptables}
			h.administrate("-N "+dockerChain, "-A FORWARD -j "+dockerChain,
				"-A "+dockerChain+" -p tcp --dport 9 -j DROP", "-A "+dockerChain+" -j RETURN")
			h.attachAll(h.networks)
			h.administrate("-A " + adminChain + " -p udp --dport 9 -j DROP")
			h.administrate("-A " + adminChain + ` -p udp --dport 10 -m comment --comment "mine, not \"yours\"" -j DROP`)
			before := h.administrators()

			rig.Must(t, rig.Shell("set -e; "+fmt.Sprintf(test.way, h.Path("saved"))))
			if after := h.administrators(); after != before {
				t.Errorf("the administrator's rules were\n%s\nand are\n%s", before, after)
			}
			h.isAsBefore()
			if after := h.administrators(); after != before {
				t.Errorf("the administrator's rules were\n%s\nand are after the last DEL\n%s", before, after)
			}
		})
	}
}

// TestIptablesChainsThatNFTSaved has nft save and load the chains of the backend iptables, which
// iptables then cannot read: the error says what to do, DEL removes them, and after the tables were
// deleted repair makes them again.
func TestIptablesChainsThatNFTSaved(t *testing.T) {
	// nft writes the target MASQUERADE of IPv6 as nothing, or since 1.1 in a form that it refuses to
	// load.
	const load = `; sed -i 's/ xt target "MASQUERADE"//' %[1]s; nft -f %[1]s`
	for name, way := range map[string]string{
		"after a flush": "nft list ruleset >%[1]s; nft flush ruleset" + load,
		"over itself":   "nft list ruleset >%[1]s" + load,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHost(t, false)
			h.networks = []string{iptables}
			h.attachAll(h.networks)
			rig.Must(t, rig.Shell("set -e; "+fmt.Sprintf(way, h.Path("saved"))))
			h.reachOut("after")
			for _, verb := range []string{"check", "repair"} {
				a := h.Call(verb, h.all[0].request, object{"builtins": "only"})
				if a.RC == 0 || !strings.Contains(string(a.Response), "iptables-restore") {
					t.Errorf("%s: %d %s", verb, a.RC, a.Response)
				}
			}

			first := h.all[0]
			h.must("del", first.request)
			h.all = h.all[1:]
			h.reachOut("after the first DEL")
			for _, table := range []string{"ip filter", "ip nat", "ip6 filter", "ip6 nat"} {
				rig.Run(t, "nft", append([]string{"delete", "table"}, strings.Fields(table)...)...)
			}
			h.must("repair", object{"all": true})
			h.isAsBefore()
		})
		t.Run(name+", all are removed", func(t *testing.T) {
			t.Parallel()
			h := newHost(t, false)
			h.networks = []string{iptables}
			h.attachAll(h.networks)
			rig.Must(t, rig.Shell("set -e; "+fmt.Sprintf(way, h.Path("saved"))))
			for _, c := range h.all {
				h.must("del", c.request)
			}
			h.nothingIsLeftIn(rig.Run(t, "nft", "list", "ruleset"))
		})
	}
}

// reachOut tries connections over IPv4. From rules of IPv6, nft 1.0.6 loses the target MASQUERADE.
func (h *host) reachOut(when string) {
	h.T.Helper()
	for _, c := range h.all {
		h.asks(when, c.request["netns"].(string), "192.0.2.9:7000", "192.0.2.1")
	}
}

// useLegacy makes the programs of iptables those over the kernel's legacy tables.
func useLegacy(t *testing.T) {
	t.Helper()
	resolved := func(name string) string {
		path, err := exec.LookPath(name)
		rig.Must(t, err)
		path, err = filepath.EvalSymlinks(path)
		rig.Must(t, err)
		return path
	}
	legacy, used := resolved("iptables-legacy"), resolved("iptables")
	rig.Must(t, unix.Mount(legacy, used, "", unix.MS_BIND, ""))
	if version := rig.Run(t, "iptables", "--version"); !strings.Contains(version, "legacy") {
		t.Fatalf("iptables is %s", version)
	}
}

// administrate changes the table filter of both families.
func (h *host) administrate(commands ...string) {
	h.T.Helper()
	for _, c := range commands {
		rig.Must(h.T, rig.Shell(families+"$i "+c+" || exit; done"))
	}
}

// administrators lists the rules of the administrator's chains.
func (h *host) administrators() string {
	h.T.Helper()
	var lines []string
	for _, program := range []string{"iptables", "ip6tables"} {
		for line := range strings.Lines(rig.Run(h.T, program, "-S")) {
			if strings.HasPrefix(line, "-A "+adminChain) || strings.HasPrefix(line, "-A "+dockerChain) {
				lines = append(lines, program+" "+line)
			}
		}
	}
	return strings.Join(lines, "")
}
