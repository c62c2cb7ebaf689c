package chain

import (
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/libcni/libcni/test/rig"
)

// remove removes a namespace that the host made.
func (h *host) remove(netns string) {
	h.T.Helper()
	rig.Must(h.T, unix.Unmount(netns, unix.MNT_DETACH))
	rig.Must(h.T, os.Remove(netns))
}

// reboot lets a process that is started afterwards see another boot. The state is lost, as it is in
// memory, and so are the rules.
func (h *host) reboot() {
	h.T.Helper()
	const id = "/proc/sys/kernel/random/boot_id"
	other := h.Path("boot_id")
	rig.Must(h.T, os.WriteFile(other, []byte("11111111-2222-3333-4444-555555555555\n"), 0o644))
	rig.Must(h.T, unix.Mount(other, id, "", unix.MS_BIND, ""))
	h.T.Cleanup(func() { _ = unix.Unmount(id, unix.MNT_DETACH) }) // the mount namespace is the test's
	rig.Must(h.T, os.RemoveAll(h.Path("state")))
	rig.Run(h.T, "nft", "flush", "ruleset")
}

// TestPortsOfAnEarlierBoot restores the rules of an earlier boot, as nftables.service does: their
// ports are free. A container that claims one replaces all of its holder's.
func TestPortsOfAnEarlierBoot(t *testing.T) {
	h := newHost(t)
	p := h.start()
	netns := p.namespace("c1")
	p.must("add", h.attachment("a", "c1", netns, 8000))
	saved := rig.Run(t, "nft", "list", "ruleset")
	h.remove(netns)
	h.reboot()
	rig.Must(t, os.WriteFile(h.Path("saved.nft"), []byte(saved), 0o600))
	rig.Run(t, "nft", "-f", h.Path("saved.nft"))

	later := h.start()
	c := h.attachment("b", "c2", later.namespace("c2"), 8000)
	later.must("add", c)
	later.must("check", c)
	if rules := rig.Run(t, "nft", "list", "ruleset"); strings.Contains(rules, "8000 comment") &&
		strings.Contains(rules, "portmap-links4 {\n\t\ttype ipv4_addr : mark . mark\n"+
			"\t\telements = { 10.1.0.2") {
		t.Errorf("c1 is left in\n%s", rules)
	}
	later.must("del", c)
}

// TestPortsAfterADelByExecutables ends a container as executables do, which know nothing of our
// elements: its entry and its link go. The namespace is still there.
func TestPortsAfterADelByExecutables(t *testing.T) {
	for _, way := range []string{"next ADD with the port", "next ADD with the address", "GC"} {
		t.Run(way, func(t *testing.T) {
			h := newHost(t)
			p := h.start()
			netns := p.namespace("c1")
			p.must("add", h.attachment("a", "c1", netns, 8000))
			rig.Run(t, "nsenter", "--net="+netns, "ip", "link", "del", "eth0")
			for _, directory := range []string{"cache/results", "leases"} {
				rig.Must(t, os.RemoveAll(h.Path(directory)))
			}
			switch way {
			case "GC":
				p.must("gc", object{"network": h.network("b"), "validAttachments": []object{},
					"asOf": p.must("attachments", nil).AsOf})
			case "next ADD with the port":
				p.must("add", h.attachment("b", "c2", p.namespace("c2"), 8000))
			default:
				p.must("add", h.attachment("a", "c2", p.namespace("c2"), 8001))
			}
			ports := rig.Run(t, "nft", "list", "table", "inet", "libcni")
			for _, name := range []string{
				"portmap-owners", "portmap-claims4", "portmap4", "portmap-links6",
			} {
				_, set, _ := strings.Cut(ports, name+" {")
				if set, _, _ = strings.Cut(set, "\n\t}"); strings.Contains(set, "id: c1") {
					t.Errorf("c1 is left in %s:\n%s", name, set)
				}
			}
		})
	}
}

// TestPortsOfAnotherRuntimeStay has two runtimes with a state of their own: the ports of a running
// container of the other one are taken.
func TestPortsOfAnotherRuntimeStay(t *testing.T) {
	h := newHost(t)
	p := h.start()
	other := h.attachment("a", "theirs", p.namespace("theirs"), 8000)
	other["options"] = object{"confDir": h.Path("conf"), "cacheDir": h.Path("cache2"),
		"stateDir": h.Path("state2"), "pluginDirs": []string{h.Path("plugins")}}
	p.must("add", other)
	ours := h.attachment("b", "ours", p.namespace("ours"), 8000)
	if a := p.call("add", ours); a.Kind != "exists" || !strings.Contains(a.Msg, "container theirs") {
		t.Errorf("got %d %s", a.rc, a.text)
	}
	p.must("gc", object{"network": h.network("b"), "validAttachments": []object{},
		"asOf": p.must("attachments", nil).AsOf})
	p.must("check", other)
	p.must("del", other)
	p.must("add", ours)
	p.must("del", ours)
}
