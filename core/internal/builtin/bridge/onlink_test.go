package bridge_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/libcni/libcni/core/internal/builtin/bridge"
	"github.com/libcni/libcni/core/internal/host/rtnl"
	"github.com/libcni/libcni/core/internal/host/rtnl/rtnltest"
	"github.com/libcni/libcni/core/internal/kit/kittest"
	"github.com/libcni/libcni/core/plugin"
)

// layouts are networks with an unusual gateway: of the n-th container, address and gateway.
var layouts = []struct{ name, address, gateway string }{
	{"single IPv4 address, link-local gateway", "10.9.0.%d/32", "169.254.1.1"},
	{"IPv4 network, link-local gateway", "10.9.0.%d/24", "169.254.1.1"},
	{"single IPv6 address, gateway beside it", "fd09::%d/128", "fd09::1"},
	{"single IPv4 address, gateway beside it", "10.9.0.%d/32", "10.9.0.1"},
	{"IPv6 network, link-local gateway", "fd09::%d/64", "fe80::1"},
	{"single IPv6 address, link-local gateway", "fd09::%d/128", "fe80::1"},
}

func (r *rig) layout(address, gateway string, n int, more string) []byte {
	address = fmt.Sprintf(address, n)
	everywhere := "0.0.0.0/0"
	if strings.Contains(address, ":") {
		everywhere = "::/0"
	}
	return r.config(fmt.Sprintf(`%s"ipam":{"type":"static","addresses":[{"address":%q,"gateway":%q}],
		"routes":[{"dst":%q}]}`, more, address, gateway, everywhere))
}

// The container reaches host, neighbour and outside through a gateway that is not in its network.
func TestGatewayOutsideTheNetwork(t *testing.T) {
	for _, layout := range layouts {
		t.Run(layout.name, func(t *testing.T) {
			h, outside := kittest.NewRouter(t)
			r := onHost(t, h)
			var containers []*kittest.Container
			var configs [][]byte
			for n := 5; n <= 6; n++ {
				c := r.container(fmt.Sprint("c", n))
				config := r.layout(layout.address, layout.gateway, n, `"isGateway":true,`)
				c.Result = plugin.NewResult(r.mustAdd(c, config))
				containers, configs = append(containers, c), append(configs, config)
				if drift := kittest.Drift(t, bridge.New().Check(t.Context(),
					r.Invocation(c, config))); drift != nil {
					t.Errorf("CHECK: %q", drift)
				}
			}
			r.tryLayout(layout.address, containers, outside)

			kittest.Must(t, r.del(containers[0], configs[0]))
			kittest.Must(t, r.del(containers[1], configs[1]))
			kittest.Must(t, r.del(containers[1], configs[1]))
			r.expectNoRoute(layout.address, 5)
			r.expectNoRoute(layout.address, 6)
		})
	}
}

// expectNoRoute shows that no route of the bridge leads to a container.
func (r *rig) expectNoRoute(address string, n int) {
	r.T.Helper()
	routes, err := r.Conn.Routes(r.T.Context(), r.Link(r.Conn, "br0").Index)
	kittest.Must(r.T, err)
	container := netip.MustParsePrefix(fmt.Sprintf(address, n)).Addr()
	for _, route := range routes {
		if route.Dst.IsSingleIP() && route.Dst.Addr() == container {
			r.T.Errorf("route %s is left", route)
		}
	}
}

func (r *rig) tryLayout(address string, containers []*kittest.Container, outside *kittest.Node) {
	r.T.Helper()
	at := func(n int) string { return netip.MustParsePrefix(fmt.Sprintf(address, n)).Addr().String() }
	host, beyond := kittest.HostIPv4, kittest.OutsideIPv4
	if strings.Contains(address, ":") {
		host, beyond = kittest.HostIPv6, kittest.OutsideIPv6
	}
	r.Serve(&containers[0].Node, kittest.Port(at(5), "80"), "c5")
	r.Serve(&containers[1].Node, kittest.Port(at(6), "80"), "c6")
	r.Serve(nil, kittest.Port(host, "80"), "host")
	r.Serve(outside, kittest.Port(beyond, "80"), "outside")
	r.Try(
		kittest.Path{Name: "host to container", To: kittest.Port(at(5), "80"), Want: "c5"},
		kittest.Path{Name: "container to host", From: &containers[0].Node,
			To: kittest.Port(host, "80"), Want: "host"},
		kittest.Path{Name: "container to container", From: &containers[0].Node,
			To: kittest.Port(at(6), "80"), Want: "c6"},
		kittest.Path{Name: "container to outside", From: &containers[1].Node,
			To: kittest.Port(beyond, "80"), Want: "outside"},
		kittest.Path{Name: "outside to container", From: outside, To: kittest.Port(at(6), "80"),
			Want: "c6"},
	)
}

// CHECK finds the routes that lead to such a container, repair adds the host's, and an ADD that
// fails leaves none.
func TestRoutesOfAGatewayOutsideTheNetwork(t *testing.T) {
	for _, layout := range layouts {
		t.Run(layout.name, func(t *testing.T) {
			r := newRig(t)
			config := r.layout(layout.address, layout.gateway, 5, `"isGateway":true,`)
			c := r.container("c5")
			c.Result = plugin.NewResult(r.mustAdd(c, config))
			address := netip.MustParsePrefix(fmt.Sprintf(layout.address, 5)).Addr()
			route := rtnl.Route{Dst: netip.PrefixFrom(address, address.BitLen()),
				Link: r.Link(r.Conn, "br0").Index}
			kittest.Must(t, r.Conn.RemoveRoute(t.Context(), route))
			inv := r.Invocation(c, config)
			drift := kittest.Drift(t, bridge.New().Check(t.Context(), inv))
			kittest.Same(t, "drift",
				[]string{fmt.Sprintf("bridge: route %s on br0: missing, not present", route.Dst)}, drift)
			kittest.Must(t, bridge.New().(plugin.Repairer).Repair(t.Context(), inv))
			if drift := kittest.Drift(t, bridge.New().Check(t.Context(), inv)); drift != nil {
				t.Errorf("CHECK after repair: %q", drift)
			}
			kittest.Must(t, r.del(c, config))

			before := rtnltest.Dump(t, r.Conn)
			failing := r.layout(layout.address, layout.gateway, 6, `"isGateway":true,`)
			unreachable := `"routes":[{"dst":"203.0.113.0/24","gw":"198.51.100.1"},`
			failing = []byte(strings.Replace(string(failing), `"routes":[`, unreachable, 1))
			if _, err := r.add(r.container("c6"), failing); err == nil {
				t.Fatal("ADD with a gateway that nothing leads to succeeds")
			}
			kittest.Same(t, "host after a failed ADD", before, rtnltest.Dump(t, r.Conn))
			r.expectNoRoute(layout.address, 6)
		})
	}
}

// Behind a bridge without gateway another router has the address.
func TestOtherRouterOutsideTheNetwork(t *testing.T) {
	for _, layout := range layouts[:3] {
		t.Run(layout.name, func(t *testing.T) {
			h, outside := kittest.NewRouter(t)
			r := onHost(t, h)
			kittest.Must(t, r.Conn.AddBridge(t.Context(), rtnl.NewBridge{Name: "br0"}))
			gateway := netip.MustParseAddr(layout.gateway)
			r.AddAddresses(r.Conn, "br0", netip.PrefixFrom(gateway, gateway.BitLen()).String())
			var containers []*kittest.Container
			for n := 5; n <= 6; n++ {
				c := r.container(fmt.Sprint("c", n))
				r.mustAdd(c, r.layout(layout.address, layout.gateway, n, ""))
				containers = append(containers, c)
				address := netip.MustParsePrefix(fmt.Sprintf(layout.address, n)).Addr()
				kittest.Must(t, r.Conn.AddRoute(t.Context(), rtnl.Route{
					Dst: netip.PrefixFrom(address, address.BitLen()), Link: r.Link(r.Conn, "br0").Index}))
			}
			r.tryLayout(layout.address, containers, outside)
		})
	}
}

// A route of the configuration to the gateway itself is kept as it is.
func TestConfiguredRouteToTheGateway(t *testing.T) {
	r := newRig(t)
	c := r.container("c5")
	config := r.config(`"isGateway":true,"ipam":{"type":"static",
		"addresses":[{"address":"10.9.0.5/32","gateway":"169.254.1.1"}],
		"routes":[{"dst":"169.254.1.1/32","scope":253},{"dst":"0.0.0.0/0","gw":"169.254.1.1"}]}`)
	c.Result = plugin.NewResult(r.mustAdd(c, config))
	if drift := kittest.Drift(t, bridge.New().Check(t.Context(),
		r.Invocation(c, config))); drift != nil {
		t.Errorf("CHECK: %q", drift)
	}
	r.Serve(nil, "169.254.1.1:80", "host")
	r.Try(kittest.Path{Name: "container to gateway", From: &c.Node, To: "169.254.1.1:80",
		Want: "host"})
}

// Both addresses of a network of two are hosts. Without a configured gateway the host has the other
// one.
func TestNetworksOfTwoAddresses(t *testing.T) {
	for _, address := range []string{"10.9.0.4/31", "10.9.0.5/31", "fd09::4/127", "fd09::5/127"} {
		t.Run(address, func(t *testing.T) {
			r := newRig(t)
			c := r.container("c1")
			result := r.mustAdd(c, r.config(`"isDefaultGateway":true,"ipam":{"type":"static",
				"addresses":[{"address":"`+address+`"}]}`))
			own := netip.MustParsePrefix(address)
			other := own.Masked().Addr()
			if other == own.Addr() {
				other = other.Next()
			}
			if got := result.IPs[0].Gateway.String(); got != other.String() {
				t.Errorf("gateway %s, want %s", got, other)
			}
			r.Serve(nil, kittest.Port(other.String(), "80"), "host")
			r.Serve(&c.Node, kittest.Port(own.Addr().String(), "80"), "c1")
			r.Try(kittest.Path{Name: "container to gateway", From: &c.Node,
				To: kittest.Port(other.String(), "80"), Want: "host"},
				kittest.Path{Name: "host to container", To: kittest.Port(own.Addr().String(), "80"),
					Want: "c1"})
		})
	}
}
