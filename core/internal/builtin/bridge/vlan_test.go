package bridge_test

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/libcni/libcni/core/internal/builtin/bridge"
	"github.com/libcni/libcni/core/internal/host/netlink"
	"github.com/libcni/libcni/core/internal/host/rtnl"
	"github.com/libcni/libcni/core/internal/host/rtnl/rtnltest"
	"github.com/libcni/libcni/core/internal/kit/kittest"
	"github.com/libcni/libcni/core/plugin"
)

// The tests of this file need CONFIG_BRIDGE_VLAN_FILTERING. make test-vm runs them in a virtual
// machine whose kernel has it, where none may be skipped.

// newVLANRig skips the test where bridges cannot filter VLANs.
func newVLANRig(t *testing.T) *rig {
	t.Helper()
	r := newRig(t)
	err := r.Conn.AddBridge(t.Context(), rtnl.NewBridge{Name: "probe", VLANFiltering: true})
	if errors.Is(err, rtnl.ErrUnsupported) {
		t.Skip("the kernel lacks CONFIG_BRIDGE_VLAN_FILTERING")
	}
	kittest.Must(t, err)
	kittest.Must(t, r.Conn.DeleteLinkAndWait(t.Context(), r.Link(r.Conn, "probe").Index))
	return r
}

// onVLAN is a network with a gateway in VLAN 7.
func (r *rig) onVLAN(address, members string) []byte {
	return r.config(`"vlan":7,"isGateway":true,` + members +
		`"ipam":{"type":"static","addresses":[{"address":"` + address +
		`/16","gateway":"10.9.7.1"}]}`)
}

func TestVLANGatewayThatLostItsBridge(t *testing.T) {
	r := newVLANRig(t)
	first, second := r.container("c1"), r.container("c2")
	config := r.onVLAN("10.9.7.2", "")
	result := r.mustAdd(first, config)
	kittest.Must(t, r.Conn.DeleteLinkAndWait(t.Context(), r.Link(r.Conn, "br0").Index))

	r.mustAdd(second, r.onVLAN("10.9.7.3", ""))
	r.Serve(&second.Node, ":7000", "second")
	r.Try(kittest.Path{Name: "from the gateway", To: "10.9.7.3:7000", Want: "second"})

	inv := r.Invocation(first, config)
	inv.PrevResult = plugin.NewResult(result)
	r.Repair(bridge.New(), inv)
	r.Serve(&first.Node, ":7000", "first")
	r.Try(kittest.Path{Name: "after repair", To: "10.9.7.2:7000", Want: "first"})

	// CHECK sees a gateway without its bridge, and one without its VLAN; repair mends both.
	port := r.Link(r.Conn, "br0.7").Peer
	for name, breaks := range map[string]func() error{
		"link br0.7": func() error { return r.Conn.SetMaster(t.Context(), port, 0) },
		"link br0.7 vlan 7": func() error {
			return r.Conn.RemovePortVLAN(t.Context(), port, 7)
		},
	} {
		kittest.Must(t, breaks())
		drift := strings.Join(kittest.Drift(t, r.check(first, config, result)), "\n")
		if !strings.Contains(drift, "bridge: "+name+": ") {
			t.Errorf("CHECK does not report %s: %s", name, drift)
		}
		r.Repair(bridge.New(), inv)
		r.Try(kittest.Path{Name: name, To: "10.9.7.2:7000", Want: "first"})
	}

	kittest.Must(t, r.Conn.SetMaster(t.Context(), port, 0))
	kittest.Must(t, r.del(first, config))
	kittest.Must(t, r.del(second, r.onVLAN("10.9.7.3", "")))
	if _, err := r.Conn.LinkByName(t.Context(), "br0.7"); !errors.Is(err, rtnl.ErrNotFound) {
		t.Errorf("the gateway of a vlan without ports: %v", err)
	}
}

func TestAnotherLinkOfTheVLANGatewaysName(t *testing.T) {
	r := newVLANRig(t)
	kittest.Must(t, r.Conn.AddVeth(t.Context(), rtnl.NewVeth{Name: "br0.7", PeerName: "admin"}))
	c := r.container("c1")
	_, err := r.add(c, r.onVLAN("10.9.7.2", ""))
	if err == nil || !strings.Contains(err.Error(), "a link br0.7 exists that does not lead to") {
		t.Errorf("error: %v", err)
	}
	addresses, err := r.Conn.Addresses(t.Context(), r.Link(r.Conn, "br0.7").Index)
	kittest.Must(t, err)
	kittest.Same(t, "addresses of the administrator's link", 0, len(addresses))

	// One that leads to the bridge is a gateway that somebody else made.
	kittest.Must(t, r.Conn.SetMaster(t.Context(), r.Link(r.Conn, "admin").Index,
		r.Link(r.Conn, "br0").Index))
	result := r.mustAdd(c, r.onVLAN("10.9.7.2", ""))
	drift := kittest.Drift(t, r.check(c, r.onVLAN("10.9.7.2", ""), result))
	if !strings.Contains(strings.Join(drift, "\n"), "link br0.7 vlan 7: missing") {
		t.Errorf("drift: %q", drift)
	}
}

// TestPortWithThousandsOfVLANs: the kernel describes such a port, of any bridge of the host, in
// messages of more than 32 KiB.
func TestPortWithThousandsOfVLANs(t *testing.T) {
	r := newVLANRig(t)
	kittest.Must(t, r.Conn.AddBridge(t.Context(), rtnl.NewBridge{Name: "lan", VLANFiltering: true}))
	kittest.Must(t, r.Conn.AddVeth(t.Context(), rtnl.NewVeth{Name: "uplink", PeerName: "uplink1",
		Master: r.Link(r.Conn, "lan").Index}))
	var vlans []rtnl.VLAN
	for id := 2; id <= 4094; id++ {
		vlans = append(vlans, rtnl.VLAN{ID: id, Untagged: id%2 == 0}) // no two in one range
	}
	uplink := r.Link(r.Conn, "uplink").Index
	kittest.Must(t, r.Conn.SetPort(t.Context(), uplink, rtnl.Port{}, vlans))
	ports, err := r.Conn.PortVLANs(t.Context())
	kittest.Must(t, err)
	for _, p := range ports {
		if p.Index == uplink {
			kittest.Same(t, "VLANs of the uplink",
				append([]rtnl.VLAN{{ID: 1, PVID: true, Untagged: true}}, vlans...), p.VLANs)
		}
	}

	c, config := r.container("c1"), r.onVLAN("10.9.7.2", "")
	result := r.mustAdd(c, config)
	kittest.Must(t, r.check(c, config, result))
	kittest.Must(t, r.del(c, config))
	if _, err := r.Conn.LinkByName(t.Context(), "br0.7"); !errors.Is(err, rtnl.ErrNotFound) {
		t.Errorf("the gateway of a vlan without ports: %v", err)
	}
	if err := r.Conn.SetPort(t.Context(), 1<<30, rtnl.Port{}, vlans); !errors.Is(err,
		rtnl.ErrNotFound) {
		t.Errorf("the error of a long request: %v", err)
	}
}

// TestTrunk sends tagged frames of a trunk of all VLANs to a port in one of them.
func TestTrunk(t *testing.T) {
	r := newVLANRig(t)
	trunk, plain := r.container("c1"), r.container("c2")
	config := r.config(`"vlanTrunk":[{"minID":2,"maxID":4094}]`)
	result := r.mustAdd(trunk, config)
	r.mustAdd(plain, r.onVLAN("10.9.7.3", ""))
	kittest.Must(t, r.check(trunk, config, result))

	var data netlink.Encoder
	data.Bytes(unix.IFLA_VLAN_ID, []byte{7, 0})
	_, err := trunk.Conn.AddLink(t.Context(), rtnl.NewLink{Name: "tagged", Kind: "vlan",
		Data: data.Encoded(), Parent: r.Link(trunk.Conn, "eth0").Index, Up: true})
	kittest.Must(t, err)
	kittest.Must(t, trunk.Conn.AddAddress(t.Context(), r.Link(trunk.Conn, "tagged").Index,
		rtnl.Address{Prefix: netip.MustParsePrefix("10.9.7.2/16")}))
	r.Serve(&plain.Node, ":7000", "plain")
	r.Try(kittest.Path{Name: "tagged", From: &trunk.Node, To: "10.9.7.3:7000", Want: "plain"})

	kittest.Must(t, r.Conn.RemovePortVLAN(t.Context(), r.Link(r.Conn, "vethc1").Index, 7))
	kittest.Same(t, "drift", []string{"bridge: link vethc1 vlan 7: missing, not present"},
		kittest.Drift(t, r.check(trunk, config, result)))
	inv := r.Invocation(trunk, config)
	inv.PrevResult = plugin.NewResult(result)
	r.Repair(bridge.New(), inv)
	kittest.Must(t, r.check(trunk, config, result))
	kittest.Must(t, r.del(trunk, config))
}

// TestFirstContainerOfAVLANIsReachedAtOnce over IPv6, through a gateway link that is new.
func TestFirstContainerOfAVLANIsReachedAtOnce(t *testing.T) {
	h, outside := kittest.NewRouter(t)
	r := onHost(t, h)
	c := r.container("c1")
	r.Serve(&c.Node, ":7000", "c1")
	_, err := r.add(c, r.config(`"vlan":7,"isDefaultGateway":true,`+hostLocal))
	if errors.Is(err, rtnl.ErrUnsupported) {
		t.Skip("the kernel lacks CONFIG_BRIDGE_VLAN_FILTERING")
	}
	kittest.Must(t, err)
	// Emulated, everything takes longer; detection of duplicates would take another second at least.
	if got := r.Ask(outside, "udp", "[fd09::2]:7000", kittest.Patience/5); !strings.HasPrefix(got,
		"c1 ") {
		t.Errorf("the container answers %q", got)
	}
	if text := rtnltest.Dump(t, r.Conn); !strings.Contains(text, "br0.7") {
		t.Error(fmt.Sprint("no gateway link: ", text))
	}
}

func TestVLANsAreSeparate(t *testing.T) {
	r := newRig(t)
	network := func(vlan, address string) []byte {
		return r.config(
			`"vlan":` + vlan + `,"isGateway":true,"ipam":{"type":"static","addresses":[{"address":"` +
				address + `","gateway":"10.9.` + vlan + `.1"}]}`)
	}
	probe := r.Conn.AddBridge(t.Context(), rtnl.NewBridge{Name: "probe", VLANFiltering: true})
	if errors.Is(probe, rtnl.ErrUnsupported) {
		c := r.container("c1")
		_, err := r.add(c, network("7", "10.9.7.2/16"))
		if !errors.Is(err, rtnl.ErrUnsupported) {
			t.Errorf("without VLAN filtering in the kernel: %v", err)
		}
		kittest.Same(r.T, "state", "host:\ncontainer:\nleases: []\n", r.dumps(c))
		t.Skip("the rest needs a kernel with CONFIG_BRIDGE_VLAN_FILTERING")
	}
	kittest.Must(t, probe)
	kittest.Must(t, r.Conn.DeleteLink(t.Context(), r.Link(r.Conn, "probe").Index))
	a, b, other := r.container("c1"), r.container("c2"), r.container("c3")
	r.mustAdd(a, network("7", "10.9.7.2/16"))
	result := r.mustAdd(b, network("7", "10.9.7.3/16"))
	otherResult := r.mustAdd(other,
		r.config(`"vlan":8,"ipam":{"type":"static","addresses":[{"address":"10.9.7.4/16"}]}`))
	if len(result.Interfaces) != 4 || result.Interfaces[3].Name != "br0.7" {
		t.Errorf("interfaces of the result: %v", result.Interfaces)
	}
	r.Serve(&b.Node, ":7000", "b")
	r.Serve(&other.Node, ":7000", "other")
	r.Try(
		kittest.Path{Name: "within the vlan", From: &a.Node, To: "10.9.7.3:7000", Want: "b"},
		kittest.Path{Name: "from the gateway", To: "10.9.7.3:7000", Want: "b"},
		kittest.Path{Name: "to another vlan", From: &a.Node, To: "10.9.7.4:7000", Want: ""},
		kittest.Path{Name: "from the gateway to another vlan", To: "10.9.7.4:7000", Want: ""},
	)
	kittest.Must(t, r.check(b, network("7", "10.9.7.3/16"), result))
	kittest.Must(t,
		r.check(other,
			r.config(`"vlan":8,"ipam":{"type":"static","addresses":[{"address":"10.9.7.4/16"}]}`),
			otherResult))
	port := r.Link(r.Conn, b.HostIfName).Index
	kittest.Must(t, r.Conn.RemovePortVLAN(t.Context(), port, 7))
	if got := kittest.Drift(t, r.check(b, network("7", "10.9.7.3/16"), result)); len(got) != 1 ||
		got[0] != "bridge: link vethc2 vlan 7: missing, not present" {
		t.Errorf("drift of a removed membership: %q", got)
	}
	kittest.Must(t, r.del(b, network("7", "10.9.7.3/16")))
	r.Link(r.Conn, "br0.7") // a still uses it
	kittest.Must(t, r.del(a, network("7", "10.9.7.2/16")))
	if _, err := r.Conn.LinkByName(t.Context(), "br0.7"); !errors.Is(err, rtnl.ErrNotFound) {
		t.Errorf("the gateway of a vlan without ports: %v", err)
	}
}
