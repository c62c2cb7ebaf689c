package chain

import (
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/libcni/libcni/test/rig"
)

// TestHostKeepsTheRouteItsRouterAdvertises has a router send real advertisements, and the chain
// turn forwarding on.
func TestHostKeepsTheRouteItsRouterAdvertises(t *testing.T) {
	h := newHost(t)
	p := h.start()
	router := p.namespace("router")
	rig.Must(t, os.WriteFile("/proc/sys/net/ipv6/conf/default/accept_ra", []byte("1"), 0))
	h.Connect(router, "up0", nil, nil)
	changes := make(chan netlink.RouteUpdate)
	done := make(chan struct{})
	t.Cleanup(func() { close(done) })
	rig.Must(t, netlink.RouteSubscribe(changes, done))

	h.advertise(router, 1800, changes, true)
	if value := h.setting("all/forwarding"); value != "0" {
		t.Fatalf("forwarding is %s before", value)
	}
	p.must("add", h.attachment("a", "c1", p.namespace("c1"), 8080))
	for key, want := range map[string]string{
		"all/forwarding": "1", "up0/accept_ra": "2", "br-a/accept_ra": "0",
	} {
		if got := h.setting(key); got != want {
			t.Errorf("%s is %s, want %s", key, got, want)
		}
	}
	if !h.hasAdvertisedRoute() {
		t.Error("the route that the router advertised is gone")
	}
	// The router is still listened to: what it takes back goes, and comes again.
	h.advertise(router, 0, changes, false)
	h.advertise(router, 1800, changes, true)
}

// TestForwardingDropsTheRoute shows that the test above tests something: so does the kernel when
// nobody takes care.
func TestForwardingDropsTheRoute(t *testing.T) {
	h := newHost(t)
	router := h.start().namespace("router")
	h.Connect(router, "up0", nil, nil)
	changes := make(chan netlink.RouteUpdate)
	done := make(chan struct{})
	t.Cleanup(func() { close(done) })
	rig.Must(t, netlink.RouteSubscribe(changes, done))
	h.advertise(router, 1800, changes, true)
	rig.Must(t, os.WriteFile("/proc/sys/net/ipv6/conf/all/forwarding", []byte("1"), 0))
	if h.hasAdvertisedRoute() {
		t.Error("the kernel keeps the route by itself")
	}
}

func (h *host) setting(key string) string {
	h.T.Helper()
	value, err := os.ReadFile("/proc/sys/net/ipv6/conf/" + key)
	rig.Must(h.T, err)
	return strings.TrimSpace(string(value))
}

// hasAdvertisedRoute says whether there is a default route by up0 that an advertisement has made.
func (h *host) hasAdvertisedRoute() bool {
	h.T.Helper()
	link, err := netlink.LinkByName("up0")
	rig.Must(h.T, err)
	routes, err := netlink.RouteList(link, netlink.FAMILY_V6)
	rig.Must(h.T, err)
	for _, r := range routes {
		if (r.Dst == nil || r.Dst.IP.IsUnspecified()) && r.Protocol == unix.RTPROT_RA && r.Gw != nil {
			return true
		}
	}
	return false
}

// advertise sends advertisements of a default router with a lifetime in seconds until there is, or
// is no longer, a route.
func (h *host) advertise(
	router string, lifetime uint16, changes <-chan netlink.RouteUpdate, want bool,
) {
	h.T.Helper()
	deadline := time.After(patience)
	again := time.NewTicker(100 * time.Millisecond) // the first may be lost before the link is ready
	defer again.Stop()
	for {
		rig.Must(h.T, rig.Within(router, func() error { return sendAdvertisement("eth0", lifetime) }))
		select {
		case <-changes:
		case <-again.C:
		case <-deadline:
			h.T.Fatalf("advertised with a lifetime of %d s: there is a route: %v", lifetime, !want)
		}
		if h.hasAdvertisedRoute() == want {
			return
		}
	}
}

// sendAdvertisement sends a router advertisement (RFC 4861, 4.2) to all nodes of a link.
func sendAdvertisement(name string, lifetime uint16) error {
	link, err := net.InterfaceByName(name)
	if err != nil {
		return err
	}
	fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_ICMPV6)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	const routerAdvertisement = 134
	message := []byte{
		routerAdvertisement, 0, 0, 0, 64, 0, byte(lifetime >> 8), byte(lifetime), 0, 0, 0, 0, 0, 0, 0, 0,
	}
	for option, value := range map[int]int{
		unix.IPV6_MULTICAST_HOPS: 255, unix.IPV6_MULTICAST_IF: link.Index,
	} {
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, option, value); err != nil {
			return err
		}
	}
	all := unix.SockaddrInet6{ZoneId: uint32(link.Index), Addr: [16]byte{0: 0xff, 1: 0x02, 15: 1}}
	if err := unix.Sendto(fd, message, 0, &all); err != nil && err != unix.EADDRNOTAVAIL &&
		err != unix.ENETUNREACH {
		return fmt.Errorf("a router advertisement: %w", err) // the others: no address yet
	}
	return nil
}
