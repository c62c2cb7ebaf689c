package firewall

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// reference runs the reference plugin with iptables of a kind.
func (r *rig) reference(command string, c *container, kind string) {
	r.t.Helper()
	peers := os.Getenv("CNI_PEERS")
	if peers == "" {
		r.t.Fatal(`CNI_PEERS is not set: build the reference executables with "cd test/peers && go build -o DIR tool" and set it to DIR`)
	}
	path := r.t.TempDir()
	for _, name := range []string{"iptables", "ip6tables"} {
		real, err := exec.LookPath(name + "-" + kind)
		must(r.t, err)
		must(r.t, os.Symlink(real, filepath.Join(path, name)))
	}
	result, err := c.result.JSON("1.0.0")
	must(r.t, err)
	config, err := json.Marshal(map[string]any{"cniVersion": "1.0.0", "name": c.network, "type": "firewall", "prevResult": json.RawMessage(result)})
	must(r.t, err)
	cmd := exec.Command(filepath.Join(peers, "firewall"))
	cmd.Stdin = strings.NewReader(string(config))
	cmd.Env = []string{"CNI_COMMAND=" + command, "CNI_CONTAINERID=" + c.id, "CNI_IFNAME=eth0", "CNI_NETNS=/no/such", "CNI_PATH=/none",
		"CNI_NETNS_OVERRIDE=1", "PATH=" + path, "DBUS_SYSTEM_BUS_ADDRESS=unix:path=" + r.bus}
	if out, err := cmd.CombinedOutput(); err != nil {
		r.t.Fatalf("%s by the executable: %v: %s", command, err, out)
	}
}

func TestDelRemovesWhatTheExecutableMade(t *testing.T) {
	// With the backend iptables it is the host's iptables, which is the one for nftables where the tests run.
	for _, test := range []struct{ kind, members string }{{"nft", ""}, {"legacy", ""}, {"nft", viaIPTables}} {
		t.Run(test.kind+" "+test.members, func(t *testing.T) {
			r := newRig(t)
			saved := func() string { return r.saved("iptables-"+test.kind+"-save") + r.saved("ip6tables-"+test.kind+"-save") }
			gone, stays := paper("a", 2), paper("a", 3)
			r.reference("ADD", stays, test.kind)
			before := saved()
			r.reference("ADD", gone, test.kind)
			if saved() == before {
				t.Fatal("the executable made nothing")
			}
			r.del(gone, test.members)
			r.same("rules", before, saved())
			r.del(gone, test.members)
			r.same("rules after DEL twice", before, saved())
			r.reference("CHECK", stays, test.kind)
		})
	}
}

// TestDelLeavesTheExecutablesRulesOfOthers has an address that went from a container of ours to one of the executable.
func TestDelLeavesTheExecutablesRulesOfOthers(t *testing.T) {
	r := newRig(t)
	ours, next := paper("a", 2), paper("a", 2)
	next.id = "next"
	r.add(ours, "")
	r.reference("ADD", next, "nft")
	before := r.saved("iptables-nft-save")
	r.del(ours, "")
	r.same("rules", before, r.saved("iptables-nft-save"))
}

func TestBothSideBySide(t *testing.T) {
	r := newRig(t)
	r.run("iptables-nft", "-P", "FORWARD", "DROP")
	ours, theirs := paper("a", 2), paper("a", 3)
	r.reference("ADD", theirs, "nft")
	r.add(ours, "")
	r.same("drift", []string(nil), r.drift(ours, ""))
	r.reference("CHECK", theirs, "nft")
	r.reference("DEL", theirs, "nft")
	r.same("drift after the executable's DEL", []string(nil), r.drift(ours, ""))
	r.del(ours, "")
}
