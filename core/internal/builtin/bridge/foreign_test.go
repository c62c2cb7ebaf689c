package bridge_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	types100 "github.com/containernetworking/cni/pkg/types/100"

	"github.com/libcni/libcni/core/internal/builtin/bridge"
	"github.com/libcni/libcni/core/internal/host/spawn"
	"github.com/libcni/libcni/core/plugin"
)

// reference runs the reference plugin. Its iptables is the first in the directories of path.
func reference(t *testing.T, inv *plugin.Invocation, command, path string) []byte {
	t.Helper()
	dir := os.Getenv("CNI_PEERS")
	if dir == "" {
		t.Fatal("CNI_PEERS is not set: build the reference executables with " +
			"\"cd test/peers && go build -o DIR tool\" and set it to DIR")
	}
	cmd := exec.Command(filepath.Join(dir, "bridge"))
	cmd.Stdin = bytes.NewReader(inv.Config)
	cmd.Env = []string{"CNI_COMMAND=" + command, "CNI_CONTAINERID=" + inv.ContainerID, "CNI_IFNAME=" + inv.IfName,
		"CNI_NETNS=" + inv.NetnsPath, "CNI_PATH=" + dir, "PATH=" + path}
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("bridge %s: %v: %s", command, err, out)
	}
	return out
}

// variants are the ways the reference plugin translates. Each tells the rules that it has made.
func variants(t *testing.T) []variant {
	legacy := t.TempDir()
	for _, name := range []string{"iptables", "ip6tables"} {
		path, err := exec.LookPath(name + "-legacy")
		must(t, err)
		must(t, os.Symlink(path, filepath.Join(legacy, name)))
	}
	return []variant{
		{"nftables", "nftables", os.Getenv("PATH"), func(t *testing.T) string { return runTool(t, "nft", "list", "ruleset") }},
		{"iptables over nftables", "iptables", os.Getenv("PATH"), func(t *testing.T) string { return runTool(t, "nft", "list", "ruleset") }},
		{"iptables, legacy", "iptables", legacy + ":" + os.Getenv("PATH"), func(t *testing.T) string {
			return runTool(t, "iptables-legacy-save") + runTool(t, "ip6tables-legacy-save") + runTool(t, "nft", "list", "ruleset")
		}},
	}
}

type variant struct {
	name, backend, path string
	rules               func(*testing.T) string
}

// traces are what the reference plugins have made for containers. Tables and base chains stay.
func traces(listing string) string {
	return strings.Join(regexp.MustCompile(`(?m)^.*(CNI-[0-9a-f]+|cni-br-iface|macspoofchk|id: |saddr).*$`).FindAllString(listing, -1), "\n")
}

func (v variant) config(r *rig) []byte {
	return r.onNetwork(1, fmt.Sprintf(`"isDefaultGateway":true,"ipMasq":true,"ipMasqBackend":%q,"macspoofchk":true`, v.backend))
}

// attachBy attaches with the reference plugin, and returns the invocation as the engine makes it for such an attachment.
func (v variant) attachBy(t *testing.T, r *rig, c *container) (*plugin.Invocation, *types100.Result) {
	t.Helper()
	inv := r.on(1, c, v.config(r))
	result, err := plugin.ParseResult(reference(t, inv, "ADD", v.path), "1.1.0")
	must(t, err)
	value, err := result.Value()
	must(t, err)
	inv.PrevResult, inv.HostIfName, inv.Foreign, inv.Start = result, "", true, spawn.ForkExec
	return inv, value
}

func TestDelOfWhatTheReferencePluginAttached(t *testing.T) {
	for _, v := range variants(t) {
		for _, known := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, result known: %v", v.name, known), func(t *testing.T) {
				r := newRig(t)
				stays, _ := v.attachBy(t, r, r.container("c1"))
				before := traces(v.rules(t))
				gone := r.container("c2")
				inv, _ := v.attachBy(t, r, gone)
				if after := traces(v.rules(t)); after == before {
					t.Fatal("the reference plugin made nothing that this test sees")
				}
				must(t, bridge.New().Check(t.Context(), inv))
				if !known { // an entry that was lost, and a container that is gone
					inv.PrevResult, inv.Netns, inv.NetnsPath = nil, nil, ""
				}
				must(t, bridge.New().Del(t.Context(), inv))
				r.same("what is left of the others", before, traces(v.rules(t)))
				outside := r.outside()
				echoSource(t, outside, "192.0.2.2")
				if got := ask(t, stays.Netns.Do, "192.0.2.2", 5*time.Second); got != "192.0.2.1" {
					t.Errorf("the other container's packets come from %q", got)
				}
				must(t, bridge.New().Del(t.Context(), stays))
				r.same("after the last", "", traces(v.rules(t)))
			})
		}
	}
}

func TestGCOfWhatTheReferencePluginAttached(t *testing.T) {
	for _, v := range variants(t) {
		t.Run(v.name, func(t *testing.T) {
			r := newRig(t)
			v.attachBy(t, r, r.container("c1"))
			before := traces(v.rules(t))
			_, was := v.attachBy(t, r, r.container("c2"))
			must(t, r.host.DeleteLink(t.Context(), r.link(r.host, was.Interfaces[1].Name).Index))
			inv := r.on(1, &container{}, v.config(r))
			inv.Start = spawn.ForkExec
			inv.ValidAttachments = []plugin.AttachmentID{{ContainerID: "c1", IfName: "eth0"}}
			must(t, bridge.New().GC(t.Context(), inv))
			r.same("rules", before, traces(v.rules(t)))
		})
	}
}

func TestMasqueradeByIPTables(t *testing.T) {
	r := newRig(t)
	outside := r.outside()
	echoSource(t, outside, "192.0.2.2")
	echoSource(t, outside, "2001:db8::2")
	v := variant{backend: "iptables", path: os.Getenv("PATH"), rules: func(t *testing.T) string {
		return runTool(t, "iptables-save", "-t", "nat") + runTool(t, "ip6tables-save", "-t", "nat")
	}}
	config := r.onNetwork(1, `"isDefaultGateway":true,"ipMasq":true,"ipMasqBackend":"iptables"`)
	invocation := func(c *container, was *types100.Result) *plugin.Invocation {
		inv := r.on(1, c, config)
		inv.Start = spawn.ForkExec
		if was != nil {
			inv.PrevResult = plugin.NewResult(was)
		}
		return inv
	}
	ours := r.container("c1")
	result, err := bridge.New().Add(t.Context(), invocation(ours, nil))
	must(t, err)
	was, err := result.Value()
	must(t, err)
	for to, want := range map[string]string{"192.0.2.2": "192.0.2.1", "2001:db8::2": "2001:db8::1"} {
		if got := ask(t, ours.ns.Do, to, 5*time.Second); got != want {
			t.Errorf("%s sees %q, want %q", to, got, want)
		}
	}
	must(t, bridge.New().Check(t.Context(), invocation(ours, was)))
	made := traces(v.rules(t))
	runTool(t, "iptables", "-t", "nat", "-F", "POSTROUTING")
	if found := drift(t, bridge.New().Check(t.Context(), invocation(ours, was))); len(found) != 1 || !strings.Contains(found[0], "iptables rule -t nat -A POSTROUTING -s 10.1.0.2/32") {
		t.Errorf("drift: %q", found)
	}
	repair := invocation(ours, was)
	repaired := 0
	repair.Repaired = func(string) { repaired++ }
	must(t, bridge.New().(plugin.Repairer).Repair(t.Context(), repair))
	r.same("after repair", made, traces(v.rules(t)))
	if repaired != 1 {
		t.Errorf("%d objects were repaired", repaired)
	}
	// The layout is that of the reference plugin, which finds it.
	reference(t, invocation(ours, was), "DEL", v.path)
	r.same("after the reference plugin's DEL", "", traces(v.rules(t)))
	must(t, bridge.New().Del(t.Context(), invocation(ours, was)))
}
