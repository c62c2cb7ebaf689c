package portmap_test

import (
	"context"
	"errors"
	"os/exec"
	"strings"
	"testing"

	"github.com/libcni/libcni/core/internal/builtin/portmap"
	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/kit/kittest"
	"github.com/libcni/libcni/core/plugin"
)

// removeLink ends a container as somebody does that knows nothing of its ports: an executable, or a
// reboot.
func (r *rig) removeLink(c *kittest.Container) {
	r.T.Helper()
	kittest.Run(r.T, "ip", "link", "del", c.HostIfName)
}

// addWith is add with a boot, and what the state records.
func (r *rig) addWith(c *kittest.Container, config []byte, boot string,
	recorded func(id string) (recorded, gone bool)) error {
	inv := r.Invocation(c, config)
	inv.BootID = boot
	if recorded != nil {
		inv.Recorded = func(_ context.Context, is func(network, containerID, ifName string) bool) (bool,
			bool, error) {
			for _, id := range []string{"c2", "c3", "c4"} {
				for _, network := range []string{"a", "b"} {
					if is(network, id, "eth0") {
						known, gone := recorded(id)
						return known, gone, nil
					}
				}
			}
			return false, false, nil
		}
	}
	_, err := portmap.New().Add(r.T.Context(), inv)
	return err
}

// TestPortsOfAHolderThatIsGoneGiveWay has another container ask for the ports, or get the address,
// of one that may have ended without a DEL. All its elements are removed, but only on proof.
func TestPortsOfAHolderThatIsGoneGiveWay(t *testing.T) {
	const single, ranged = `{"hostPort":8080,"containerPort":80},{"hostPort":9,"containerPort":9}`,
		`{"hostPort":8000,"containerPort":8000,"range":100}`
	unknown := func(string) (bool, bool) { return false, false }
	there := func(string) (bool, bool) { return true, false }
	gone := func(string) (bool, bool) { return true, true }
	for _, c := range []struct {
		name, first, second string
		firstBoot           string
		unplug              bool
		recorded            func(string) (recorded, gone bool)
		stays               bool
	}{
		{"its link is gone", single, single, "now", true, unknown, false},
		{"no state, its link is gone", single, single, "now", true, nil, false},
		{"its link is gone, of a range", ranged, ranged, "now", true, unknown, false},
		{"its link is gone, one port of a range", ranged, single, "now", true, unknown, false},
		{"its link is gone, a range over a port", single, ranged, "now", true, unknown, false},
		{"of an earlier boot", single, single, "before", false, unknown, false},
		{"of an unknown boot, left to the engine", single, single, "", false, gone, true},
		{"recorded as gone, left to the engine", single, single, "now", true, gone, true},
		{"recorded as gone, running", single, single, "now", false, gone, true},
		{"another runtime's, running", single, single, "now", false, unknown, true},
		{"no state, running", single, single, "now", false, nil, true},
		{"a range of another runtime's, running", ranged, single, "now", false, unknown, true},
		{"recorded, its link is gone", single, single, "now", true, there, true},
		{"of an unknown boot, its link is gone", single, single, "", true, unknown, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			first, second := r.container("a", 2), r.container("b", 3)
			kittest.Must(t, r.addWith(first, config(c.first), c.firstBoot, nil))
			if c.unplug {
				r.removeLink(first)
			}
			before := r.listing()
			err := r.addWith(second, config(c.second), "now", c.recorded)
			if c.stays {
				var f *fault.Error
				if !errors.As(err, &f) || f.Kind != fault.KindExists ||
					!strings.Contains(f.Msg, "is taken by container c2") {
					t.Errorf("got %v", err)
				}
				kittest.Same(t, "rules", before, r.listing())
				return
			}
			kittest.Must(t, err)
			for _, e := range r.elements() {
				if strings.Contains(e, "container c2") {
					t.Errorf("left: %s", e)
				}
			}
			kittest.Same(t, "drift", []string(nil), r.drift(second, config(c.second)))
		})
	}
}

// TestReusedAddressAnswersOnItsOwnPortsOnly gives a container, with and without a port, the address
// of one that ended without a DEL, whose port would lead to it.
func TestReusedAddressAnswersOnItsOwnPortsOnly(t *testing.T) {
	for _, mapping := range []string{`{"hostPort":8002,"containerPort":80}`, ""} {
		r := newRig(t)
		first := r.container("a", 2)
		kittest.Must(t, r.addWith(first, config(`{"hostPort":8001,"containerPort":80}`), "now", nil))
		r.removeLink(first)
		second := r.NewContainer("a", "second")
		second.HostIfName = "vsecond"
		r.attachAt(second, 2)
		kittest.Must(t, r.addWith(second, config(mapping), "now", nil))
		r.Serve(&second.Node, ":80", "second")
		own4, own6 := "second 192.0.2.9", "second fd00:9::9"
		if mapping == "" {
			own4, own6 = "", ""
		}
		for address, want := range map[string]string{
			"192.0.2.1:8001": "", "192.0.2.1:8002": own4,
			"[fd00:9::1]:8001": "", "[fd00:9::1]:8002": own6,
		} {
			if got := r.Ask(r.outside, "tcp", address, kittest.Patience); got != want {
				t.Errorf("%s: got %q, want %q", address, got, want)
			}
		}
	}
}

// TestGCRemovesWhatIsGoneOnOtherNetworks collects network a: what ended without a DEL on another
// network goes as well, what runs there stays.
func TestGCRemovesWhatIsGoneOnOtherNetworks(t *testing.T) {
	r := newRig(t)
	runs, gone := r.container("b", 3), r.container("b", 4)
	kittest.Must(t, r.addWith(runs, config(`{"hostPort":8003,"containerPort":80}`), "now", nil))
	before := r.listing()
	kittest.Must(t, r.addWith(gone, config(`{"hostPort":8004,"containerPort":80}`), "now", nil))
	collect := func() {
		t.Helper()
		inv := r.Invocation(kittest.Lost("a", ""), config(""))
		inv.BootID, inv.ValidAttachments = "now", []plugin.AttachmentID{}
		kittest.Must(t, portmap.New().GC(t.Context(), inv))
	}
	both := r.listing()
	collect()
	kittest.Same(t, "rules while both run", both, r.listing())
	r.removeLink(gone)
	collect()
	kittest.Same(t, "rules", before, r.listing())
}

// TestRepairOfPortsThatSomebodyTook has an attachment whose elements are gone, and whose port a
// container has claimed meanwhile that is gone as well.
func TestRepairOfPortsThatSomebodyTook(t *testing.T) {
	r := newRig(t)
	mapping := config(`{"hostPort":8080,"containerPort":80}`)
	first, second := r.container("a", 2), r.container("b", 3)
	r.mustAdd(first, mapping)
	if out, err := exec.Command("nft", "flush", "ruleset").CombinedOutput(); err != nil {
		t.Fatalf("nft: %v: %s", err, out)
	}
	kittest.Must(t, r.addWith(second, mapping, "now", nil))
	r.removeLink(second)
	inv := r.Invocation(first, mapping)
	inv.BootID = "now"
	if len(r.Repair(portmap.New(), inv)) == 0 {
		t.Error("nothing repaired")
	}
	kittest.Same(t, "drift", []string(nil), r.drift(first, mapping))
}
