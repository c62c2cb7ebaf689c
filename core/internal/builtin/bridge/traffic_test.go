package bridge_test

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	types100 "github.com/containernetworking/cni/pkg/types/100"

	"github.com/libcni/libcni/core/internal/builtin/bridge"
	"github.com/libcni/libcni/core/internal/host/rtnl"
	"github.com/libcni/libcni/core/internal/kit/kittest"
	"github.com/libcni/libcni/core/plugin"
)

// withOtherInterface is the result as a later plugin of the chain may leave it.
func withOtherInterface(r *types100.Result) *types100.Result {
	more := *r
	more.Interfaces = append(more.Interfaces, &types100.Interface{Name: "bwp0"},
		&types100.Interface{Name: "net1", Sandbox: r.Interfaces[2].Sandbox})
	more.IPs = append(more.IPs,
		&types100.IPConfig{
			Interface: types100.Int(4),
			Address:   net.IPNet{IP: net.IPv4(192, 0, 2, 9), Mask: net.CIDRMask(24, 32)},
		})
	return &more
}

func TestContainersReachEachOther(t *testing.T) {
	r := newRig(t)
	a, b := r.container("c1"), r.container("c2")
	r.mustAdd(a, r.config(`"isGateway":true,`+hostLocal))
	r.mustAdd(b, r.config(`"isGateway":true,`+hostLocal))
	r.Serve(&b.Node, ":7000", "b")
	r.Try(kittest.Path{Name: "IPv4", From: &a.Node, To: "10.9.0.3:7000", Want: "b 10.9.0.2"},
		kittest.Path{Name: "IPv6", From: &a.Node, To: "[fd09::3]:7000", Want: "b fd09::2"})
}

func TestIsolatedPortsDoNotReachEachOther(t *testing.T) {
	r := newRig(t)
	a, b := r.container("c1"), r.container("c2")
	config := r.config(`"isGateway":true,"portIsolation":true,` + hostLocal)
	r.mustAdd(a, config)
	r.mustAdd(b, config)
	r.Serve(&b.Node, ":7000", "b")
	r.Try(kittest.Path{Name: "from the host", To: "10.9.0.3:7000", Want: "b"}, // the server is there
		kittest.Path{Name: "from the other port", From: &a.Node, To: "10.9.0.3:7000", Want: ""})
}

// TestReusedAddressAnswersAtOnce moves an address from one container to the next while a third
// knows the first one's MAC address. Unannounced, what it sends would go to the first one's for
// half a minute.
func TestReusedAddressAnswersAtOnce(t *testing.T) {
	const one = `"ipam":{"type":"static","addresses":[{"address":"10.9.0.9/24"},{"address":"fd09::9/64"}]}`
	r := newRig(t)
	client := r.container("client")
	client.HostIfName = "vethx"
	r.mustAdd(client,
		r.config(
			`"ipam":{"type":"static","addresses":[{"address":"10.9.0.8/24"},{"address":"fd09::8/64"}]}`))
	for _, name := range []string{"c1", "c2", "c3"} {
		c := r.container(name)
		r.mustAdd(c, r.config(one))
		for _, address := range []string{"10.9.0.9", "fd09::9"} {
			r.Serve(&c.Node, kittest.Port(address, "7000"), name)
			if got := r.Ask(&client.Node, "udp", kittest.Port(address, "7000"),
				300*time.Millisecond); !strings.HasPrefix(got, name+" ") {
				t.Errorf("%s at %s answers %q", name, address, got)
			}
		}
		// Gone without a word, as a container that is killed.
		kittest.Must(t, r.Conn.DeleteLink(t.Context(), r.Link(r.Conn, c.HostIfName).Index))
	}
}

// TestFirstContainerOfANewBridgeIsReachedAtOnce asks from outside: the host needs a link-local
// address of its own on the bridge to find the container.
func TestFirstContainerOfANewBridgeIsReachedAtOnce(t *testing.T) {
	h, outside := kittest.NewRouter(t)
	r := onHost(t, h)
	c := r.container("c1")
	r.Serve(&c.Node, ":7000", "c1")
	r.mustAdd(c, r.config(`"isDefaultGateway":true,`+hostLocal))
	for _, address := range []string{"10.9.0.2", "fd09::2"} {
		if got := r.Ask(outside, "udp", kittest.Port(address, "7000"),
			500*time.Millisecond); !strings.HasPrefix(got, "c1 ") {
			t.Errorf("%s answers %q", address, got)
		}
	}
}

// TestFirstPacketArrives sends one packet to, and one from, each of many containers as soon as they
// are attached: the kernel drops what is sent before it has noticed that both ends are up.
func TestFirstPacketArrives(t *testing.T) {
	r := newRig(t)
	r.Serve(nil, ":7000", "host")
	for i := range 30 {
		c := r.container(fmt.Sprintf("c%d", i))
		r.Serve(&c.Node, ":7000", "c")
		config := r.config(`"isGateway":true,` + hostLocal)
		ip := r.mustAdd(c, config).IPs[0].Address.IP.String()
		r.FirstPacketsArrive(c, ip, "10.9.0.1")
		kittest.Must(t, r.del(c, config))
	}
}

// TestRepairedBridgeIsReachedAtOnce: a bridge loses addresses and routes when it goes down, and to
// programs that manage the host's links. A new container does not need a repair for its own
// addresses.
func TestRepairedBridgeIsReachedAtOnce(t *testing.T) {
	for _, test := range []struct {
		name   string
		damage func(*rig, *rtnl.Link)
	}{
		{"down", func(r *rig, bridge *rtnl.Link) {
			kittest.Must(t, r.Conn.SetLink(t.Context(), bridge.Index, rtnl.Change{Down: true}))
		}},
		{"without addresses", func(r *rig, bridge *rtnl.Link) {
			r.removeAddresses(bridge, func(rtnl.Address) bool { return true })
		}},
		{"without link-local address", func(r *rig, bridge *rtnl.Link) {
			r.removeAddresses(bridge, func(a rtnl.Address) bool { return a.LinkLocal })
		}},
		{"without routes", func(r *rig, _ *rtnl.Link) {
			for _, network := range []string{"10.9.0.0/24", "fd09::/64"} {
				kittest.Must(t, r.Conn.RemoveRoute(t.Context(),
					rtnl.Route{Dst: netip.MustParsePrefix(network)}))
			}
		}},
		{"deleted", func(r *rig, bridge *rtnl.Link) {
			kittest.Must(t, r.Conn.DeleteLink(t.Context(), bridge.Index))
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			h, outside := kittest.NewRouter(t)
			r := onHost(t, h)
			c := r.container("c1")
			r.Serve(&c.Node, ":7000", "c1")
			config := r.config(`"isDefaultGateway":true,` + hostLocal)
			was := r.mustAdd(c, config)
			inv := r.Invocation(c, config)
			inv.PrevResult = plugin.NewResult(was)

			test.damage(r, r.Link(r.Conn, "br0"))
			if r.check(c, config, was) == nil {
				t.Error("CHECK does not see it")
			}
			if len(r.Repair(bridge.New(), inv)) == 0 {
				t.Error("nothing is repaired")
			}
			for _, address := range []string{"10.9.0.2", "fd09::2"} {
				if got := r.Ask(outside, "udp", kittest.Port(address, "7000"),
					500*time.Millisecond); !strings.HasPrefix(got, "c1 ") {
					t.Errorf("%s answers %q", address, got)
				}
			}
			kittest.Must(t, r.check(c, config, was))
		})
	}
}

// TestLostLinkLocalAddressComesBackWithTheNextContainer of the bridge, which is reached over IPv6.
func TestLostLinkLocalAddressComesBackWithTheNextContainer(t *testing.T) {
	h, outside := kittest.NewRouter(t)
	r := onHost(t, h)
	config := r.config(`"isDefaultGateway":true,` + hostLocal)
	r.mustAdd(r.container("c1"), config)
	r.removeAddresses(r.Link(r.Conn, "br0"), func(a rtnl.Address) bool { return a.LinkLocal })
	c := r.container("c2")
	r.Serve(&c.Node, ":7000", "c2")
	r.mustAdd(c, config)
	if got := r.Ask(outside, "udp", "[fd09::3]:7000", 500*time.Millisecond); !strings.HasPrefix(got,
		"c2 ") {
		t.Errorf("the container answers %q", got)
	}
}

func (r *rig) removeAddresses(link *rtnl.Link, which func(rtnl.Address) bool) {
	r.T.Helper()
	have, err := r.Conn.Addresses(r.T.Context(), link.Index)
	kittest.Must(r.T, err)
	for _, a := range have {
		if which(a) {
			kittest.Must(r.T, r.Conn.RemoveAddress(r.T.Context(), link.Index, a.Prefix))
		}
	}
}
