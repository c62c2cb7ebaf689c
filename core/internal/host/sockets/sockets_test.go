package sockets_test

import (
	"net"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/libcni/libcni/core/internal/host/netns/netnstest"
	"github.com/libcni/libcni/core/internal/host/sockets"
)

func TestBoundFindsWhoWaits(t *testing.T) {
	const tcp, udp = 6, 17
	netnstest.Host(t)
	for _, address := range []string{"127.0.0.1:7001", "[::1]:7003", "0.0.0.0:7005"} {
		l, err := net.Listen("tcp4", address)
		if address[0] == '[' {
			l, err = net.Listen("tcp6", address)
		}
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
	}
	packets, err := net.ListenPacket("udp", "127.0.0.1:7002")
	if err != nil {
		t.Fatal(err)
	}
	defer packets.Close()
	client, err := net.Dial("udp", "127.0.0.1:7002")
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	own := uint16(client.LocalAddr().(*net.UDPAddr).Port)
	connected, err := net.Dial("tcp", "127.0.0.1:7001")
	if err != nil {
		t.Fatal(err)
	}
	defer connected.Close()
	outgoing := uint16(connected.LocalAddr().(*net.TCPAddr).Port)
	for _, test := range []struct { // not subtests, which would run elsewhere
		name        string
		proto       byte
		first, last uint16
		want        []string
	}{
		{"one port", tcp, 7001, 7001, []string{"127.0.0.1:7001"}},
		{"IPv6", tcp, 7003, 7003, []string{"[::1]:7003"}},
		{"a range", tcp, 7002, 7005, []string{"0.0.0.0:7005", "[::1]:7003"}},
		{"ends of a range", tcp, 7001, 7003, []string{"127.0.0.1:7001", "[::1]:7003"}},
		{"nothing", tcp, 7002, 7002, nil},
		{"nothing in a range", tcp, 7006, 8000, nil},
		{"other protocol", udp, 7001, 7001, nil},
		{"UDP", udp, 7002, 7002, []string{"127.0.0.1:7002"}},
		{"all of UDP", udp, 1, 65535, []string{"127.0.0.1:7002"}},
		{"a UDP client", udp, own, own, nil},
		{"a TCP client", tcp, outgoing, outgoing, nil},
	} {
		found, err := sockets.Bound(t.Context(), test.proto, test.first, test.last)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, a := range found {
			got = append(got, a.String())
		}
		slices.Sort(got)
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
}
