package bridge_test

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/libcni/libcni/core/internal/builtin/bridge"
	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/host/rtnl"
	"github.com/libcni/libcni/core/internal/host/sysctl"
	"github.com/libcni/libcni/core/internal/kit/kittest"
	"github.com/libcni/libcni/core/plugin"
)

func TestCheckFindsWhatIsMissingOrChanged(t *testing.T) {
	const config = `"isDefaultGateway":true,"hairpinMode":true,"portIsolation":true,` + hostLocal
	for _, test := range []struct {
		name   string
		change func(*testing.T, *rig, *kittest.Container)
		want   []string
	}{
		{"nothing", func(*testing.T, *rig, *kittest.Container) {}, nil},
		{"bridge down", func(t *testing.T, r *rig, c *kittest.Container) {
			kittest.Must(t,
				r.Conn.SetLink(t.Context(), r.Link(r.Conn, "br0").Index, rtnl.Change{Down: true}))
			kittest.Must(t,
				r.Conn.AddAddress(t.Context(), r.Link(r.Conn, "br0").Index,
					rtnl.Address{Prefix: netip.MustParsePrefix("fd09::1/64")}))
		}, []string{"bridge: bridge br0: down, not up",
			"bridge: link-local address on br0: missing, not present",
			"bridge: route 10.9.0.0/24 on br0: missing, not present",
			"bridge: route fd09::/64 on br0: missing, not present"}},
		{"bridge deleted", func(t *testing.T, r *rig, c *kittest.Container) {
			kittest.Must(t, r.Conn.DeleteLink(t.Context(), r.Link(r.Conn, "br0").Index))
		}, []string{"bridge: bridge br0: missing, not present"}},
		{"bridge's mac", func(t *testing.T, r *rig, c *kittest.Container) {
			kittest.Must(t,
				r.Conn.SetLink(t.Context(), r.Link(r.Conn, "br0").Index,
					rtnl.Change{MAC: net.HardwareAddr{2, 0, 0, 0, 0, 1}}))
		}, []string{"bridge: bridge br0 mac: 02:00:00:00:00:01, not BRIDGEMAC"}},
		{"gateway address removed", func(t *testing.T, r *rig, c *kittest.Container) {
			kittest.Must(t,
				r.Conn.RemoveAddress(t.Context(), r.Link(r.Conn, "br0").Index,
					netip.MustParsePrefix("10.9.0.1/24")))
		}, []string{"bridge: address 10.9.0.1/24 on br0: missing, not present"}},
		{"pair deleted", func(t *testing.T, r *rig, c *kittest.Container) {
			kittest.Must(t, r.Conn.DeleteLink(t.Context(), r.Link(r.Conn, "vethc1").Index))
		}, []string{
			"bridge: link eth0: missing, not present", "bridge: link vethc1: missing, not present",
		}},
		{"host end down", func(t *testing.T, r *rig, c *kittest.Container) {
			kittest.Must(t,
				r.Conn.SetLink(t.Context(), r.Link(r.Conn, "vethc1").Index, rtnl.Change{Down: true}))
		}, []string{"bridge: link vethc1: down, not up"}},
		{"host end off the bridge", func(t *testing.T, r *rig, c *kittest.Container) {
			kittest.Must(t, r.Conn.SetMaster(t.Context(), r.Link(r.Conn, "vethc1").Index, 0))
		}, []string{"bridge: link vethc1: not a port of it, not port of bridge br0"}},
		{"host end attached anew, without its flags", func(t *testing.T, r *rig, c *kittest.Container) {
			index := r.Link(r.Conn, "vethc1").Index
			kittest.Must(t, r.Conn.SetMaster(t.Context(), index, 0))
			kittest.Must(t, r.Conn.SetMaster(t.Context(), index, r.Link(r.Conn, "br0").Index))
		}, []string{
			"bridge: link vethc1 hairpin: false, not true", "bridge: link vethc1 isolated: false, not true",
		}},
		{"mtu of both ends", func(t *testing.T, r *rig, c *kittest.Container) {
			kittest.Must(t,
				r.Conn.SetLink(t.Context(), r.Link(r.Conn, "vethc1").Index, rtnl.Change{MTU: 1400}))
			kittest.Must(t,
				c.Conn.SetLink(t.Context(), r.Link(c.Conn, "eth0").Index, rtnl.Change{MTU: 1300}))
		}, []string{"bridge: link eth0 mtu: 1300, not 1500", "bridge: link vethc1 mtu: 1400, not 1500"}},
		{"container's mac", func(t *testing.T, r *rig, c *kittest.Container) {
			kittest.Must(t,
				c.Conn.SetLink(t.Context(), r.Link(c.Conn, "eth0").Index,
					rtnl.Change{MAC: net.HardwareAddr{2, 0, 0, 0, 0, 1}}))
		}, []string{"bridge: link eth0 mac: 02:00:00:00:00:01, not MAC"}},
		{"container's end down: its routes go too", func(t *testing.T, r *rig, c *kittest.Container) {
			kittest.Must(t,
				c.Conn.SetLink(t.Context(), r.Link(c.Conn, "eth0").Index, rtnl.Change{Down: true}))
		}, []string{
			"bridge: link eth0: down, not up",
			"bridge: route 0.0.0.0/0 on eth0: missing, not present",
			"bridge: route 10.8.0.0/16 on eth0: missing, not present",
			"bridge: route 10.9.0.0/24 on eth0: missing, not present",
			"bridge: route ::/0 on eth0: missing, not present",
			"bridge: route fd08::/32 on eth0: missing, not present",
			"bridge: route fd09::/64 on eth0: missing, not present",
		}},
		{"container's end replaced", func(t *testing.T, r *rig, c *kittest.Container) {
			kittest.Must(t, r.Conn.DeleteLink(t.Context(), r.Link(r.Conn, "vethc1").Index))
			kittest.Must(t,
				r.Conn.AddVeth(t.Context(), rtnl.NewVeth{Name: "vethc1", PeerName: "other", Up: true}))
			kittest.Must(t, c.Conn.AddBridge(t.Context(), rtnl.NewBridge{Name: "eth0"}))
		}, []string{
			"bridge: link eth0: of kind bridge, not of kind veth",
			"bridge: link vethc1 accept_ra: 1, not 0",
			"bridge: link vethc1 mac: NEWMAC, not HOSTMAC",
			"bridge: link vethc1: not a port of it, not port of bridge br0",
		}},
		{"IPv6 address removed", func(t *testing.T, r *rig, c *kittest.Container) {
			kittest.Must(t,
				c.Conn.RemoveAddress(t.Context(), r.Link(c.Conn, "eth0").Index,
					netip.MustParsePrefix("fd09::2/64")))
		}, []string{"bridge: address fd09::2/64 on eth0: missing, not present"}},
		{"route with another gateway and mtu", func(t *testing.T, r *rig, c *kittest.Container) {
			kittest.Must(t,
				c.Conn.RemoveRoute(t.Context(), rtnl.Route{Dst: netip.MustParsePrefix("10.8.0.0/16")}))
			kittest.Must(t,
				c.Conn.AddRoute(t.Context(),
					rtnl.Route{Dst: netip.MustParsePrefix("10.8.0.0/16"), Link: r.Link(c.Conn, "eth0").Index,
						Gateway: netip.MustParseAddr("10.9.0.7")}))
		}, []string{
			"bridge: route 10.8.0.0/16 on eth0: 10.8.0.0/16 via 10.9.0.7 table 254, not 10.8.0.0/16 via " +
				"10.9.0.1 mtu 1300",
		}},
		{"default route removed", func(t *testing.T, r *rig, c *kittest.Container) {
			kittest.Must(t,
				c.Conn.RemoveRoute(t.Context(), rtnl.Route{Dst: netip.MustParsePrefix("0.0.0.0/0")}))
		}, []string{"bridge: route 0.0.0.0/0 on eth0: missing, not present"}},
		{"forwarding turned off", func(t *testing.T, r *rig, c *kittest.Container) {
			for _, key := range []string{"ipv4/ip_forward", "ipv6/conf/all/forwarding"} {
				_, err := sysctl.Set(key, "0")
				kittest.Must(t, err)
			}
		}, []string{
			"bridge: sysctl net/ipv4/ip_forward: 0, not 1",
			"bridge: sysctl net/ipv6/conf/all/forwarding: 0, not 1",
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(t)
			c := r.container("c1")
			result := r.mustAdd(c, r.config(config))
			test.change(t, r, c)
			macs := []string{"BRIDGEMAC", result.Interfaces[0].Mac, "HOSTMAC", result.Interfaces[1].Mac}
			if port, err := r.Conn.LinkByName(t.Context(), "vethc1"); err == nil {
				macs = append(macs, "NEWMAC", port.MAC.String())
			}
			macs = append(macs, "MAC", result.Interfaces[2].Mac)
			var want []string
			for _, line := range test.want {
				want = append(want, strings.NewReplacer(macs...).Replace(line))
			}
			got := kittest.Sorted(kittest.Drift(t, r.check(c, r.config(config), result)))
			kittest.Same(r.T, "drift", fmt.Sprintf("%q", want), fmt.Sprintf("%q", got))
		})
	}
}

func TestCheckReportsThePluginsAndOwnDriftTogether(t *testing.T) {
	r := newRig(t)
	c := r.container("c1")
	config := r.config(gatewayHostLocal)
	result := r.mustAdd(c, config)
	kittest.Must(t,
		r.Conn.SetLink(t.Context(), r.Link(r.Conn, "vethc1").Index, rtnl.Change{MTU: 1400}))
	inv := r.Invocation(c, config)
	inv.PrevResult = plugin.NewResult(result)
	_, err := inv.Delegate(t.Context(), plugin.Del, "host-local", config)
	kittest.Must(t, err)
	got := kittest.Sorted(kittest.Drift(t, bridge.New().Check(t.Context(), inv)))
	if len(got) != 2 || got[0] != "bridge: link vethc1 mtu: 1400, not 1500" {
		t.Errorf("got %q", got)
	}
}

func TestCheckNeedsTheResultAndTheNamespace(t *testing.T) {
	r := newRig(t)
	inv := r.Invocation(r.container("c1"), r.config(gatewayHostLocal))
	var f *fault.Error
	if err := bridge.New().Check(t.Context(), inv); !errors.As(err, &f) || f.Details != "prevResult" {
		t.Errorf("without result: %v", err)
	}
	c := r.container("c2")
	result := r.mustAdd(c, r.config(gatewayHostLocal))
	if err := r.check(kittest.Lost("net", "c2"), r.config(gatewayHostLocal),
		result); !errors.As(err, &f) || f.Details != "netns" {
		t.Errorf("without namespace: %v", err)
	}
}

func TestCheckOfWhatTheChainAdded(t *testing.T) {
	r := newRig(t)
	c := r.container("c1")
	config := r.config(gatewayHostLocal)
	result := r.mustAdd(c, config)
	kittest.Must(t, r.check(c, config, withOtherInterface(result)))
}
