package conntrack_test

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/libcni/libcni/core/internal/host/conntrack"
	"github.com/libcni/libcni/core/internal/host/netns/netnstest"
	"github.com/libcni/libcni/core/internal/host/nft"
)

const udp = 17

// talk makes the kernel remember a datagram from the host to itself.
func talk(t *testing.T, to string) {
	t.Helper()
	conn, err := net.Dial("udp", to)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("?")); err != nil {
		t.Fatal(err)
	}
}

// remember makes a host that remembers: without a rule about connections the kernel follows none.
func remember(t *testing.T) {
	t.Helper()
	netnstest.Host(t)
	err := nft.Update(t.Context(), t.TempDir(), func(tx *nft.Tx) error {
		c := nft.Chain{Table: nft.Own(nft.Inet), Name: "follow", Hook: nft.Output}
		tx.Ensure(c)
		tx.AddRule(nft.Rule{Chain: c, Exprs: nft.InState(nft.New)})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, address := range []string{"127.0.0.1", "127.0.0.2", "[::1]"} {
		for _, port := range []int{7001, 7002} {
			talk(t, fmt.Sprintf("%s:%d", address, port))
		}
	}
}

func everything() []conntrack.Destination {
	var all []conntrack.Destination
	for _, a := range []netip.Addr{netip.IPv4Unspecified(), netip.IPv6Unspecified()} {
		for _, port := range []uint16{7001, 7002} {
			all = append(all, conntrack.Destination{Addr: a, Port: port, Proto: udp})
		}
	}
	return all
}

func remembered(t *testing.T) []string {
	t.Helper()
	var all []string
	if _, err := conntrack.Forget(t.Context(), everything(), func(f conntrack.Flow) bool {
		all = append(all, f.To.String())
		return false
	}); err != nil {
		t.Fatal(err)
	}
	slices.Sort(all)
	return all
}

func to(address string) conntrack.Destination {
	a := netip.MustParseAddrPort(address)
	return conntrack.Destination{Addr: a.Addr(), Port: a.Port(), Proto: udp}
}

func TestOnlyWhatIsSelectedIsForgotten(t *testing.T) {
	other := netip.MustParseAddrPort("127.0.0.9:7001")
	for _, test := range []struct {
		name      string
		selectors []conntrack.Selector
		gone      []string
	}{
		{"nothing", nil, nil},
		{"an address", []conntrack.Selector{{Destination: to("127.0.0.1:7001")}},
			[]string{"127.0.0.1:7001"}},
		{"all addresses", []conntrack.Selector{{Destination: to("0.0.0.0:7001")}},
			[]string{"127.0.0.1:7001", "127.0.0.2:7001"}},
		{"IPv6", []conntrack.Selector{{Destination: to("[::1]:7002")}}, []string{"[::1]:7002"}},
		{"another IPv6 address", []conntrack.Selector{{Destination: to("[::2]:7002")}}, nil},
		{"both families", []conntrack.Selector{{Destination: to("[::]:7001")},
			{Destination: to("127.0.0.2:7002")}}, []string{"127.0.0.2:7002", "[::1]:7001"}},
		{"by who answers", []conntrack.Selector{{to("0.0.0.0:7001"),
			netip.MustParseAddrPort("127.0.0.2:7001")}}, []string{"127.0.0.2:7001"}},
		{"by somebody who does not answer", []conntrack.Selector{{to("0.0.0.0:7001"), other}}, nil},
		{
			"another protocol",
			[]conntrack.Selector{
				{
					Destination: conntrack.Destination{
						Addr: netip.MustParseAddr("127.0.0.1"), Port: 7001, Proto: 6,
					},
				},
			}, nil,
		},
		{"twice", []conntrack.Selector{{Destination: to("127.0.0.1:7001")},
			{Destination: to("127.0.0.1:7001")}}, []string{"127.0.0.1:7001"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			remember(t)
			before := remembered(t)
			if len(before) != 6 {
				t.Fatalf("remembered %v", before)
			}
			if err := conntrack.Remove(t.Context(), test.selectors); err != nil {
				t.Fatal(err)
			}
			want := slices.DeleteFunc(before, func(s string) bool { return slices.Contains(test.gone, s) })
			if diff := cmp.Diff(want, remembered(t)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestForgetManyDestinations(t *testing.T) {
	remember(t)
	var many []conntrack.Destination
	for port := range uint16(50) {
		// up to [::]:7001
		many = append(many, to(fmt.Sprintf("127.0.0.1:%d", 6990+port)),
			to(fmt.Sprintf("[::]:%d", 6952+port)))
	}
	count, err := conntrack.Forget(t.Context(), many,
		func(f conntrack.Flow) bool { return f.Answers == f.To })
	if err != nil || count != 3 {
		t.Errorf("%d forgotten, %v", count, err)
	}
	if diff := cmp.Diff([]string{"127.0.0.2:7001", "127.0.0.2:7002", "[::1]:7002"},
		remembered(t)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
