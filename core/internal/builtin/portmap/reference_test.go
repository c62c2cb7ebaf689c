package portmap_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/libcni/libcni/core/internal/builtin/portmap"
	"github.com/libcni/libcni/core/internal/kit/kittest"
	"github.com/libcni/libcni/core/plugin"
)

// executable runs the reference plugin with the iptables that is the first in the directories of
// path.
func (r *rig) executable(c *kittest.Container, command string, config []byte, path string) {
	r.T.Helper()
	inv := r.Invocation(c, config)
	inv.Netns, inv.NetnsPath = nil, ""
	_, err := kittest.Executable(r.T, "portmap", command, inv, "PATH="+path)
	kittest.Must(r.T, err)
}

// traces lists what the executable has made for containers: the lines about the addresses, and the
// chains.
func (r *rig) traces() string {
	r.T.Helper()
	all := kittest.Run(r.T, "nft", "list", "ruleset") + kittest.Run(r.T,
		"iptables-legacy-save") + kittest.Run(r.T, "ip6tables-legacy-save")
	return strings.Join(
		regexp.MustCompile(`(?m)^.*(CNI-DN-|10\.[12]\.0\.|fd00:[12]::).*$`).FindAllString(all, -1),
		"\n",
	)
}

// TestDelCleansUpAfterTheExecutable attaches with it, to two networks, and deletes here.
func TestDelCleansUpAfterTheExecutable(t *testing.T) {
	for _, v := range kittest.Variants(t) {
		t.Run(v.Name, func(t *testing.T) {
			r := newRig(t)
			a, b := r.paper("a", 2), r.paper("b", 2) // one container
			neighbour := r.paper("a", 3)
			backend := `"backend":"` + v.Backend + `"`
			ofA, ofB, ofNeighbour := config(both, backend), config(
				`{"hostPort":81,"containerPort":80,"protocol":"tcp"}`,
				backend,
			), config(`{"hostPort":82,"containerPort":80,"protocol":"tcp"}`, backend)
			r.executable(b, "ADD", ofB, v.Path)
			r.executable(neighbour, "ADD", ofNeighbour, v.Path)
			before := r.traces()
			if !strings.Contains(before, "10.1.0.3") || !strings.Contains(before, "10.2.0.2") {
				t.Fatalf("the executable has made only:\n%s", before)
			}
			r.executable(a, "ADD", ofA, v.Path)
			if r.traces() == before {
				t.Fatal("the executable has made nothing for a")
			}
			for range 2 {
				kittest.Must(t, r.delReference(a, ofA))
				kittest.Same(r.T, "left", before, r.traces())
			}
			kittest.Must(t, r.delReference(b, config("")))
			neighbour.Result = nil
			kittest.Must(t, r.delReference(neighbour, config("")))
			kittest.Same(r.T, "left in the end", "", r.traces())
		})
	}
}

// TestDelOfAnUnknownInterfaceKeepsTheOthersPorts deletes an interface that was never attached, of a
// container whose other interface the executable published.
func TestDelOfAnUnknownInterfaceKeepsTheOthersPorts(t *testing.T) {
	for _, v := range kittest.Variants(t) {
		t.Run(v.Name, func(t *testing.T) {
			r := newRig(t)
			c := r.paper("a", 2)
			ports := config(both, `"backend":"`+v.Backend+`"`)
			r.executable(c, "ADD", ports, v.Path)
			before := r.traces()

			never := r.Invocation(c, ports)
			never.IfName, never.PrevResult, never.ByExecutable = "eth1", nil, true
			never.OtherInterfaces = func() ([]string, error) { return []string{"eth0"}, nil }
			kittest.Must(t, portmap.New().Del(t.Context(), never))
			kittest.Same(r.T, "left", before, r.traces())

			c.Result = nil
			kittest.Must(t, r.delReference(c, ports))
			kittest.Same(r.T, "left in the end", "", r.traces())
		})
	}
}

func (r *rig) delReference(c *kittest.Container, config []byte) error {
	inv := r.Invocation(c, config)
	inv.ByExecutable = true
	return portmap.New().Del(r.T.Context(), inv)
}

// TestGCCleansUpAfterTheExecutable is for iptables: with nftables its rules do not tell the
// network.
func TestGCCleansUpAfterTheExecutable(t *testing.T) {
	for _, v := range kittest.Variants(t) {
		if v.Backend != "iptables" {
			continue
		}
		t.Run(v.Name, func(t *testing.T) {
			r := newRig(t)
			conf := func(port string) []byte {
				return config(`{"hostPort":`+port+`,"containerPort":80,"protocol":"tcp"}`,
					`"backend":"iptables"`)
			}
			keep, other, gone := r.paper("a", 2), r.paper("b", 2), r.paper("a", 3)
			r.executable(keep, "ADD", conf("81"), v.Path)
			r.executable(other, "ADD", conf("82"), v.Path)
			before := r.traces()
			r.executable(gone, "ADD", conf("83"), v.Path)
			if r.traces() == before {
				t.Fatal("the executable has made nothing")
			}
			inv := r.Invocation(kittest.Lost("a", ""), config(""))
			inv.ValidAttachments = []plugin.AttachmentID{{ContainerID: keep.ID, IfName: "eth0"}}
			kittest.Must(t, portmap.New().GC(t.Context(), inv))
			kittest.Same(r.T, "left", before, r.traces())
		})
	}
}

// TestExecutableAndBuiltinSideBySide: either publishes while the other's rules are there, and
// leaves them.
func TestExecutableAndBuiltinSideBySide(t *testing.T) {
	for _, v := range kittest.Variants(t) {
		t.Run(v.Name, func(t *testing.T) {
			r := newRig(t)
			theirs, ours := r.container("a", 2), r.container("a", 3)
			backend := `"backend":"` + v.Backend + `"`
			their, our := config(`{"hostPort":81,"containerPort":80,"protocol":"tcp"}`,
				backend), config(
				`{"hostPort":82,"containerPort":80}`,
			)
			r.executable(theirs, "ADD", their, v.Path)
			r.mustAdd(ours, our)
			r.Serve(&theirs.Node, ":80", "theirs")
			r.Serve(&ours.Node, ":80", "ours")
			for address, want := range map[string]string{
				"192.0.2.1:81": "theirs 192.0.2.9", "192.0.2.1:82": "ours 192.0.2.9",
			} {
				if got := r.Ask(r.outside, "tcp", address, kittest.Patience); got != want {
					t.Errorf("%s: got %q, want %q", address, got, want)
				}
			}
			kittest.Must(t, r.delReference(ours, our))
			if got := r.Ask(r.outside, "tcp", "192.0.2.1:81", kittest.Patience); got != "theirs 192.0.2.9" {
				t.Errorf("after our DEL: %q", got)
			}
			r.mustAdd(ours, our)
			r.executable(theirs, "DEL", their, v.Path)
			kittest.Same(r.T, "drift", []string(nil), r.drift(ours, our))
			if got := r.Ask(r.outside, "tcp", "192.0.2.1:82", kittest.Patience); got != "ours 192.0.2.9" {
				t.Errorf("after their DEL: %q", got)
			}
		})
	}
}
