package portmap_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/libcni/libcni/core/internal/host/sysctl"
	"github.com/libcni/libcni/core/internal/kit/kittest"
)

const both = `{"hostPort":8080,"containerPort":80,"protocol":"tcp"},{"hostPort":8080,"containerPort":80,"protocol":"udp"}`

// TestPublishedPortIsReached asks from everywhere, with bridged packets shown to the packet filter
// and not.
func TestPublishedPortIsReached(t *testing.T) {
	for _, bridged := range []string{"0", "1"} {
		t.Run("bridge-nf-call-iptables "+bridged, func(t *testing.T) {
			r := newRig(t)
			for _, key := range []string{
				"bridge/bridge-nf-call-iptables", "bridge/bridge-nf-call-ip6tables",
			} {
				_, err := sysctl.Set(key, bridged)
				kittest.Must(t, err)
			}
			c, neighbour, other := r.container("a", 2), r.container("a", 3), r.container("b", 4)
			r.mustAdd(c, config(both))
			r.Serve(&c.Node, ":80", "c")
			for _, way := range []struct {
				name    string
				from    *kittest.Node
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
				{"from a neighbour", &neighbour.Node, "192.0.2.1", "10.1.0.1"},
				{"from a neighbour, IPv6", &neighbour.Node, "[fd00:9::1]", "fd00:1::1"},
				{"from a neighbour by the gateway", &neighbour.Node, "10.1.0.1", "10.1.0.1"},
				{"from another network", &other.Node, "192.0.2.1", "10.2.0.4"},
				{"from another network, IPv6", &other.Node, "[fd00:9::1]", "fd00:2::4"},
				{"from itself", &c.Node, "192.0.2.1", "10.1.0.1"},
				{"from itself, IPv6", &c.Node, "[fd00:9::1]", "fd00:1::1"},
			} {
				for _, network := range []string{"tcp", "udp"} {
					if got := r.Ask(way.from, network, way.address+":8080", kittest.Patience); got != "c "+
						way.want {
						t.Errorf("%s, %s: got %q, want %q", way.name, network, got, "c "+way.want)
					}
				}
			}
			kittest.Same(r.T, "drift", []string(nil), r.drift(c, config(both)))
			kittest.Must(t, r.del(c, config(both)))
			for _, address := range []string{"192.0.2.1", "[fd00:9::1]"} {
				for _, network := range []string{"tcp", "udp"} {
					if got := r.Ask(r.outside, network, address+":8080", 200*time.Millisecond); got != "" {
						t.Errorf("after DEL, %s to %s: %q", network, address, got)
					}
				}
			}
		})
	}
}

// TestTransitTrafficIsNotIntercepted sends through the host to the port that is published on the
// host.
func TestTransitTrafficIsNotIntercepted(t *testing.T) {
	r := newRig(t)
	c, server := r.container("a", 2), r.container("b", 3)
	r.mustAdd(c, config(both))
	r.Serve(&c.Node, ":80", "c")
	r.Serve(&server.Node, ":8080", "server")
	r.Serve(r.outside, ":8080", "outside")
	for _, way := range []struct {
		name, address, want string
		from                *kittest.Node
	}{
		{"from outside to a container", "10.2.0.3", "server 192.0.2.9", r.outside},
		{"from outside to a container, IPv6", "[fd00:2::3]", "server fd00:9::9", r.outside},
		{"from a container to the outside", "192.0.2.9", "outside 10.2.0.3", &server.Node},
		{"from the publisher to the outside", "192.0.2.9", "outside 10.1.0.2", &c.Node},
		{"from the host to the outside", "192.0.2.9", "outside 192.0.2.1", nil},
		{"from the host to the outside, IPv6", "[fd00:9::9]", "outside fd00:9::1", nil},
	} {
		for _, network := range []string{"tcp", "udp"} {
			if got := r.Ask(way.from, network, way.address+":8080", kittest.Patience); got != way.want {
				t.Errorf("%s, %s: got %q, want %q", way.name, network, got, way.want)
			}
		}
	}
}

// TestLoopbackOfTheHostIsNotOpened sends, from a container with a published port and from outside,
// to services of the host on 127.0.0.1: with the rules, after somebody has removed them all, and
// after the repair.
func TestLoopbackOfTheHostIsNotOpened(t *testing.T) {
	r := newRig(t)
	c := r.container("a", 2)
	r.mustAdd(c, config(both))
	r.Serve(nil, "127.0.0.1:9000", "host")
	if got := r.Ask(nil, "tcp", "127.0.0.1:9000", kittest.Patience); got != "host 127.0.0.1" {
		t.Fatalf("from the host: %q", got)
	}
	r.routeLoopback(&c.Node, "10.1.0.1")
	r.routeLoopback(r.outside, "192.0.2.1")
	closed := func(when string) {
		t.Helper()
		for name, from := range map[string]*kittest.Node{"container": &c.Node, "outside": r.outside} {
			for _, address := range []string{"127.0.0.1:9000", "192.0.0.8:9000"} {
				for _, network := range []string{"tcp", "udp"} {
					if got := r.Ask(from, network, address, 300*time.Millisecond); got != "" {
						t.Errorf("%s, from the %s, %s to %s: %q", when, name, network, address, got)
					}
				}
			}
		}
	}
	closed("with the rules")
	drops := 0
	for _, line := range strings.Split(r.listing(), "\n") {
		if strings.Contains(line, "127.0.0.0/8 counter") && strings.HasSuffix(line, "drop") {
			drops++
		}
	}
	if drops != 2 {
		t.Errorf("%d rules drop, not 2", drops)
	}
	r.flushRuleset()
	closed("after a flush")
	r.repair(c, config(both))
	closed("after the repair")
	kittest.Must(t, r.del(c, config(both)))
	closed("after DEL")
}

// TestLoopbackIsOpenWithoutTheRule shows that the test above tests something: something else turns
// route_localnet on.
func TestLoopbackIsOpenWithoutTheRule(t *testing.T) {
	r := newRig(t)
	c := r.container("a", 2)
	r.mustAdd(c, config(both))
	r.Serve(nil, "127.0.0.1:9000", "host")
	r.routeLoopback(&c.Node, "10.1.0.1")
	_, err := sysctl.Set("ipv4/conf/bra/route_localnet", "1")
	kittest.Must(t, err)
	r.flushChain("portmap-loopback")
	if got := r.Ask(&c.Node, "udp", "127.0.0.1:9000", kittest.Patience); !strings.HasPrefix(got,
		"host ") {
		t.Errorf("got %q", got)
	}
}

func TestTwoMappingsOnDifferentAddresses(t *testing.T) {
	r := newRig(t)
	r.AddAddresses(r.Conn, "out0", "192.0.2.2/24", "fd00:9::2/64")
	a, b := r.container("a", 2), r.container("b", 3)
	r.mustAdd(
		a,
		config(
			`{"hostPort":80,"containerPort":8000,"hostIP":"192.0.2.1"},{"hostPort":80,"containerPort":8000,"hostIP":"fd00:9::1"}`,
		),
	)
	r.mustAdd(
		b,
		config(
			`{"hostPort":80,"containerPort":8000,"hostIP":"192.0.2.2"},{"hostPort":80,"containerPort":8000,"hostIP":"fd00:9::2"}`,
		),
	)
	r.Serve(&a.Node, ":8000", "a")
	r.Serve(&b.Node, ":8000", "b")
	for address, want := range map[string]string{
		"192.0.2.1": "a 192.0.2.9", "192.0.2.2": "b 192.0.2.9", "[fd00:9::1]": "a fd00:9::9",
		"[fd00:9::2]": "b fd00:9::9",
	} {
		if got := r.Ask(r.outside, "tcp", address+":80", kittest.Patience); got != want {
			t.Errorf("%s: got %q, want %q", address, got, want)
		}
	}
	if got := r.Ask(nil, "tcp", "10.1.0.1:80", 200*time.Millisecond); got != "" {
		t.Errorf("at an address that is not published: %q", got)
	}
}

func TestRangeOfPorts(t *testing.T) {
	r := newRig(t)
	c := r.container("a", 2)
	mapping := config(`{"hostPort":9000,"containerPort":7000,"protocol":"udp","range":150}`)
	r.mustAdd(c, mapping)
	for _, offset := range []int{0, 77, 149} {
		r.Serve(&c.Node, fmt.Sprintf(":%d", 7000+offset), fmt.Sprint(offset))
		want := fmt.Sprintf("%d 192.0.2.9", offset)
		if got := r.Ask(r.outside, "udp", fmt.Sprintf("192.0.2.1:%d", 9000+offset),
			kittest.Patience); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	for _, beyond := range []string{"8999", "9150"} {
		if got := r.Ask(r.outside, "udp", "192.0.2.1:"+beyond, 100*time.Millisecond); got != "" {
			t.Errorf("port %s: %q", beyond, got)
		}
	}
	kittest.Same(r.T, "drift", []string(nil), r.drift(c, mapping))
	kittest.Must(t, r.del(c, mapping))
	kittest.Same(r.T, "left", []string(nil), r.elements())
}

func TestMasqueradeAllHidesEveryone(t *testing.T) {
	r := newRig(t)
	c := r.container("a", 2)
	r.mustAdd(c, config(both, `"masqAll":true`))
	r.Serve(&c.Node, ":80", "c")
	for address, want := range map[string]string{
		"192.0.2.1": "c 10.1.0.1", "[fd00:9::1]": "c fd00:1::1",
	} {
		if got := r.Ask(r.outside, "tcp", address+":8080", kittest.Patience); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	r.Serve(&c.Node, ":81", "direct")
	if got := r.Ask(r.outside, "tcp", "10.1.0.2:81", kittest.Patience); got != "direct 192.0.2.9" {
		t.Errorf("what is not translated: %q", got)
	}
}

func TestWithoutMasqueradeOutsideStillReaches(t *testing.T) {
	r := newRig(t)
	c := r.container("a", 2)
	r.mustAdd(c, config(both, `"snat":false`))
	r.Serve(&c.Node, ":80", "c")
	if got := r.Ask(r.outside, "tcp", "192.0.2.1:8080", kittest.Patience); got != "c 192.0.2.9" {
		t.Errorf("got %q", got)
	}
	if got := r.Ask(nil, "tcp", "127.0.0.1:8080", kittest.Patience); got != "c 10.1.0.1" {
		t.Errorf("from the host: got %q", got)
	}
}

// TestConditionsOfLoopbackClients has conditions on the source that tell 127.0.0.1 from the address
// that stands in for it.
func TestConditionsOfLoopbackClients(t *testing.T) {
	for conditions, want := range map[string]string{
		"ip saddr 127.0.0.0/8":              "c 10.1.0.1",
		"ip saddr { 127.0.0.1, 192.0.2.0 }": "c 10.1.0.1",
		"ip saddr != 192.0.0.0/16":          "c 10.1.0.1",
		"ip saddr 127.0.0.1-127.0.0.2":      "c 10.1.0.1",
		"ip saddr != 127.0.0.0/8":           "",
		"ip saddr 192.0.0.8":                "",
		"ip saddr != 10.0.0.0/8":            "c 10.1.0.1",
		"ip daddr 127.0.0.1":                "c 10.1.0.1",
	} {
		t.Run(conditions, func(t *testing.T) {
			r := newRig(t)
			c := r.container("a", 2)
			mapping := config(`{"hostPort":8080,"containerPort":80}`,
				fmt.Sprintf(`"conditionsV4":[%q]`, conditions))
			r.mustAdd(c, mapping)
			r.Serve(&c.Node, ":80", "c")
			if got := r.Ask(nil, "tcp", "127.0.0.1:8080", kittest.Patience); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
			kittest.Same(t, "drift", []string(nil), r.drift(c, mapping))
		})
	}
}

// TestNetworksKeepTheirConditions adds to both networks in turn, so that either could overwrite the
// other's.
func TestNetworksKeepTheirConditions(t *testing.T) {
	r := newRig(t)
	a, b, third := r.container("a", 2), r.container("b", 3), r.container("a", 4)
	conditionsA := []string{`"conditionsV4":["ip saddr != 192.0.2.9"]`,
		`"conditionsV6":["ip6","saddr","{fd00:2::/64, fd00:9::1}"]`}
	conditionsB := []string{`"conditionsV4":["iifname","\"out0\""]`}
	r.mustAdd(a, config(`{"hostPort":8001,"containerPort":80}`, conditionsA...))
	r.mustAdd(b, config(`{"hostPort":8002,"containerPort":80}`, conditionsB...))
	r.mustAdd(third, config(`{"hostPort":8003,"containerPort":80}`, conditionsA...))
	for _, c := range []*kittest.Container{a, b, third} {
		r.Serve(&c.Node, ":80", c.ID)
	}
	for _, way := range []struct {
		from          *kittest.Node
		address, want string
	}{
		{r.outside, "192.0.2.1:8001", ""},
		{nil, "192.0.2.1:8001", "c2 192.0.2.1"},
		{&b.Node, "192.0.2.1:8001", "c2 10.2.0.3"},
		{r.outside, "[fd00:9::1]:8001", ""},
		{&b.Node, "[fd00:9::1]:8001", "c2 fd00:2::3"},
		{nil, "[fd00:9::1]:8001", "c2 fd00:9::1"},
		{r.outside, "192.0.2.1:8002", "c3 192.0.2.9"},
		{&a.Node, "192.0.2.1:8002", ""},
		{r.outside, "[fd00:9::1]:8002", "c3 fd00:9::9"},
		{r.outside, "192.0.2.1:8003", ""},
		{&b.Node, "192.0.2.1:8003", "c4 10.2.0.3"},
	} {
		wait := kittest.Patience
		if way.want == "" {
			wait = 100 * time.Millisecond
		}
		if got := r.Ask(way.from, "tcp", way.address, wait); got != way.want {
			t.Errorf("%s: got %q, want %q", way.address, got, way.want)
		}
	}
	kittest.Same(r.T, "drift of a", []string(nil),
		r.drift(a, config(`{"hostPort":8001,"containerPort":80}`, conditionsA...)))
	kittest.Same(r.T, "drift of b", []string(nil),
		r.drift(b, config(`{"hostPort":8002,"containerPort":80}`, conditionsB...)))
	for _, c := range []*kittest.Container{a, b, third} {
		kittest.Must(t, r.del(c, config("")))
	}
	if listing := r.listing(); strings.Contains(listing, "net: ") {
		t.Errorf("left:\n%s", listing)
	}
}
