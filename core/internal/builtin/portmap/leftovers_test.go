package portmap_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/libcni/libcni/core/internal/builtin/portmap"
	"github.com/libcni/libcni/core/plugin"
)

// executable runs the reference plugin with the iptables that is the first in the directories of path.
func (r *rig) executable(c *container, command string, config []byte, path string) {
	r.t.Helper()
	dir := os.Getenv("CNI_PEERS")
	if dir == "" {
		r.t.Fatal("CNI_PEERS is not set: build the reference executables with " +
			"\"cd test/peers && go build -o DIR tool\" and set it to DIR")
	}
	previous, err := c.result.JSON("1.1.0")
	must(r.t, err)
	cmd := exec.Command(filepath.Join(dir, "portmap"))
	cmd.Stdin = strings.NewReader(strings.Replace(string(config), "{", `{"name":"`+c.network+`","prevResult":`+string(previous)+",", 1))
	cmd.Env = []string{"CNI_COMMAND=" + command, "CNI_CONTAINERID=" + c.id, "CNI_IFNAME=" + c.ifName, "CNI_NETNS=/proc/1/ns/net", "CNI_PATH=" + dir, "PATH=" + path}
	if out, err := cmd.Output(); err != nil {
		r.t.Fatalf("portmap %s: %v: %s", command, err, out)
	}
}

// variant is a way the executable works.
type variant struct{ name, backend, path string }

func variants(t *testing.T) []variant {
	t.Helper()
	legacy := t.TempDir()
	for _, name := range []string{"iptables", "ip6tables"} {
		path, err := exec.LookPath(name + "-legacy")
		must(t, err)
		must(t, os.Symlink(path, filepath.Join(legacy, name)))
	}
	return []variant{
		{"nftables", "nftables", os.Getenv("PATH")},
		{"iptables over nftables", "iptables", os.Getenv("PATH")},
		{"iptables, legacy", "iptables", legacy + ":" + os.Getenv("PATH")},
	}
}

// traces lists what the executable has made for containers: the lines about the addresses, and the chains.
func (r *rig) traces() string {
	r.t.Helper()
	var all bytes.Buffer
	for _, command := range [][]string{{"nft", "list", "ruleset"}, {"iptables-legacy-save"}, {"ip6tables-legacy-save"}} {
		out, err := exec.Command(command[0], command[1:]...).Output()
		if err != nil {
			r.t.Fatalf("%v: %v", command, err)
		}
		all.Write(out)
	}
	return strings.Join(regexp.MustCompile(`(?m)^.*(CNI-DN-|10\.[12]\.0\.|fd00:[12]::).*$`).FindAllString(all.String(), -1), "\n")
}

// TestDelCleansUpAfterTheExecutable attaches with it, to two networks, and deletes here.
func TestDelCleansUpAfterTheExecutable(t *testing.T) {
	for _, v := range variants(t) {
		t.Run(v.name, func(t *testing.T) {
			r := newRig(t)
			a, b := r.paper("a", 2), r.paper("b", 2) // one container
			neighbour := r.paper("a", 3)
			backend := `"backend":"` + v.backend + `"`
			ofA, ofB, ofNeighbour := config(both, backend), config(`{"hostPort":81,"containerPort":80,"protocol":"tcp"}`, backend), config(`{"hostPort":82,"containerPort":80,"protocol":"tcp"}`, backend)
			r.executable(b, "ADD", ofB, v.path)
			r.executable(neighbour, "ADD", ofNeighbour, v.path)
			before := r.traces()
			if !strings.Contains(before, "10.1.0.3") || !strings.Contains(before, "10.2.0.2") {
				t.Fatalf("the executable has made only:\n%s", before)
			}
			r.executable(a, "ADD", ofA, v.path)
			if r.traces() == before {
				t.Fatal("the executable has made nothing for a")
			}
			for range 2 {
				must(t, r.delForeign(a, ofA))
				r.same("left", before, r.traces())
			}
			must(t, r.delForeign(b, config("")))
			neighbour.result = nil
			must(t, r.delForeign(neighbour, config("")))
			r.same("left in the end", "", r.traces())
		})
	}
}

func (r *rig) delForeign(c *container, config []byte) error {
	inv := r.invocation(c, config)
	inv.ByExecutable = true
	return portmap.New().Del(r.t.Context(), inv)
}

// TestGCCleansUpAfterTheExecutable is for iptables: with nftables its rules do not tell the network.
func TestGCCleansUpAfterTheExecutable(t *testing.T) {
	for _, v := range variants(t) {
		if v.backend != "iptables" {
			continue
		}
		t.Run(v.name, func(t *testing.T) {
			r := newRig(t)
			conf := func(port string) []byte {
				return config(`{"hostPort":`+port+`,"containerPort":80,"protocol":"tcp"}`, `"backend":"iptables"`)
			}
			keep, other, gone := r.paper("a", 2), r.paper("b", 2), r.paper("a", 3)
			r.executable(keep, "ADD", conf("81"), v.path)
			r.executable(other, "ADD", conf("82"), v.path)
			before := r.traces()
			r.executable(gone, "ADD", conf("83"), v.path)
			if r.traces() == before {
				t.Fatal("the executable has made nothing")
			}
			inv := r.invocation(&container{network: "a", ifName: "eth0"}, config(""))
			inv.ValidAttachments = []plugin.AttachmentID{{ContainerID: keep.id, IfName: "eth0"}}
			must(t, portmap.New().GC(t.Context(), inv))
			r.same("left", before, r.traces())
		})
	}
}

// TestExecutableAndBuiltinSideBySide: either publishes while the other's rules are there, and leaves them.
func TestExecutableAndBuiltinSideBySide(t *testing.T) {
	for _, v := range variants(t) {
		t.Run(v.name, func(t *testing.T) {
			r := newRig(t)
			theirs, ours := r.container("a", 2), r.container("a", 3)
			backend := `"backend":"` + v.backend + `"`
			their, our := config(`{"hostPort":81,"containerPort":80,"protocol":"tcp"}`, backend), config(`{"hostPort":82,"containerPort":80}`)
			r.executable(theirs, "ADD", their, v.path)
			r.mustAdd(ours, our)
			r.serve(&theirs.node, ":80", "theirs")
			r.serve(&ours.node, ":80", "ours")
			for address, want := range map[string]string{"192.0.2.1:81": "theirs 192.0.2.9", "192.0.2.1:82": "ours 192.0.2.9"} {
				if got := r.ask(r.outside, "tcp", address, patience); got != want {
					t.Errorf("%s: got %q, want %q", address, got, want)
				}
			}
			must(t, r.delForeign(ours, our))
			if got := r.ask(r.outside, "tcp", "192.0.2.1:81", patience); got != "theirs 192.0.2.9" {
				t.Errorf("after our DEL: %q", got)
			}
			r.mustAdd(ours, our)
			r.executable(theirs, "DEL", their, v.path)
			r.same("drift", []string(nil), r.drift(ours, our))
			if got := r.ask(r.outside, "tcp", "192.0.2.1:82", patience); got != "ours 192.0.2.9" {
				t.Errorf("after their DEL: %q", got)
			}
		})
	}
}
