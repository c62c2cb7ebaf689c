package bridge

import (
	"testing"

	"github.com/libcni/libcni/core/internal/host/rtnl"
)

// TestSettled: a port that the kernel lets forward may not carry packets yet.
func TestSettled(t *testing.T) {
	for _, c := range []struct {
		name string
		stp  bool
		port rtnl.Link
		want bool
	}{
		{"not attached", false, rtnl.Link{Operational: true}, false},
		{"forwards, no carrier yet", false, rtnl.Link{Port: &rtnl.Port{Forwarding: true}}, false},
		{"forwards", false, rtnl.Link{Operational: true, Port: &rtnl.Port{Forwarding: true}}, true},
		{"does not forward", false, rtnl.Link{Operational: true, Port: &rtnl.Port{}}, false},
		{"listens", true, rtnl.Link{Operational: true, Port: &rtnl.Port{}}, true},
		{"listens, no carrier yet", true, rtnl.Link{Port: &rtnl.Port{}}, false},
	} {
		bridge := &rtnl.Link{Bridge: &rtnl.Bridge{STP: c.stp}}
		if got := settled(bridge)(&c.port); got != c.want {
			t.Errorf("%s: %t", c.name, got)
		}
	}
}
