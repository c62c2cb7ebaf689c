package firewall

import (
	"testing"

	"github.com/libcni/libcni/core/internal/kit/kittest"
)

// reference runs the reference plugin with iptables of a kind.
func (r *rig) reference(command string, c *kittest.Container, kind string) {
	r.T.Helper()
	inv := r.Invocation(c, []byte(`{"cniVersion":"1.0.0","type":"firewall"}`))
	inv.CNIVersion, inv.Netns, inv.NetnsPath = "1.0.0", nil, ""
	_, err := kittest.Executable(r.T, "firewall", command, inv,
		"PATH="+kittest.IPTablesPath(r.T, kind), "DBUS_SYSTEM_BUS_ADDRESS=unix:path="+r.bus)
	kittest.Must(r.T, err)
}

func TestDelRemovesWhatTheExecutableMade(t *testing.T) {
	// With the backend iptables it is the host's iptables, which is the one for nftables where the
	// tests run.
	for _, test := range []struct{ kind, members string }{
		{"nft", ""}, {"legacy", ""}, {"nft", viaIPTables},
	} {
		t.Run(test.kind+" "+test.members, func(t *testing.T) {
			r := newRig(t)
			saved := func() string {
				return kittest.Saved(r.T, "iptables-"+test.kind+"-save") + kittest.Saved(r.T,
					"ip6tables-"+test.kind+"-save")
			}
			gone, stays := kittest.Paper("a", 2), kittest.Paper("a", 3)
			r.reference("ADD", stays, test.kind)
			before := saved()
			r.reference("ADD", gone, test.kind)
			if saved() == before {
				t.Fatal("the executable made nothing")
			}
			r.del(gone, test.members)
			kittest.Same(r.T, "rules", before, saved())
			r.del(gone, test.members)
			kittest.Same(r.T, "rules after DEL twice", before, saved())
			r.reference("CHECK", stays, test.kind)
		})
	}
}

// TestDelLeavesTheExecutablesRulesOfOthers has an address that went from a container of ours to one
// of the executable.
func TestDelLeavesTheExecutablesRulesOfOthers(t *testing.T) {
	r := newRig(t)
	ours, next := kittest.Paper("a", 2), kittest.Paper("a", 2)
	next.ID = "next"
	r.add(ours, "")
	r.reference("ADD", next, "nft")
	before := kittest.Saved(r.T, "iptables-nft-save")
	r.del(ours, "")
	kittest.Same(r.T, "rules", before, kittest.Saved(r.T, "iptables-nft-save"))
}

func TestBothSideBySide(t *testing.T) {
	r := newRig(t)
	kittest.Run(r.T, "iptables-nft", "-P", "FORWARD", "DROP")
	ours, theirs := kittest.Paper("a", 2), kittest.Paper("a", 3)
	r.reference("ADD", theirs, "nft")
	r.add(ours, "")
	kittest.Same(r.T, "drift", []string(nil), r.drift(ours, ""))
	r.reference("CHECK", theirs, "nft")
	r.reference("DEL", theirs, "nft")
	kittest.Same(r.T, "drift after the executable's DEL", []string(nil), r.drift(ours, ""))
	r.del(ours, "")
}
