package rtnl_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/libcni/libcni/core/internal/host/netns"
	"github.com/libcni/libcni/core/internal/host/netns/netnstest"
	"github.com/libcni/libcni/core/internal/host/rtnl"
	"github.com/libcni/libcni/core/internal/host/rtnl/rtnltest"
	"github.com/libcni/libcni/core/internal/host/sysctl"
	"github.com/libcni/libcni/core/internal/must"
)

var (
	macA = net.HardwareAddr{2, 0, 0, 0, 0, 0xa}
	macB = net.HardwareAddr{2, 0, 0, 0, 0, 0xb}
	macC = net.HardwareAddr{2, 0, 0, 0, 0, 0xc}
)

// pair gives the test a host and a container namespace with connections to both.
func pair(t *testing.T) (host, container *rtnl.Conn, ns *netns.Namespace) {
	t.Helper()
	netnstest.Host(t)
	ns = netnstest.Open(t, netnstest.New(t))
	s := rtnl.NewSession(ns, nil)
	t.Cleanup(s.Close)
	host, err := s.Host(t.Context())
	must.Succeed(t, err)
	container, err = s.Container(t.Context())
	must.Succeed(t, err)
	return host, container, ns
}

func link(t *testing.T, c *rtnl.Conn, name string) *rtnl.Link {
	t.Helper()
	l, err := c.LinkByName(t.Context(), name)
	must.Succeed(t, err)
	return l
}

func bridged(t *testing.T, host *rtnl.Conn, ns *netns.Namespace) {
	t.Helper()
	must.Succeed(t, host.AddBridge(t.Context(), rtnl.NewBridge{Name: "br", MAC: macA, MTU: 1400}))
	must.Succeed(t,
		host.AddVeth(t.Context(), rtnl.NewVeth{Name: "port", MAC: macB, MTU: 1400, Up: true,
			Master: link(t, host, "br").Index, PeerName: "eth0", PeerMAC: macC, PeerNamespace: ns}))
}

func TestVethIsMadeCompleteInOneRequest(t *testing.T) {
	host, container, ns := pair(t)
	bridged(t, host, ns)
	must.Succeed(t, host.WaitLink(t.Context(), link(t, host, "port").Index,
		func(l *rtnl.Link) bool { return !l.Port.Forwarding }))
	port, eth0 := link(t, host, "port"), link(t, container, "eth0")
	want := rtnl.Link{Index: port.Index, Name: "port", Kind: "veth", MAC: macB, MTU: 1400, Up: true,
		Master: link(t, host, "br").Index, Peer: eth0.Index, PeerElsewhere: true, AcceptRA: 1,
		Port: &rtnl.Port{}}
	if diff := cmp.Diff(want, *port); diff != "" {
		t.Errorf("host end (-want +got):\n%s", diff)
	}
	want = rtnl.Link{Index: eth0.Index, Name: "eth0", Kind: "veth", MAC: macC, MTU: 1400,
		Peer: port.Index, PeerElsewhere: true, AcceptRA: 1}
	if diff := cmp.Diff(want, *eth0); diff != "" {
		t.Errorf("container end (-want +got):\n%s", diff)
	}
}

func TestContainerIsConfigured(t *testing.T) {
	host, container, ns := pair(t)
	bridged(t, host, ns)
	eth0 := link(t, container, "eth0")
	must.Succeed(t, container.SetLink(t.Context(), eth0.Index, rtnl.Change{Up: true, ArpNotify: true}))
	for _, address := range []string{"10.9.0.2/24", "fd09::2/64"} {
		must.Succeed(t, container.AddAddress(t.Context(), eth0.Index,
			rtnl.Address{Prefix: netip.MustParsePrefix(address), NoDAD: true}))
	}
	for _, r := range []rtnl.Route{
		{Dst: netip.MustParsePrefix("0.0.0.0/0"), Gateway: netip.MustParseAddr("10.9.0.1")},
		{Dst: netip.MustParsePrefix("10.8.0.0/16"), Gateway: netip.MustParseAddr("10.9.0.1"), MTU: 1300,
			AdvMSS: 1200, Priority: 7},
		{Dst: netip.MustParsePrefix("10.7.0.0/16"), Gateway: netip.MustParseAddr("10.9.0.1"),
			Table: 1000},
		{Dst: netip.MustParsePrefix("fd08::/32"), Gateway: netip.MustParseAddr("fd09::1"), MTU: 1300},
		{Dst: netip.MustParsePrefix("fd08::/32"), Gateway: netip.MustParseAddr("fd09::3"), MTU: 1300},
	} {
		r.Link = eth0.Index
		must.Succeed(t, container.AddRoute(t.Context(), r))
		if err := container.AddRoute(t.Context(), r); !errors.Is(err, rtnl.ErrExists) {
			t.Errorf("the same route again: %v", err)
		}
	}
	want := `eth0 veth mtu 1400 up
  address 10.9.0.2/24
  address fd09::2/64
  route 10.7.0.0/16 via 10.9.0.1 table 1000
  route 0.0.0.0/0 via 10.9.0.1
  route 10.8.0.0/16 via 10.9.0.1 mtu 1300 advmss 1200 priority 7
  route fd08::/32 via fd09::1 mtu 1300
  route fd08::/32 via fd09::3 mtu 1300
`
	if diff := cmp.Diff(want, rtnltest.Dump(t, container)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	must.Succeed(t, ns.Do(t.Context(), func() error {
		value, err := sysctl.Get(sysctl.Link("ipv4", "eth0", "arp_notify"))
		if value != "1" {
			t.Errorf("arp_notify is %q", value)
		}
		return err
	}))
}

// A container may have more addresses and routes than the kernel takes in one datagram.
func TestThousandsOfAddressesAndRoutes(t *testing.T) {
	host, container, ns := pair(t)
	bridged(t, host, ns)
	eth0 := link(t, container, "eth0").Index
	const count = 3000
	nth := func(first byte, i int) netip.Addr {
		return netip.AddrFrom4([4]byte{first, 0, byte(i >> 8), byte(i)})
	}
	var addresses []rtnl.Address
	var routes []rtnl.Route
	for i := 1; i <= count; i++ {
		addresses = append(addresses, rtnl.Address{Prefix: netip.PrefixFrom(nth(10, i), 8)})
		routes = append(routes, rtnl.Route{Dst: netip.PrefixFrom(nth(11, i), 32),
			Gateway: nth(10, count+1), Link: eth0})
	}
	must.Succeed(t, container.Configure(t.Context(), eth0, rtnl.Change{Up: true}, addresses, routes))
	have, err := container.Addresses(t.Context(), eth0)
	must.Succeed(t, err)
	through, err := container.Routes(t.Context(), eth0)
	must.Succeed(t, err)
	v4 := slices.DeleteFunc(have, func(a rtnl.Address) bool { return !a.Prefix.Addr().Is4() })
	via := slices.DeleteFunc(through, func(r rtnl.Route) bool { return !r.Gateway.IsValid() })
	if len(v4) != count || len(via) != count {
		t.Errorf("%d addresses and %d routes, want %d", len(v4), len(via), count)
	}

	routes = routes[:1000]
	for i := range routes {
		routes[i].Dst = netip.PrefixFrom(nth(12, i), 32)
	}
	routes[700].Gateway = netip.MustParseAddr("192.0.2.1")
	err = container.Configure(t.Context(), eth0, rtnl.Change{Up: true}, nil, routes)
	if err == nil || !strings.Contains(err.Error(), routes[700].String()) {
		t.Errorf("the error does not name route %s: %v", routes[700], err)
	}
}

func TestPortForwardsAsSoonAsTheWaitReturns(t *testing.T) {
	host, container, ns := pair(t)
	bridged(t, host, ns)
	port := link(t, host, "port")
	// Until the kernel has noticed that there is no carrier it may count as forwarding.
	must.Succeed(t, host.WaitLink(t.Context(), port.Index,
		func(l *rtnl.Link) bool { return !l.Port.Forwarding }))
	short, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	forwarding := func(l *rtnl.Link) bool { return l.Port != nil && l.Port.Forwarding }
	if err := host.WaitLink(short, port.Index, forwarding); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("wait for a port that is down: %v", err)
	}
	must.Succeed(t,
		container.SetLink(t.Context(), link(t, container, "eth0").Index, rtnl.Change{Up: true}))
	must.Succeed(t, host.WaitLink(t.Context(), port.Index, forwarding))
	if !link(t, host, "port").Port.Forwarding {
		t.Error("the port does not forward")
	}
}

func TestPortFlags(t *testing.T) {
	host, _, ns := pair(t)
	bridged(t, host, ns)
	must.Succeed(t, host.SetPort(t.Context(), link(t, host, "port").Index,
		rtnl.Port{Hairpin: true, Isolated: true}, nil))
	if got := link(t, host, "port").Port; !got.Hairpin || !got.Isolated {
		t.Errorf("got %+v", got)
	}
}

func TestAbsenceIsToldWithoutARequest(t *testing.T) {
	host, container, ns := pair(t)
	bridged(t, host, ns)
	before := container.Requests()
	for name, absent := range map[string]bool{"eth0": false, "eth1": true, "eth": true, "lo": false,
		"": false, "abcdefghijklmnop": false} {
		if got := container.NameIsFree(name); got != absent {
			t.Errorf("NameIsFree(%q) = %v", name, got)
		}
	}
	if sent := container.Requests() - before; sent != 0 {
		t.Errorf("%d requests were sent", sent)
	}
	link(t, container, "lo") // the connection goes on as before
	link(t, container, "eth0")
	if host.NameIsFree("eth0") != true {
		t.Error("the host has no eth0")
	}
}

func TestErrorsCanBeToldApart(t *testing.T) {
	host, _, ns := pair(t)
	bridged(t, host, ns)
	index := link(t, host, "br").Index
	address := netip.MustParsePrefix("10.9.0.1/24")
	must.Succeed(t, host.AddAddress(t.Context(), index, rtnl.Address{Prefix: address}))
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for _, c := range []struct {
		name string
		err  error
		want error
	}{
		{"no link of that name", second(host.LinkByName(t.Context(), "none")), rtnl.ErrNotFound},
		{"no link of that index", second(host.LinkByIndex(t.Context(), 4711)), rtnl.ErrNotFound},
		{"the errno is kept", second(host.LinkByName(t.Context(), "none")), syscall.ENODEV},
		{"bridge twice", host.AddBridge(t.Context(), rtnl.NewBridge{Name: "br"}), rtnl.ErrExists},
		{"veth of that name", host.AddVeth(t.Context(), rtnl.NewVeth{Name: "br", PeerName: "x"}),
			rtnl.ErrExists},
		{"peer of that name", host.AddVeth(t.Context(),
			rtnl.NewVeth{Name: "x", PeerName: "eth0", PeerNamespace: ns}), rtnl.ErrExists},
		{"address twice", host.AddAddress(t.Context(), index, rtnl.Address{Prefix: address}),
			rtnl.ErrExists},
		{"no such address", host.RemoveAddress(t.Context(), index, netip.MustParsePrefix("10.9.0.7/24")),
			rtnl.ErrNotFound},
		{"deletion of no link", host.DeleteLink(t.Context(), 4711), rtnl.ErrNotFound},
		{"context ended", second(host.LinkByName(ended, "br")), context.Canceled},
		{"no default route", second(host.DefaultRoute(t.Context())), rtnl.ErrNotFound},
	} {
		if !errors.Is(c.err, c.want) {
			t.Errorf("%s: got %v, want %v", c.name, c.err, c.want)
		}
	}
}

func second[T any](_ T, err error) error { return err }

func TestErrorGivesTheKernelsReason(t *testing.T) {
	host, _, _ := pair(t)
	must.Succeed(t, host.AddBridge(t.Context(), rtnl.NewBridge{Name: "br"}))
	err := host.AddRoute(t.Context(), rtnl.Route{Dst: netip.MustParsePrefix("0.0.0.0/0"),
		Gateway: netip.MustParseAddr("10.9.0.1"), Link: link(t, host, "br").Index})
	var refused *rtnl.Error
	if !errors.As(err, &refused) || refused.Message == "" {
		t.Errorf("no explanation in: %v", err)
	}
}

func TestDefaultRouteIsFoundWithoutListing(t *testing.T) {
	for _, c := range []struct{ name, address, dst, gateway string }{
		{"IPv4", "10.9.0.1/24", "0.0.0.0/0", "10.9.0.2"},
		{"IPv6", "fd09::1/64", "::/0", "fd09::2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			host, _, ns := pair(t)
			bridged(t, host, ns)
			br := link(t, host, "br")
			must.Succeed(t, host.AddAddress(t.Context(), br.Index,
				rtnl.Address{Prefix: netip.MustParsePrefix(c.address), NoDAD: true}))
			must.Succeed(t, host.AddRoute(t.Context(), rtnl.Route{Dst: netip.MustParsePrefix(c.dst),
				Gateway: netip.MustParseAddr(c.gateway), Link: br.Index, MTU: 1350}))
			before := host.Requests()
			got, err := host.DefaultRoute(t.Context())
			must.Succeed(t, err)
			if got.Link != br.Index || got.MTU != 1350 || got.Gateway.String() != c.gateway {
				t.Errorf("got %+v", got)
			}
			if n := host.Requests() - before; n > 2 {
				t.Errorf("%d requests", n)
			}
		})
	}
}

// TestDeletionDoesNotWaitForTheKernel compares medians of both ways in one run, so that the
// machine's speed cancels out.
func TestDeletionDoesNotWaitForTheKernel(t *testing.T) {
	host, _, ns := pair(t)
	bridged(t, host, ns)
	measure := func(remove func(context.Context, int) error) time.Duration {
		must.Succeed(t, host.AddVeth(t.Context(), rtnl.NewVeth{Name: "x", Up: true, PeerName: "y",
			PeerNamespace: ns}))
		index := link(t, host, "x").Index
		start := time.Now()
		must.Succeed(t, remove(t.Context(), index))
		took := time.Since(start)
		if _, err := host.LinkByIndex(t.Context(), index); !errors.Is(err, rtnl.ErrNotFound) {
			t.Fatalf("the link is still there: %v", err)
		}
		return took
	}
	var plain, notified []time.Duration
	for range 7 {
		plain = append(plain, measure(host.DeleteLinkAndWait))
		notified = append(notified, measure(host.DeleteLink))
	}
	slices.Sort(plain)
	slices.Sort(notified)
	t.Logf("median: %v acknowledged, %v notified", plain[3], notified[3])
	// a tenth is usual; an emulated processor needs most of the time itself
	if notified[3]*4 > plain[3]*3 {
		t.Errorf("median %v is not clearly less than %v", notified[3], plain[3])
	}
}

func TestDeletionsBeyondTheLimitWait(t *testing.T) {
	netnstest.Host(t)
	deleter := rtnl.NewDeleter(1, nil)
	s := rtnl.NewSession(nil, deleter)
	defer s.Close()
	host, err := s.Host(t.Context())
	must.Succeed(t, err)
	for _, name := range []string{"a", "b", "c"} {
		must.Succeed(t, host.AddVeth(t.Context(), rtnl.NewVeth{Name: name, PeerName: name + "1"}))
	}
	for _, name := range []string{"a", "b", "c"} {
		must.Succeed(t, host.DeleteLink(t.Context(), link(t, host, name).Index))
	}
	must.Succeed(t, host.AddVeth(t.Context(), rtnl.NewVeth{Name: "d", PeerName: "d1"}))
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	index := link(t, host, "d").Index
	if err := host.DeleteLink(ended, index); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if got := rtnltest.Dump(t, host); got != "d veth mtu 1500\nd1 veth mtu 1500\n" {
		t.Errorf("left:\n%s", got)
	}
}

func TestWaitUsableSeesTheEndOfDuplicateDetection(t *testing.T) {
	host, container, ns := pair(t)
	bridged(t, host, ns)
	eth0 := link(t, container, "eth0").Index
	must.Succeed(t, container.SetLink(t.Context(), eth0, rtnl.Change{Up: true}))
	br := link(t, host, "br").Index
	must.Succeed(t,
		host.AddAddress(t.Context(), br, rtnl.Address{Prefix: netip.MustParsePrefix("fd09::1/64"),
			NoDAD: true}))
	must.Succeed(t, host.WaitLink(t.Context(), link(t, host, "port").Index,
		func(l *rtnl.Link) bool { return l.Port.Forwarding }))
	free, taken := netip.MustParsePrefix("fd09::2/64"), netip.MustParsePrefix("fd09::1/64")
	must.Succeed(t, container.AddAddress(t.Context(), eth0, rtnl.Address{Prefix: free}))
	must.Succeed(t, container.WaitUsable(t.Context(), eth0, free))
	must.Succeed(t, container.AddAddress(t.Context(), eth0, rtnl.Address{Prefix: taken}))
	if err := container.WaitUsable(t.Context(), eth0, free, taken); !errors.Is(err,
		rtnl.ErrDuplicate) {
		t.Errorf("an address that the host has: %v", err)
	}
}

func TestAddressWatchSeesAddressesThatAreReady(t *testing.T) {
	host, _, _ := pair(t)
	must.Succeed(t, host.AddBridge(t.Context(), rtnl.NewBridge{Name: "br"}))
	br := link(t, host, "br").Index
	watch, err := host.WatchAddresses(t.Context())
	must.Succeed(t, err)
	defer watch.Close()
	mine, other := netip.MustParsePrefix("fd09::1/64"), netip.MustParsePrefix("fd09::2/64")
	must.Succeed(t, host.AddAddress(t.Context(), br, rtnl.Address{Prefix: mine, NoDAD: true}))
	must.Succeed(t, watch.Ready(t.Context(), br, mine, netip.MustParsePrefix("10.9.0.1/24")))
	groups, err := os.ReadFile("/proc/thread-self/net/igmp6")
	must.Succeed(t, err)
	if !strings.Contains(string(groups), "ff0200000000000000000001ff000001") {
		t.Errorf("the group of %s is not joined:\n%s", mine, groups)
	}
	short, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := watch.Ready(short, br, other); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("an address that the link does not have: %v", err)
	}
}

func TestSessionsOfConcurrentCallsKeepApart(t *testing.T) {
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			netnstest.Host(t)
			s := rtnl.NewSession(nil, nil)
			defer s.Close()
			host, err := s.Host(t.Context())
			if err != nil {
				t.Error(err)
				return
			}
			for range 20 {
				if err := host.AddBridge(t.Context(), rtnl.NewBridge{Name: "br"}); err != nil {
					t.Error(err)
					return
				}
				br, err := host.LinkByName(t.Context(), "br")
				if err != nil {
					t.Error(err)
					return
				}
				if err := host.DeleteLink(t.Context(), br.Index); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

// Where IPv6 is turned off the kernel refuses its addresses and routes with EACCES, also to root.
func TestRefusalOfIPv6SaysThatItIsOff(t *testing.T) {
	host, _, ns := pair(t)
	bridged(t, host, ns)
	_, err := sysctl.Set(sysctl.Link("ipv6", "br", "disable_ipv6"), "1")
	must.Succeed(t, err)
	index := link(t, host, "br").Index
	prefix := netip.MustParsePrefix("fd00::1/64")
	for what, err := range map[string]error{
		"an address": host.AddAddress(t.Context(), index, rtnl.Address{Prefix: prefix}),
		"a route":    host.AddRoute(t.Context(), rtnl.Route{Dst: prefix.Masked(), Link: index}),
		"all at once": host.Configure(t.Context(), index, rtnl.Change{Up: true},
			[]rtnl.Address{{Prefix: prefix}}, nil),
	} {
		if !errors.Is(err, syscall.EAFNOSUPPORT) || errors.Is(err, syscall.EACCES) ||
			!strings.Contains(err.Error(), "fd00::") || !strings.Contains(err.Error(), "disable_ipv6") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := host.AddAddress(t.Context(), index,
		rtnl.Address{Prefix: netip.MustParsePrefix("10.0.0.1/24")}); err != nil {
		t.Errorf("an IPv4 address: %v", err)
	}
}
