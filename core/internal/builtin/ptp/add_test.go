package ptp_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/libcni/libcni/core/internal/builtin/ptp"
	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/host/rtnl"
	"github.com/libcni/libcni/core/internal/host/sysctl"
	"github.com/libcni/libcni/core/internal/kit/kittest"
	"github.com/libcni/libcni/core/plugin"
)

func TestAddMakesThePair(t *testing.T) {
	r := newRig(t)
	c := r.container("c1")
	config := r.config(`"dns":{"nameservers":["10.9.0.1"]},` + dualStack)
	result := r.mustAdd(c, config)
	kittest.Same(t, "state", fmt.Sprintf(`host:
vethc1 veth mtu 1500 up
  address 10.9.0.1/32
  address fd09::1/128
direct 10.9.0.2/32 scope link dev vethc1
direct fd09::1/128 dev vethc1
direct fd09::2/128 dev vethc1
container:
eth0 veth mtu 1500 up
  address 10.9.0.2/24
  address fd09::2/64
  route 0.0.0.0/0 via 10.9.0.1
  route 10.8.0.0/16 via 10.9.0.1 mtu 1300
  route 10.9.0.0/24 via 10.9.0.1 src 10.9.0.2
  route fd09::/64 via fd09::1 src fd09::2 priority %d
  route ::/0 via fd09::1
direct 10.9.0.1/32 src 10.9.0.2 scope link dev eth0
direct fd09::1/128 src fd09::2 dev eth0
leases: [10.9.0.2 fd09::2]
`, 1024+r.Link(c.Conn, "eth0").Index), r.state(c))
	text, err := json.Marshal(result)
	kittest.Must(t, err)
	mac := func(conn *rtnl.Conn, name string) string { return r.Link(conn, name).MAC.String() }
	kittest.Same(t, "result", fmt.Sprintf(`{"cniVersion":"1.1.0","dns":{"nameservers":["10.9.0.1"]},`+
		`"interfaces":[{"mac":"%s","mtu":1500,"name":"vethc1"},{"mac":"%s","mtu":1500,"name":"eth0","sandbox":"%s"}],`+
		`"ips":[{"address":"10.9.0.2/24","gateway":"10.9.0.1","interface":1},`+
		`{"address":"fd09::2/64","gateway":"fd09::1","interface":1}],`+
		`"routes":[{"dst":"0.0.0.0/0"},{"dst":"::/0"},{"dst":"10.8.0.0/16","mtu":1300}]}`,
		mac(r.Conn, "vethc1"), mac(c.Conn, "eth0"), c.NS.Path()), string(text))
	if drift := r.check(c, config); drift != nil {
		t.Errorf("CHECK: %v", drift)
	}
	for key, want := range map[string]string{"ipv4/ip_forward": "1", "ipv6/conf/all/forwarding": "1",
		"ipv6/conf/vethc1/accept_ra": "0"} {
		if got, err := sysctl.Get(key); err != nil || got != want {
			t.Errorf("%s: %q, %v; want %q", key, got, err, want)
		}
	}
}

func TestTwoContainersAndTheHostReachEachOtherAtOnce(t *testing.T) {
	r := newRig(t)
	a, b := r.container("c1"), r.container("c2")
	r.mustAdd(a, r.config(dualStack))
	r.Serve(&a.Node, ":8000", "a")
	r.Try(kittest.Path{Name: "host", To: "10.9.0.2:8000", Want: "a 10.9.0.1"},
		kittest.Path{Name: "host", To: "[fd09::2]:8000", Want: "a fd09::1"})
	r.mustAdd(b, r.config(dualStack))
	r.Serve(nil, ":8001", "host")
	r.Try(kittest.Path{Name: "neighbour", From: &b.Node, To: "10.9.0.2:8000", Want: "a 10.9.0.3"},
		kittest.Path{Name: "neighbour", From: &b.Node, To: "[fd09::2]:8000", Want: "a fd09::3"},
		kittest.Path{Name: "gateway", From: &b.Node, To: "10.9.0.1:8001", Want: "host 10.9.0.3"},
		kittest.Path{Name: "gateway", From: &b.Node, To: "[fd09::1]:8001", Want: "host fd09::3"})
}

// A packet that the kernel drops is sent again after a second at the earliest.
func TestTheFirstPacketAfterAddArrives(t *testing.T) {
	for to, subnet := range map[string]string{
		"10.9.0.2:8000": "10.9.0.0/24", "[fd09::2]:8000": "fd09::/64",
	} {
		for range 5 {
			r := newRig(t)
			c := r.container("c1")
			r.Serve(&c.Node, ":8000", "c")
			r.mustAdd(c, r.config(`"ipam":{"type":"host-local","dataDir":"DIR","subnet":"`+subnet+`"}`))
			if r.Ask(nil, "udp", to, 900*time.Millisecond) == "" {
				t.Errorf("%s does not answer the first packet", to)
			}
		}
	}
}

func TestMasquerading(t *testing.T) {
	for _, backend := range []string{"nftables", "iptables"} {
		t.Run(backend, func(t *testing.T) {
			h, outside := kittest.NewRouter(t)
			r := onHost(t, h)
			for _, dst := range []string{"0.0.0.0/0", "::/0"} { // so that only masquerading is answered
				kittest.Must(t, outside.Conn.RemoveRoute(t.Context(),
					rtnl.Route{Dst: netip.MustParsePrefix(dst)}))
			}
			r.Serve(outside, ":8000", "outside")
			c := r.container("c1")
			config := r.config(`"ipMasq":true,"ipMasqBackend":"` + backend + `",` + dualStack)
			r.mustAdd(c, config)
			r.Try(kittest.Path{Name: "out", From: &c.Node, To: kittest.Port(kittest.OutsideIPv4, "8000"),
				Want: "outside " + kittest.HostIPv4},
				kittest.Path{Name: "out", From: &c.Node, To: kittest.Port(kittest.OutsideIPv6, "8000"),
					Want: "outside " + kittest.HostIPv6})
			if drift := r.check(c, config); drift != nil {
				t.Errorf("CHECK: %v", drift)
			}
			if backend == "nftables" {
				kittest.Golden(t, "masquerade.nft", kittest.Table(t, "inet"))
			}
			r.mustDel(r.Invocation(c, config))
			rules := kittest.Table(t, "inet") + kittest.Run(t, "iptables-save", "-t", "nat")
			if strings.Contains(rules, "10.9.0") {
				t.Errorf("rules after DEL:\n%s", rules)
			}
		})
	}
}

func TestMTU(t *testing.T) {
	for _, test := range []struct {
		name, config string
		want         int
	}{
		{"configured", `"mtu":1280,` + dualStack, 1280},
		{"of the default route", dualStack, 1380},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(t)
			kittest.Must(t, r.Conn.AddVeth(t.Context(),
				rtnl.NewVeth{Name: "uplink", PeerName: "router", MTU: 1380, Up: true}))
			r.AddAddresses(r.Conn, "uplink", "192.0.2.2/24")
			kittest.Must(t, r.Conn.AddRoute(t.Context(), rtnl.Route{Dst: netip.MustParsePrefix("0.0.0.0/0"),
				Gateway: netip.MustParseAddr("192.0.2.1"), Link: r.Link(r.Conn, "uplink").Index}))
			c := r.container("c1")
			result := r.mustAdd(c, r.config(test.config))
			for _, mtu := range []int{result.Interfaces[0].Mtu, result.Interfaces[1].Mtu,
				r.Link(c.Conn, "eth0").MTU,
				r.Link(r.Conn, "vethc1").MTU} {
				if mtu != test.want {
					t.Errorf("got %d, want %d", mtu, test.want)
				}
			}
		})
	}
}

func TestFailedAddLeavesNothing(t *testing.T) {
	const gateway = `"gateway":"10.9.0.1"`
	for _, test := range []struct{ name, config, wantErr string }{
		{"no IPAM plugin", `"mtu":1400`, "ipam.type is required"},
		{"unknown IPAM plugin", `"ipam":{"type":"none"}`, "no plugin none"},
		{"no gateway", `"ipam":{"type":"static","addresses":[{"address":"10.9.0.2/24"}]}`,
			"has no gateway"},
		{"its own gateway", `"ipam":{"type":"static","addresses":[{"address":"10.9.0.1/24",` + gateway +
			`}]}`, "is its own gateway"},
		{"gateway of the other family", `"ipam":{"type":"static","addresses":[{"address":"fd09::2/64",` +
			gateway + `}]}`, "other family"},
		{"route that the kernel refuses",
			`"ipMasq":true,"ipam":{"type":"host-local","dataDir":"DIR","subnet":"10.9.0.0/24",
			"routes":[{"dst":"10.8.0.0/16","gw":"192.0.2.1"}]}`, "route 10.8.0.0/16 via 192.0.2.1"},
		{"mtu out of range", `"mtu":70000,` + dualStack, "mtu"},
		{"mtu that no link has", `"mtu":67,` + dualStack,
			"mtu: 67 is neither 0 nor between 68 and 65535"},
		{"mtu that IPv6 does not have", `"mtu":1279,` + dualStack,
			"mtu: 1279 is less than 1280, which IPv6 addresses need"},
		{"the same address twice", `"ipam":{"type":"static","addresses":[{"address":"10.9.0.2/24",` +
			gateway + `},{"address":"10.9.0.2/24",` + gateway + `}]}`,
			"the result has address 10.9.0.2 twice"},
		{"unknown backend", `"ipMasqBackend":"ipfw",` + dualStack, "ipMasqBackend"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(t)
			c := r.container("c1")
			_, err := r.add(c, r.config(test.config))
			if err == nil || !strings.Contains(err.Error(), test.wantErr) {
				t.Fatalf("got %v, want %q", err, test.wantErr)
			}
			var f *fault.Error
			if errors.As(err, &f); strings.HasPrefix(test.wantErr, "mtu: ") &&
				(f == nil || f.Kind != fault.KindInvalidConfig || f.Details != "mtu") {
				t.Errorf("got %#v, want an invalid-config error of mtu", err)
			}
			want := "host:\ncontainer:\nleases: []\n"
			if rules := kittest.Table(t, "inet"); strings.Contains(rules, "10.9.0") {
				t.Errorf("rules:\n%s", rules)
			}
			kittest.Same(t, "state", want, strings.SplitAfter(r.state(c), "leases: []\n")[0])
		})
	}
}

func TestNamesThatAreTaken(t *testing.T) {
	for _, test := range []struct {
		name    string
		prepare func(*rig, *kittest.Container) error
		wantErr string
	}{
		{"in the container", func(r *rig, c *kittest.Container) error {
			return c.Conn.AddBridge(r.T.Context(), rtnl.NewBridge{Name: "eth0"})
		}, "the container has an interface eth0 already"},
		{"on the host", func(r *rig, _ *kittest.Container) error {
			return r.Conn.AddBridge(r.T.Context(), rtnl.NewBridge{Name: "vethc1"})
		}, "the host has a link vethc1 already"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(t)
			c := r.container("c1")
			kittest.Must(t, test.prepare(r, c))
			before := r.state(c)
			_, err := r.add(c, r.config(dualStack))
			var f *fault.Error
			if !errors.As(err, &f) || f.Kind != fault.KindExists ||
				!strings.Contains(err.Error(), test.wantErr) {
				t.Errorf("got %v", err)
			}
			kittest.Same(t, "state", before, r.state(c))
		})
	}
}

func TestNoNamespace(t *testing.T) {
	r := newRig(t)
	_, err := r.add(kittest.Lost("net", "c1"), r.config(dualStack))
	var f *fault.Error
	if !errors.As(err, &f) || f.Kind != fault.KindInvalidRequest {
		t.Errorf("got %v", err)
	}
}

func TestSeveralAddressesOfOneNetwork(t *testing.T) {
	r := newRig(t)
	c := r.container("c1")
	config := r.config(
		`"ipam":{"type":"static","addresses":[{"address":"10.9.0.2/24","gateway":"10.9.0.1"},
		{"address":"10.9.0.3/24","gateway":"10.9.0.1"},{"address":"10.7.0.9/32","gateway":"10.9.0.1"}]}`)
	r.mustAdd(c, config)
	if drift := r.check(c, config); drift != nil {
		t.Errorf("CHECK: %v", drift)
	}
	for _, address := range []string{"10.9.0.2", "10.9.0.3", "10.7.0.9"} {
		r.Serve(&c.Node, kittest.Port(address, "8000"), "c")
		r.Try(kittest.Path{Name: address, To: kittest.Port(address, "8000"), Want: "c 10.9.0.1"})
	}
}

// The kernel would make one route of those of two interfaces, with one source address.
func TestTwoInterfacesOfOneNetwork(t *testing.T) {
	for _, remaining := range []string{"eth0", "eth1"} {
		t.Run("without all but "+remaining, func(t *testing.T) {
			r := newRig(t)
			config := r.config(dualStack)
			neighbour := r.container("c0") // has the addresses with number 2
			r.mustAdd(neighbour, config)
			r.Serve(&neighbour.Node, ":8000", "neighbour")
			first := r.container("c1")
			second := *first
			second.IfName, second.HostIfName = "eth1", "vethc1b"
			r.mustAdd(first, config)
			r.mustAdd(&second, config)
			r.Serve(&first.Node, "[fd09::3]:8000", "c1")
			r.Serve(&first.Node, "[fd09::4]:8000", "c1")
			for _, c := range []*kittest.Container{first, &second} {
				kittest.Same(t, "drift of "+c.IfName, []string(nil), r.check(c, config))
			}
			r.Try(kittest.Path{Name: "eth0", To: "[fd09::3]:8000", Want: "c1 fd09::1"},
				kittest.Path{Name: "eth1", To: "[fd09::4]:8000", Want: "c1 fd09::1"},
				kittest.Path{Name: "eth0", From: &neighbour.Node, To: "[fd09::3]:8000", Want: "c1 fd09::2"},
				kittest.Path{Name: "eth1", From: &neighbour.Node, To: "[fd09::4]:8000", Want: "c1 fd09::2"},
				kittest.Path{Name: "out", From: &first.Node, To: "[fd09::2]:8000",
					Want: "neighbour fd09::3"})

			kept, gone, address := first, &second, "fd09::3"
			if remaining == "eth1" {
				kept, gone, address = &second, first, "fd09::4"
			}
			r.mustDel(r.Invocation(gone, config))
			kittest.Same(t, "drift of "+kept.IfName, []string(nil), r.check(kept, config))
			r.Try(kittest.Path{Name: remaining, From: &neighbour.Node, To: kittest.Port(address, "8000"),
				Want: "c1 fd09::2"},
				kittest.Path{Name: "out", From: &first.Node, To: "[fd09::2]:8000",
					Want: "neighbour " + address})
		})
	}
}

func TestStatus(t *testing.T) {
	r := newRig(t)
	kittest.Must(t, ptp.New().Status(t.Context(),
		r.Invocation(kittest.Lost("net", ""), r.config(`"ipMasq":true,`+dualStack))))
	one := `"ipam":{"type":"host-local","dataDir":"DIR","ranges":[[{"subnet":"10.9.0.0/24","rangeStart":"10.9.0.2","rangeEnd":"10.9.0.2"}]]}`
	r.mustAdd(r.container("c1"), r.config(one))
	err := ptp.New().Status(t.Context(), r.Invocation(kittest.Lost("net", ""), r.config(one)))
	var f *fault.Error
	if !errors.As(err, &f) || f.Code != fault.CodePluginNotAvailable {
		t.Errorf("exhausted: %v", err)
	}
	if err := ptp.New().Status(t.Context(), &plugin.Invocation{Config: []byte(`{}`)}); err == nil {
		t.Error("a configuration without IPAM plugin is accepted")
	}
}

// TestContainerIsReachedFromOutsideAtOnce: the host needs a link-local address of its own on its
// end to find the container.
func TestContainerIsReachedFromOutsideAtOnce(t *testing.T) {
	h, outside := kittest.NewRouter(t)
	r := onHost(t, h)
	c := r.container("c1")
	r.Serve(&c.Node, ":7000", "c1")
	r.mustAdd(c, r.config(dualStack))
	for _, address := range []string{"10.9.0.2", "fd09::2"} {
		if got := r.Ask(outside, "udp", kittest.Port(address, "7000"),
			500*time.Millisecond); !strings.HasPrefix(got, "c1 ") {
			t.Errorf("%s answers %q", address, got)
		}
	}
}

// A gateway may be any address: the host's end has it alone, and the container a route to it.
func TestGatewayOutsideTheNetwork(t *testing.T) {
	for _, layout := range []struct{ address, gateway, everywhere string }{
		{"10.9.0.5/32", "169.254.1.1", "0.0.0.0/0"},
		{"10.9.0.5/24", "169.254.1.1", "0.0.0.0/0"},
		{"10.9.0.5/31", "10.9.0.4", "0.0.0.0/0"},
		{"fd09::5/64", "fe80::1", "::/0"},
		{"fd09::5/128", "fe80::1", "::/0"},
		{"fd09::5/127", "fd09::4", "::/0"},
	} {
		t.Run(layout.address+" "+layout.gateway, func(t *testing.T) {
			h, outside := kittest.NewRouter(t)
			r := onHost(t, h)
			c := r.container("c1")
			config := r.config(fmt.Sprintf(`"ipam":{"type":"static",
				"addresses":[{"address":%q,"gateway":%q}],"routes":[{"dst":%q}]}`, layout.address,
				layout.gateway, layout.everywhere))
			r.mustAdd(c, config)
			if drift := r.check(c, config); drift != nil {
				t.Errorf("CHECK: %q", drift)
			}
			own, _, _ := strings.Cut(layout.address, "/")
			beyond := kittest.OutsideIPv4
			if strings.Contains(own, ":") {
				beyond = kittest.OutsideIPv6
			}
			r.Serve(&c.Node, kittest.Port(own, "80"), "c1")
			r.Serve(outside, kittest.Port(beyond, "80"), "outside")
			r.Try(
				kittest.Path{Name: "host to container", To: kittest.Port(own, "80"), Want: "c1"},
				kittest.Path{Name: "outside to container", From: outside, To: kittest.Port(own, "80"),
					Want: "c1"},
				kittest.Path{Name: "container to outside", From: &c.Node, To: kittest.Port(beyond, "80"),
					Want: "outside"})
		})
	}
}

// TestFirstPacketArrives sends one packet to, and one from, each of many containers as soon as they
// are attached.
func TestFirstPacketArrives(t *testing.T) {
	r := newRig(t)
	r.Serve(nil, ":7000", "host")
	for i := range 30 {
		c := r.container(fmt.Sprintf("c%d", i))
		r.Serve(&c.Node, ":7000", "c")
		config := r.config(dualStack)
		ip := r.mustAdd(c, config).IPs[0]
		r.FirstPacketsArrive(c, ip.Address.IP.String(), ip.Gateway.String())
		r.mustDel(r.Invocation(c, config))
	}
}
