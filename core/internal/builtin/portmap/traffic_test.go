package portmap_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/libcni/libcni/core/internal/host/sysctl"
)

const both = `{"hostPort":8080,"containerPort":80,"protocol":"tcp"},{"hostPort":8080,"containerPort":80,"protocol":"udp"}`

// TestPublishedPortIsReached asks from everywhere, with bridged packets shown to the packet filter and not.
func TestPublishedPortIsReached(t *testing.T) {
	for _, bridged := range []string{"0", "1"} {
		t.Run("bridge-nf-call-iptables "+bridged, func(t *testing.T) {
			r := newRig(t)
			for _, key := range []string{"bridge/bridge-nf-call-iptables", "bridge/bridge-nf-call-ip6tables"} {
				_, err := sysctl.Set(key, bridged)
				must(t, err)
			}
			c, neighbour, other := r.container("a", 2), r.container("a", 3), r.container("b", 4)
			r.mustAdd(c, config(both))
			r.serve(&c.node, ":80", "c")
			for _, way := range []struct {
				name    string
				from    *node
				address string
				want    string // who the container sees
			}{
				{"from outside", r.outside, "192.0.2.1", "192.0.2.9"},
				{"from outside, IPv6", r.outside, "[fd00:9::1]", "fd00:9::9"},
				{"from the host", nil, "192.0.2.1", "192.0.2.1"},
				{"from the host, IPv6", nil, "[fd00:9::1]", "fd00:9::1"},
				{"from the host by the gateway address", nil, "10.1.0.1", "10.1.0.1"},
				{"from the host by localhost", nil, "127.0.0.1", "10.1.0.1"},
				{"from the host by another loopback address", nil, "127.8.8.8", "10.1.0.1"},
				{"from a neighbour", &neighbour.node, "192.0.2.1", "10.1.0.1"},
				{"from a neighbour, IPv6", &neighbour.node, "[fd00:9::1]", "fd00:1::1"},
				{"from a neighbour by the gateway", &neighbour.node, "10.1.0.1", "10.1.0.1"},
				{"from another network", &other.node, "192.0.2.1", "10.2.0.4"},
				{"from another network, IPv6", &other.node, "[fd00:9::1]", "fd00:2::4"},
				{"from itself", &c.node, "192.0.2.1", "10.1.0.1"},
				{"from itself, IPv6", &c.node, "[fd00:9::1]", "fd00:1::1"},
			} {
				for _, network := range []string{"tcp", "udp"} {
					if got := r.ask(way.from, network, way.address+":8080", patience); got != "c "+way.want {
						t.Errorf("%s, %s: got %q, want %q", way.name, network, got, "c "+way.want)
					}
				}
			}
			r.same("drift", []string(nil), r.drift(c, config(both)))
			must(t, r.del(c, config(both)))
			for _, address := range []string{"192.0.2.1", "[fd00:9::1]"} {
				for _, network := range []string{"tcp", "udp"} {
					if got := r.ask(r.outside, network, address+":8080", 200*time.Millisecond); got != "" {
						t.Errorf("after DEL, %s to %s: %q", network, address, got)
					}
				}
			}
		})
	}
}

// TestTransitTrafficIsNotIntercepted sends through the host to the port that is published on the host.
func TestTransitTrafficIsNotIntercepted(t *testing.T) {
	r := newRig(t)
	c, server := r.container("a", 2), r.container("b", 3)
	r.mustAdd(c, config(both))
	r.serve(&c.node, ":80", "c")
	r.serve(&server.node, ":8080", "server")
	r.serve(r.outside, ":8080", "outside")
	for _, way := range []struct {
		name, address, want string
		from                *node
	}{
		{"from outside to a container", "10.2.0.3", "server 192.0.2.9", r.outside},
		{"from outside to a container, IPv6", "[fd00:2::3]", "server fd00:9::9", r.outside},
		{"from a container to the outside", "192.0.2.9", "outside 10.2.0.3", &server.node},
		{"from the publisher to the outside", "192.0.2.9", "outside 10.1.0.2", &c.node},
		{"from the host to the outside", "192.0.2.9", "outside 192.0.2.1", nil},
		{"from the host to the outside, IPv6", "[fd00:9::9]", "outside fd00:9::1", nil},
	} {
		for _, network := range []string{"tcp", "udp"} {
			if got := r.ask(way.from, network, way.address+":8080", patience); got != way.want {
				t.Errorf("%s, %s: got %q, want %q", way.name, network, got, way.want)
			}
		}
	}
}

// TestLoopbackOfTheHostIsNotOpened sends, from a container whose link has route_localnet, to services of the host on 127.0.0.1.
func TestLoopbackOfTheHostIsNotOpened(t *testing.T) {
	r := newRig(t)
	c := r.container("a", 2)
	r.mustAdd(c, config(both))
	r.serve(nil, "127.0.0.1:9000", "host")
	if got := r.ask(nil, "tcp", "127.0.0.1:9000", patience); got != "host 127.0.0.1" {
		t.Fatalf("from the host: %q", got)
	}
	if value, err := sysctl.Get("ipv4/conf/bra/route_localnet"); value != "1" {
		t.Fatalf("route_localnet: %s, %v", value, err)
	}
	r.routeLoopback(&c.node, "10.1.0.1")
	r.routeLoopback(r.outside, "192.0.2.1")
	for name, from := range map[string]*node{"container": &c.node, "outside": r.outside} {
		for _, network := range []string{"tcp", "udp"} {
			if got := r.ask(from, network, "127.0.0.1:9000", 300*time.Millisecond); got != "" {
				t.Errorf("from the %s, %s: %q", name, network, got)
			}
		}
	}
	drops := 0
	for _, line := range strings.Split(r.listing(), "\n") {
		if strings.Contains(line, "127.0.0.0/8 drop") {
			drops++
		}
	}
	if drops != 2 {
		t.Errorf("%d rules drop, not 2", drops)
	}
}

// TestLoopbackIsOpenWithoutTheRule shows that the test above tests something.
func TestLoopbackIsOpenWithoutTheRule(t *testing.T) {
	r := newRig(t)
	c := r.container("a", 2)
	r.mustAdd(c, config(both))
	r.serve(nil, "127.0.0.1:9000", "host")
	r.routeLoopback(&c.node, "10.1.0.1")
	r.flushChain("portmap-loopback")
	if got := r.ask(&c.node, "udp", "127.0.0.1:9000", patience); !strings.HasPrefix(got, "host ") {
		t.Errorf("got %q", got)
	}
}

func TestTwoMappingsOnDifferentAddresses(t *testing.T) {
	r := newRig(t)
	r.addresses(r.host, "out0", "192.0.2.2/24", "fd00:9::2/64")
	a, b := r.container("a", 2), r.container("b", 3)
	r.mustAdd(a, config(`{"hostPort":80,"containerPort":8000,"hostIP":"192.0.2.1"},{"hostPort":80,"containerPort":8000,"hostIP":"fd00:9::1"}`))
	r.mustAdd(b, config(`{"hostPort":80,"containerPort":8000,"hostIP":"192.0.2.2"},{"hostPort":80,"containerPort":8000,"hostIP":"fd00:9::2"}`))
	r.serve(&a.node, ":8000", "a")
	r.serve(&b.node, ":8000", "b")
	for address, want := range map[string]string{
		"192.0.2.1": "a 192.0.2.9", "192.0.2.2": "b 192.0.2.9", "[fd00:9::1]": "a fd00:9::9", "[fd00:9::2]": "b fd00:9::9",
	} {
		if got := r.ask(r.outside, "tcp", address+":80", patience); got != want {
			t.Errorf("%s: got %q, want %q", address, got, want)
		}
	}
	if got := r.ask(nil, "tcp", "10.1.0.1:80", 200*time.Millisecond); got != "" {
		t.Errorf("at an address that is not published: %q", got)
	}
	if value, _ := sysctl.Get("ipv4/conf/bra/route_localnet"); value != "0" {
		t.Errorf("route_localnet is %s, and nothing is published on localhost", value)
	}
}

func TestRangeOfPorts(t *testing.T) {
	r := newRig(t)
	c := r.container("a", 2)
	mapping := config(`{"hostPort":9000,"containerPort":7000,"protocol":"udp","range":150}`)
	r.mustAdd(c, mapping)
	for _, offset := range []int{0, 77, 149} {
		r.serve(&c.node, fmt.Sprintf(":%d", 7000+offset), fmt.Sprint(offset))
		want := fmt.Sprintf("%d 192.0.2.9", offset)
		if got := r.ask(r.outside, "udp", fmt.Sprintf("192.0.2.1:%d", 9000+offset), patience); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	for _, beyond := range []string{"8999", "9150"} {
		if got := r.ask(r.outside, "udp", "192.0.2.1:"+beyond, 100*time.Millisecond); got != "" {
			t.Errorf("port %s: %q", beyond, got)
		}
	}
	r.same("drift", []string(nil), r.drift(c, mapping))
	must(t, r.del(c, mapping))
	r.same("left", []string(nil), r.elements())
}

func TestMasqueradeAllHidesEveryone(t *testing.T) {
	r := newRig(t)
	c := r.container("a", 2)
	r.mustAdd(c, config(both, `"masqAll":true`))
	r.serve(&c.node, ":80", "c")
	for address, want := range map[string]string{"192.0.2.1": "c 10.1.0.1", "[fd00:9::1]": "c fd00:1::1"} {
		if got := r.ask(r.outside, "tcp", address+":8080", patience); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	r.serve(&c.node, ":81", "direct")
	if got := r.ask(r.outside, "tcp", "10.1.0.2:81", patience); got != "direct 192.0.2.9" {
		t.Errorf("what is not translated: %q", got)
	}
}

func TestWithoutMasqueradeOutsideStillReaches(t *testing.T) {
	r := newRig(t)
	c := r.container("a", 2)
	r.mustAdd(c, config(both, `"snat":false`))
	r.serve(&c.node, ":80", "c")
	if got := r.ask(r.outside, "tcp", "192.0.2.1:8080", patience); got != "c 192.0.2.9" {
		t.Errorf("got %q", got)
	}
	if value, _ := sysctl.Get("ipv4/conf/bra/route_localnet"); value != "0" {
		t.Errorf("route_localnet is %s", value)
	}
}

// TestNetworksKeepTheirConditions adds to both networks in turn, so that either could overwrite the other's.
func TestNetworksKeepTheirConditions(t *testing.T) {
	r := newRig(t)
	a, b, third := r.container("a", 2), r.container("b", 3), r.container("a", 4)
	conditionsA := []string{`"conditionsV4":["ip saddr != 192.0.2.9"]`, `"conditionsV6":["ip6","saddr","{fd00:2::/64, fd00:9::1}"]`}
	conditionsB := []string{`"conditionsV4":["iifname","\"out0\""]`}
	r.mustAdd(a, config(`{"hostPort":8001,"containerPort":80}`, conditionsA...))
	r.mustAdd(b, config(`{"hostPort":8002,"containerPort":80}`, conditionsB...))
	r.mustAdd(third, config(`{"hostPort":8003,"containerPort":80}`, conditionsA...))
	for _, c := range []*container{a, b, third} {
		r.serve(&c.node, ":80", c.id)
	}
	for _, way := range []struct {
		from          *node
		address, want string
	}{
		{r.outside, "192.0.2.1:8001", ""},
		{nil, "192.0.2.1:8001", "c2 192.0.2.1"},
		{&b.node, "192.0.2.1:8001", "c2 10.2.0.3"},
		{r.outside, "[fd00:9::1]:8001", ""},
		{&b.node, "[fd00:9::1]:8001", "c2 fd00:2::3"},
		{nil, "[fd00:9::1]:8001", "c2 fd00:9::1"},
		{r.outside, "192.0.2.1:8002", "c3 192.0.2.9"},
		{&a.node, "192.0.2.1:8002", ""},
		{r.outside, "[fd00:9::1]:8002", "c3 fd00:9::9"},
		{r.outside, "192.0.2.1:8003", ""},
		{&b.node, "192.0.2.1:8003", "c4 10.2.0.3"},
	} {
		wait := patience
		if way.want == "" {
			wait = 100 * time.Millisecond
		}
		if got := r.ask(way.from, "tcp", way.address, wait); got != way.want {
			t.Errorf("%s: got %q, want %q", way.address, got, way.want)
		}
	}
	r.same("drift of a", []string(nil), r.drift(a, config(`{"hostPort":8001,"containerPort":80}`, conditionsA...)))
	r.same("drift of b", []string(nil), r.drift(b, config(`{"hostPort":8002,"containerPort":80}`, conditionsB...)))
	for _, c := range []*container{a, b, third} {
		must(t, r.del(c, config("")))
	}
	if listing := r.listing(); strings.Contains(listing, "net: ") {
		t.Errorf("left:\n%s", listing)
	}
}
