package rtnl

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/libcni/libcni/core/internal/host/netlink"
)

func TestVLANsAreWrittenAndReadAsRanges(t *testing.T) {
	tagged := func(from, to int) (vlans []VLAN) {
		for id := from; id <= to; id++ {
			vlans = append(vlans, VLAN{ID: id})
		}
		return vlans
	}
	for name, c := range map[string]struct {
		vlans   []VLAN
		entries int
	}{
		"one":                  {tagged(7, 7), 1},
		"a range":              {tagged(2, 4094), 2},
		"a range and a gap":    {append(tagged(2, 5), tagged(9, 9)...), 3},
		"the PVID before it":   {append([]VLAN{{1, true, true}}, tagged(2, 9)...), 3},
		"different flags":      {[]VLAN{{2, false, true}, {3, false, false}, {4, false, true}}, 3},
		"untagged, in a range": {[]VLAN{{2, false, true}, {3, false, true}}, 2},
	} {
		var e netlink.Encoder
		appendVLANs(&e, c.vlans)
		outer := netlink.Decode(e.Encoded())
		outer.Next()
		entries := 0
		for d := netlink.Decode(outer.Bytes()); d.Next(); {
			entries++
		}
		if diff := cmp.Diff(c.vlans, parseVLANs(outer.Bytes())); diff != "" || entries != c.entries {
			t.Errorf("%s: %d entries, want %d; (-want +got):\n%s", name, entries, c.entries, diff)
		}
	}
}
