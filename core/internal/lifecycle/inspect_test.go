package lifecycle

import (
	"net/netip"
	"testing"

	"github.com/libcni/libcni/core/internal/host/rtnl"
	"github.com/libcni/libcni/core/internal/kit/kittest"
	"github.com/libcni/libcni/core/plugin"
)

func TestVLANsAsText(t *testing.T) {
	kittest.Same(t, "text", []string{"5 untagged", "10-12", "20"}, vlanTexts([]rtnl.VLAN{
		{ID: 5, PVID: true, Untagged: true}, {ID: 10}, {ID: 11}, {ID: 12}, {ID: 20}}))
	kittest.Same(t, "text of none", []string(nil), vlanTexts(nil))
}

func TestLinkAsText(t *testing.T) {
	for _, test := range []struct {
		want string
		link plugin.LinkState
	}{
		{"index 7 veth mtu 1500 address 02:00:00:00:00:01 master br0 vlan 5 untagged vlan 10-12 up",
			plugin.LinkState{Index: 7, Type: "veth", MTU: 1500, MAC: "02:00:00:00:00:01", Master: "br0",
				VLANs: []string{"5 untagged", "10-12"}, Up: true, Carrier: true}},
		{"index 1 mtu 65536 up, no carrier", plugin.LinkState{Index: 1, MTU: 65536, Up: true}},
		{"index 2 mtu 1400 down", plugin.LinkState{Index: 2, MTU: 1400}},
	} {
		kittest.Same(t, "text", test.want, linkText(&test.link))
	}
}

func TestRoutesThatLeadToTheContainer(t *testing.T) {
	container := netip.MustParsePrefix("10.1.0.2/24")
	for _, test := range []struct {
		route rtnl.Route
		want  bool
	}{
		{rtnl.Route{Dst: netip.MustParsePrefix("10.1.0.0/24")}, true},
		{rtnl.Route{Dst: netip.MustParsePrefix("10.1.0.2/32")}, true},
		{rtnl.Route{Dst: netip.MustParsePrefix("0.0.0.0/0")}, false},
		{rtnl.Route{Dst: netip.MustParsePrefix("10.0.0.0/8"),
			Gateway: netip.MustParseAddr("192.0.2.1")}, false},
	} {
		if got := leadsHome(test.route, container); got != test.want {
			t.Errorf("%s: %v", test.route, got)
		}
	}
}
