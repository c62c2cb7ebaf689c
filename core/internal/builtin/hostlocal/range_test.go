package hostlocal

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/libcni/libcni/core/internal/kit/kittest"
)

func TestRangeDefaults(t *testing.T) {
	tests := []struct {
		name string
		raw  rawRange
		want string // start-end gateway, or the error
	}{
		{"IPv4", rawRange{Subnet: "10.1.2.0/24"}, "10.1.2.1-10.1.2.254 10.1.2.1"},
		{"smallest IPv4", rawRange{Subnet: "10.1.2.4/30"}, "10.1.2.5-10.1.2.6 10.1.2.5"},
		{"IPv6", rawRange{Subnet: "fd00::/64"}, "fd00::1-fd00::ffff:ffff:ffff:ffff fd00::1"},
		{"smallest IPv6", rawRange{Subnet: "fd00::/126"}, "fd00::1-fd00::3 fd00::1"},
		{
			"all given",
			rawRange{"10.1.0.0/16", "10.1.5.0", "10.1.5.255", "10.1.0.254"},
			"10.1.5.0-10.1.5.255 10.1.0.254",
		},
		{
			"gateway elsewhere",
			rawRange{Subnet: "10.1.2.0/24", Gateway: "192.168.0.1"},
			"k.gateway: host-local: gateway 192.168.0.1 not in network 10.1.2.0/24",
		},
		{
			"gateway of another family",
			rawRange{Subnet: "10.1.2.0/24", Gateway: "fe80::1"},
			"k.gateway: host-local: gateway fe80::1 not in network 10.1.2.0/24",
		},
		{"two addresses", rawRange{Subnet: "10.1.2.0/31"}, "10.1.2.0-10.1.2.1 10.1.2.0"},
		{
			"two addresses, the second is the gateway",
			rawRange{Subnet: "10.1.2.2/31", Gateway: "10.1.2.3"},
			"10.1.2.2-10.1.2.3 10.1.2.3",
		},
		{"two addresses, IPv6", rawRange{Subnet: "fd00::/127"}, "fd00::-fd00::1 fd00::"},
		{
			"last subnet of the family",
			rawRange{Subnet: "255.255.255.252/30"},
			"255.255.255.253-255.255.255.254 255.255.255.253",
		},
		{
			"network and broadcast address when asked for",
			rawRange{Subnet: "10.1.2.0/24", RangeStart: "10.1.2.0", RangeEnd: "10.1.2.255"},
			"10.1.2.0-10.1.2.255 10.1.2.1",
		},
		{
			"IPv4 in IPv6 form",
			rawRange{Subnet: "10.1.2.0/24", RangeStart: "::ffff:10.1.2.9"},
			"10.1.2.9-10.1.2.254 10.1.2.1",
		},
		{"no subnet", rawRange{RangeStart: "10.1.2.9"}, "k.subnet: host-local: k.subnet is missing"},
		{
			"too small",
			rawRange{Subnet: "10.1.2.0/32"},
			"k.subnet: host-local: Network 10.1.2.0/32 too small to allocate from",
		},
		{
			"too small, IPv6",
			rawRange{Subnet: "fd00::/128"},
			"k.subnet: host-local: Network fd00::/128 too small to allocate from",
		},
		{
			"everything",
			rawRange{Subnet: "0.0.0.0/0"},
			"k.subnet: host-local: k.subnet: 0.0.0.0/0 contains addresses of 0.0.0.0/8 (reserved)",
		},
		{
			"loopback",
			rawRange{Subnet: "127.0.0.0/8"},
			"k.subnet: host-local: k.subnet: 127.0.0.0/8 contains addresses of 127.0.0.0/8 (loopback)",
		},
		{
			"multicast",
			rawRange{Subnet: "224.0.5.0/24"},
			"k.subnet: host-local: k.subnet: 224.0.5.0/24 contains addresses of 224.0.0.0/4 (multicast)",
		},
		{
			"multicast, IPv6",
			rawRange{Subnet: "ff05::/64"},
			"k.subnet: host-local: k.subnet: ff05::/64 contains addresses of ff00::/8 (multicast)",
		},
		{
			"everything, IPv6",
			rawRange{Subnet: "::/0"},
			"k.subnet: host-local: k.subnet: ::/0 contains addresses of ::/128 (unspecified)",
		},
		{
			"last address of the family",
			rawRange{Subnet: "255.255.255.0/24", RangeEnd: "255.255.255.255"},
			"k.rangeEnd: host-local: k.rangeEnd: 255.255.255.255 is not a unicast address (broadcast)",
		},
		{
			"start after the default end",
			rawRange{Subnet: "10.1.2.0/24", RangeStart: "10.1.2.255"},
			"k.rangeStart: host-local: RangeStart 10.1.2.255 is after 10.1.2.254, the last address to " +
				"allocate in network 10.1.2.0/24",
		},
		{"host bits", rawRange{Subnet: "10.1.2.3/24"},
			"k.subnet: host-local: Network has host bits set. For a subnet mask of length 24 " +
				"the network address is 10.1.2.0"},
		{
			"no prefix",
			rawRange{Subnet: "10.1.2.0"},
			`k.subnet: k.subnet: "10.1.2.0" is not an address with a prefix length, such as 10.1.0.0/16`,
		},
		{
			"start outside",
			rawRange{Subnet: "10.1.2.0/24", RangeStart: "10.1.3.1"},
			"k.rangeStart: host-local: RangeStart 10.1.3.1 not in network 10.1.2.0/24",
		},
		{
			"end outside",
			rawRange{Subnet: "10.1.2.0/24", RangeEnd: "10.1.3.1"},
			"k.rangeEnd: host-local: RangeEnd 10.1.3.1 not in network 10.1.2.0/24",
		},
		{
			"end of another family",
			rawRange{Subnet: "10.1.2.0/24", RangeEnd: "fd00::5"},
			"k.rangeEnd: host-local: RangeEnd fd00::5 not in network 10.1.2.0/24",
		},
		{
			"end before start",
			rawRange{Subnet: "10.1.2.0/24", RangeStart: "10.1.2.9", RangeEnd: "10.1.2.8"},
			"k.rangeEnd: host-local: RangeEnd 10.1.2.8 is before RangeStart 10.1.2.9",
		},
		{
			"no address",
			rawRange{Subnet: "10.1.2.0/24", Gateway: "gw"},
			`k.gateway: k.gateway: "gw" is not an IP address`,
		},
		{
			"zone",
			rawRange{Subnet: "fe80::/64", RangeStart: "fe80::1%eth0"},
			`k.rangeStart: k.rangeStart: "fe80::1%eth0" is not an IP address`,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r, err := newRange("k", test.raw)
			got := r.String() + " " + r.gateway.String()
			if err != nil {
				got = refusal(t, err)
			}
			if got != test.want {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
		})
	}
}

func TestSpans(t *testing.T) {
	set, err := newRangeSet("k", []rawRange{
		{Subnet: "10.1.0.0/24"},
		{Subnet: "10.2.0.0/24", RangeStart: "10.2.0.10", RangeEnd: "10.2.0.20"},
		{Subnet: "10.3.0.0/24"},
	})
	kittest.Must(t, err)
	tests := []struct {
		name, last string
		want       []string
	}{
		{
			"nothing known",
			"",
			[]string{"10.1.0.1-10.1.0.254", "10.2.0.10-10.2.0.20", "10.3.0.1-10.3.0.254"},
		},
		{
			"not of this set",
			"10.2.0.5",
			[]string{"10.1.0.1-10.1.0.254", "10.2.0.10-10.2.0.20", "10.3.0.1-10.3.0.254"},
		},
		{
			"middle",
			"10.2.0.15",
			[]string{"10.2.0.16-10.2.0.20", "10.3.0.1-10.3.0.254", "10.1.0.1-10.1.0.254",
				"10.2.0.10-10.2.0.15"},
		},
		{
			"end of a range",
			"10.1.0.254",
			[]string{"10.2.0.10-10.2.0.20", "10.3.0.1-10.3.0.254", "10.1.0.1-10.1.0.254"},
		},
		{
			"end of all",
			"10.3.0.254",
			[]string{"10.1.0.1-10.1.0.254", "10.2.0.10-10.2.0.20", "10.3.0.1-10.3.0.254"},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			last, _ := netip.ParseAddr(test.last)
			var got []string
			for _, s := range set.spans(last) {
				got = append(got, s.from.String()+"-"+s.to.String())
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("spans (-want +got):\n%s", diff)
			}
		})
	}
}

// FuzzSpans walks sets of up to three ranges from any last address: every address is tried exactly
// once.
func FuzzSpans(f *testing.F) {
	f.Add(uint8(1), uint8(6), uint8(9), uint8(2), uint8(4))
	f.Fuzz(func(t *testing.T, a, b, c, d, last uint8) {
		at := func(x uint8) string { return netip.AddrFrom4([4]byte{10, 0, 0, x}).String() }
		var raw []rawRange
		for _, bounds := range [][2]uint8{{a, b}, {c, d}} {
			raw = append(raw,
				rawRange{Subnet: "10.0.0.0/24", RangeStart: at(bounds[0]), RangeEnd: at(bounds[1])})
		}
		set, err := newRangeSet("k", raw)
		if err != nil {
			return
		}
		seen := map[netip.Addr]int{}
		for _, s := range set.spans(netip.MustParseAddr(at(last))) {
			for addr := s.from; addr.IsValid() && !s.to.Less(addr); addr = addr.Next() {
				seen[addr]++
			}
		}
		for x := range 256 {
			addr := netip.MustParseAddr(at(uint8(x)))
			want := 0
			if set.contains(addr) {
				want = 1
			}
			if seen[addr] != want {
				t.Errorf("%v is tried %d times, want %d", addr, seen[addr], want)
			}
		}
	})
}
