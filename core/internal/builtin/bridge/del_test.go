package bridge_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/libcni/libcni/core/internal/builtin/bridge"
	"github.com/libcni/libcni/core/internal/host/netns"
	"github.com/libcni/libcni/core/internal/host/rtnl"
	"github.com/libcni/libcni/core/internal/host/rtnl/rtnltest"
	"github.com/libcni/libcni/core/plugin"
)

const gatewayHostLocal = `"isGateway":true,"ipam":{"type":"host-local","dataDir":"DIR","subnet":"10.9.0.0/24"}`

func TestDelRemovesTheAttachmentAndKeepsTheBridge(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*rig, *container, *plugin.Invocation)
	}{
		{"as added", func(*rig, *container, *plugin.Invocation) {}},
		{"namespace not given", func(_ *rig, _ *container, inv *plugin.Invocation) { inv.Netns, inv.NetnsPath = nil, "" }},
		{"namespace unbound", func(_ *rig, c *container, _ *plugin.Invocation) {
			must(t, netns.Delete(t.Context(), c.ns.Path()))
		}},
		{"without previous result", func(_ *rig, _ *container, inv *plugin.Invocation) { inv.PrevResult = nil }},
		{"without recorded name", func(_ *rig, _ *container, inv *plugin.Invocation) { inv.HostIfName = "" }},
		{"with nothing but the namespace", func(_ *rig, _ *container, inv *plugin.Invocation) { inv.HostIfName, inv.PrevResult = "", nil }},
		{"with the namespace and the result of a renamed host end", func(r *rig, c *container, inv *plugin.Invocation) {
			inv.HostIfName = "gone"
		}},
		{"taken off the bridge", func(r *rig, c *container, _ *plugin.Invocation) {
			must(t, r.host.SetMaster(t.Context(), r.link(r.host, c.hostIfName).Index, 0))
		}},
		{"bridge gone", func(r *rig, _ *container, _ *plugin.Invocation) {
			must(t, r.host.DeleteLink(t.Context(), r.link(r.host, "br0").Index))
		}},
		{"link gone in the container", func(_ *rig, c *container, _ *plugin.Invocation) {
			l, err := c.conn.LinkByName(t.Context(), "eth0")
			must(t, err)
			must(t, c.conn.DeleteLink(t.Context(), l.Index))
		}},
		{"configuration that ADD refuses", func(r *rig, _ *container, inv *plugin.Invocation) {
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
				inv := r.invocation(c, config)
				inv.PrevResult = plugin.NewResult(result)
				test.change(r, c, inv)
				test.change = func(*rig, *container, *plugin.Invocation) {}
				must(t, bridge.New().Del(t.Context(), inv))
			}
			want := fmt.Sprintf("host:\n%scontainer:\nleases: []\n", bridgeOf+"  address 10.9.0.1/24\n")
			if _, err := r.host.LinkByName(t.Context(), "br0"); err != nil {
				want = "host:\ncontainer:\nleases: []\n"
			}
			r.same("state", want, r.dumps(c))
		})
	}
}

func TestDelOfNothing(t *testing.T) {
	r := newRig(t)
	must(t, r.del(r.container("c1"), r.config(gatewayHostLocal)))
	must(t, r.del(&container{id: "c2"}, r.config(gatewayHostLocal)))
	r.same("host", "", rtnltest.Dump(t, r.host))
	r.same("asked", "[DEL host-local DEL host-local]", fmt.Sprint(r.asked))
}

func TestDelLeavesStrangersLinks(t *testing.T) {
	for _, test := range []struct {
		name    string
		prepare func(*rig, *container)
	}{
		{"a bridge has the host end's name", func(r *rig, c *container) {
			must(r.t, r.host.AddBridge(r.t.Context(), rtnl.NewBridge{Name: c.hostIfName}))
		}},
		{"the container's interface is no veth", func(r *rig, c *container) {
			must(r.t, c.conn.AddBridge(r.t.Context(), rtnl.NewBridge{Name: "eth0"}))
		}},
		{"the container's interface leads elsewhere", func(r *rig, c *container) {
			must(r.t, r.host.AddBridge(r.t.Context(), rtnl.NewBridge{Name: "br0"}))
			must(r.t, r.host.AddVeth(r.t.Context(), rtnl.NewVeth{Name: "other", PeerName: "eth0", PeerNamespace: c.ns}))
		}},
		{"the container's interface leads to another bridge", func(r *rig, c *container) {
			must(r.t, r.host.AddBridge(r.t.Context(), rtnl.NewBridge{Name: "br0"}))
			must(r.t, r.host.AddBridge(r.t.Context(), rtnl.NewBridge{Name: "br1"}))
			must(r.t, r.host.AddVeth(r.t.Context(), rtnl.NewVeth{Name: "other", PeerName: "eth0", PeerNamespace: c.ns,
				Master: r.link(r.host, "br1").Index}))
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(t)
			c := r.container("c1")
			test.prepare(r, c)
			before := r.dumps(c)
			must(t, r.del(c, r.config(gatewayHostLocal)))
			r.same("state", before, r.dumps(c))
		})
	}
}

func TestDelLeavesTheNextAttachmentOfTheInterface(t *testing.T) {
	r := newRig(t)
	c := r.container("c1")
	old := r.mustAdd(c, r.config(gatewayHostLocal))
	must(t, r.del(c, r.config(gatewayHostLocal)))
	next := &container{id: "c2", hostIfName: "vethc2", ns: c.ns, conn: c.conn}
	r.mustAdd(next, r.config(gatewayHostLocal))
	before := r.dumps(next)
	inv := r.invocation(c, r.config(gatewayHostLocal))
	inv.PrevResult = plugin.NewResult(old)
	must(t, bridge.New().Del(t.Context(), inv))
	r.same("state", before, r.dumps(next))
}

func TestAddressIsReleasedAfterTheLinkIsGone(t *testing.T) {
	r := newRig(t)
	c := r.container("c1")
	config := r.config(gatewayHostLocal)
	r.mustAdd(c, config)
	inv := r.invocation(c, config)
	release := inv.Delegate
	inv.Delegate = func(ctx context.Context, command, pluginType string, config []byte) (*plugin.Result, error) {
		if _, err := r.host.LinkByName(ctx, c.hostIfName); err == nil {
			t.Error("the address is released while the link still has it")
		}
		return release(ctx, command, pluginType, config)
	}
	must(t, bridge.New().Del(t.Context(), inv))
	r.same("leases", "[]", fmt.Sprint(r.leases()))
}

func TestGCAndStatusReachTheAddressPlugin(t *testing.T) {
	r := newRig(t)
	config := r.config(gatewayHostLocal)
	r.mustAdd(r.container("c1"), config)
	r.mustAdd(r.container("c2"), config)
	inv := r.invocation(&container{}, config)
	inv.ValidAttachments = []plugin.AttachmentID{{ContainerID: "c2", IfName: "eth0"}}
	must(t, bridge.New().GC(t.Context(), inv))
	r.same("leases", "[10.9.0.3]", fmt.Sprint(r.leases()))
	must(t, bridge.New().Status(t.Context(), inv))
	r.same("asked", "[ADD host-local ADD host-local GC host-local STATUS host-local]", fmt.Sprint(r.asked))
}
