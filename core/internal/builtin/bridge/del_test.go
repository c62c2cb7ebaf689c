package bridge_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/libcni/libcni/core/internal/builtin/bridge"
	"github.com/libcni/libcni/core/internal/host/netns"
	"github.com/libcni/libcni/core/internal/host/rtnl"
	"github.com/libcni/libcni/core/internal/host/rtnl/rtnltest"
	"github.com/libcni/libcni/core/internal/kit/kittest"
	"github.com/libcni/libcni/core/plugin"
)

const gatewayHostLocal = `"isGateway":true,"ipam":{"type":"host-local","dataDir":"DIR","subnet":"10.9.0.0/24"}`

func TestDelRemovesTheAttachmentAndKeepsTheBridge(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*rig, *kittest.Container, *plugin.Invocation)
	}{
		{"as added", func(*rig, *kittest.Container, *plugin.Invocation) {}},
		{
			"namespace not given",
			func(_ *rig, _ *kittest.Container, inv *plugin.Invocation) {
				inv.Netns, inv.NetnsPath = nil, ""
			},
		},
		{"namespace unbound", func(_ *rig, c *kittest.Container, _ *plugin.Invocation) {
			kittest.Must(t, netns.Delete(t.Context(), c.NS.Path()))
		}},
		{
			"without previous result",
			func(_ *rig, _ *kittest.Container, inv *plugin.Invocation) { inv.PrevResult = nil },
		},
		{
			"without recorded name",
			func(_ *rig, _ *kittest.Container, inv *plugin.Invocation) { inv.HostIfName = "" },
		},
		{
			"with nothing but the namespace",
			func(_ *rig, _ *kittest.Container, inv *plugin.Invocation) {
				inv.HostIfName, inv.PrevResult = "", nil
			},
		},
		{"with the namespace and the result of a renamed host end",
			func(r *rig, c *kittest.Container, inv *plugin.Invocation) {
				inv.HostIfName = "gone"
			}},
		{"taken off the bridge", func(r *rig, c *kittest.Container, _ *plugin.Invocation) {
			kittest.Must(t, r.Conn.SetMaster(t.Context(), r.Link(r.Conn, c.HostIfName).Index, 0))
		}},
		{"bridge gone", func(r *rig, _ *kittest.Container, _ *plugin.Invocation) {
			kittest.Must(t, r.Conn.DeleteLink(t.Context(), r.Link(r.Conn, "br0").Index))
		}},
		{"link gone in the container", func(_ *rig, c *kittest.Container, _ *plugin.Invocation) {
			l, err := c.Conn.LinkByName(t.Context(), "eth0")
			kittest.Must(t, err)
			kittest.Must(t, c.Conn.DeleteLink(t.Context(), l.Index))
		}},
		{"configuration that ADD refuses", func(r *rig, _ *kittest.Container, inv *plugin.Invocation) {
			inv.Config = r.config(`"mtu":-1,"vlan":5000,` + gatewayHostLocal)
			inv.Args = plugin.Args{{"unknown", "x"}}
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(t)
			c := r.container("c1")
			config := r.config(gatewayHostLocal)
			result := r.mustAdd(c, config)
			for range 2 { // DEL may be repeated
				inv := r.Invocation(c, config)
				inv.PrevResult = plugin.NewResult(result)
				test.change(r, c, inv)
				test.change = func(*rig, *kittest.Container, *plugin.Invocation) {}
				kittest.Must(t, bridge.New().Del(t.Context(), inv))
			}
			want := fmt.Sprintf("host:\n%scontainer:\nleases: []\n", bridgeOf+"  address 10.9.0.1/24\n")
			if _, err := r.Conn.LinkByName(t.Context(), "br0"); err != nil {
				want = "host:\ncontainer:\nleases: []\n"
			}
			kittest.Same(r.T, "state", want, r.dumps(c))
		})
	}
}

func TestDelOfNothing(t *testing.T) {
	r := newRig(t)
	kittest.Must(t, r.del(r.container("c1"), r.config(gatewayHostLocal)))
	kittest.Must(t, r.del(kittest.Lost("net", "c2"), r.config(gatewayHostLocal)))
	kittest.Same(r.T, "host", "", rtnltest.Dump(t, r.Conn))
	kittest.Same(r.T, "asked", "[DEL host-local DEL host-local]", fmt.Sprint(r.Delegated))
}

func TestDelLeavesStrangersLinks(t *testing.T) {
	for _, test := range []struct {
		name    string
		prepare func(*rig, *kittest.Container)
	}{
		{"a bridge has the host end's name", func(r *rig, c *kittest.Container) {
			kittest.Must(r.T, r.Conn.AddBridge(r.T.Context(), rtnl.NewBridge{Name: c.HostIfName}))
		}},
		{"the container's interface is not a veth", func(r *rig, c *kittest.Container) {
			kittest.Must(r.T, c.Conn.AddBridge(r.T.Context(), rtnl.NewBridge{Name: "eth0"}))
		}},
		{"the container's interface leads elsewhere", func(r *rig, c *kittest.Container) {
			kittest.Must(r.T, r.Conn.AddBridge(r.T.Context(), rtnl.NewBridge{Name: "br0"}))
			kittest.Must(r.T,
				r.Conn.AddVeth(r.T.Context(),
					rtnl.NewVeth{Name: "other", PeerName: "eth0", PeerNamespace: c.NS}))
		}},
		{"the container's interface leads to another bridge", func(r *rig, c *kittest.Container) {
			kittest.Must(r.T, r.Conn.AddBridge(r.T.Context(), rtnl.NewBridge{Name: "br0"}))
			kittest.Must(r.T, r.Conn.AddBridge(r.T.Context(), rtnl.NewBridge{Name: "br1"}))
			kittest.Must(r.T,
				r.Conn.AddVeth(r.T.Context(), rtnl.NewVeth{Name: "other", PeerName: "eth0", PeerNamespace: c.NS,
					Master: r.Link(r.Conn, "br1").Index}))
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(t)
			c := r.container("c1")
			test.prepare(r, c)
			before := r.dumps(c)
			kittest.Must(t, r.del(c, r.config(gatewayHostLocal)))
			kittest.Same(r.T, "state", before, r.dumps(c))
		})
	}
}

func TestDelLeavesTheNextAttachmentOfTheInterface(t *testing.T) {
	r := newRig(t)
	c := r.container("c1")
	old := r.mustAdd(c, r.config(gatewayHostLocal))
	kittest.Must(t, r.del(c, r.config(gatewayHostLocal)))
	next := &kittest.Container{
		Node: c.Node, Network: "net", ID: "c2", IfName: "eth0", HostIfName: "vethc2",
	}
	r.mustAdd(next, r.config(gatewayHostLocal))
	before := r.dumps(next)
	inv := r.Invocation(c, r.config(gatewayHostLocal))
	inv.PrevResult = plugin.NewResult(old)
	kittest.Must(t, bridge.New().Del(t.Context(), inv))
	kittest.Same(r.T, "state", before, r.dumps(next))
}

func TestDelLeavesAnotherLinkOfTheRecordedName(t *testing.T) {
	r := newRig(t)
	c := r.container("c1")
	old := r.mustAdd(c, r.config(gatewayHostLocal))
	kittest.Must(t, r.del(c, r.config(gatewayHostLocal)))
	kittest.Must(t, r.Conn.AddVeth(t.Context(),
		rtnl.NewVeth{Name: c.HostIfName, PeerName: "eth1", PeerNamespace: c.NS}))
	before := r.dumps(c)
	inv := r.Invocation(c, r.config(gatewayHostLocal))
	inv.PrevResult = plugin.NewResult(old)
	kittest.Must(t, bridge.New().Del(t.Context(), inv))
	kittest.Same(r.T, "state", before, r.dumps(c))
}

func TestAddressIsReleasedAfterTheLinkIsGone(t *testing.T) {
	r := newRig(t)
	c := r.container("c1")
	config := r.config(gatewayHostLocal)
	r.mustAdd(c, config)
	inv := r.Invocation(c, config)
	release := inv.Delegate
	inv.Delegate = func(ctx context.Context, command, pluginType string,
		config []byte) (*plugin.Result, error) {
		if _, err := r.Conn.LinkByName(ctx, c.HostIfName); err == nil {
			t.Error("the address is released while the link still has it")
		}
		return release(ctx, command, pluginType, config)
	}
	kittest.Must(t, bridge.New().Del(t.Context(), inv))
	kittest.Same(r.T, "leases", "[]", fmt.Sprint(r.leases()))
}

func TestGCAndStatusReachTheAddressPlugin(t *testing.T) {
	r := newRig(t)
	config := r.config(gatewayHostLocal)
	r.mustAdd(r.container("c1"), config)
	r.mustAdd(r.container("c2"), config)
	inv := r.Invocation(kittest.Lost("net", ""), config)
	inv.ValidAttachments = []plugin.AttachmentID{{ContainerID: "c2", IfName: "eth0"}}
	kittest.Must(t, bridge.New().GC(t.Context(), inv))
	kittest.Same(r.T, "leases", "[10.9.0.3]", fmt.Sprint(r.leases()))
	kittest.Must(t, bridge.New().Status(t.Context(), inv))
	kittest.Same(r.T, "asked", "[ADD host-local ADD host-local GC host-local STATUS host-local]",
		fmt.Sprint(r.Delegated))
}

// TestDelWithAnotherConfigurationLeavesNoRules: the administrator has turned off what made them.
func TestDelWithAnotherConfigurationLeavesNoRules(t *testing.T) {
	r := newRig(t)
	c := r.container("c1")
	r.mustAdd(c, r.config(`"isGateway":true,"ipMasq":true,"macspoofchk":true,`+hostLocal))
	inv := r.Invocation(c, r.config(`"isGateway":true,`+hostLocal))
	inv.Reconfigured = true
	kittest.Must(t, bridge.New().Del(t.Context(), inv))
	for _, family := range []string{"inet", "bridge"} {
		if table := kittest.Table(t, family); strings.Contains(table, "net: net") {
			t.Errorf("left in table %s libcni:\n%s", family, table)
		}
	}
}
