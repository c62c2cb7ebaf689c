package bridge_test

import (
	"net"
	"net/netip"
	"testing"

	"github.com/libcni/libcni/core/internal/builtin/bridge"
	"github.com/libcni/libcni/core/internal/host/rtnl"
	"github.com/libcni/libcni/core/internal/kit/kittest"
	"github.com/libcni/libcni/core/plugin"
)

// port attaches a port to the bridge, with a MAC address or nil, and returns what removes it.
func (r *rig) port(mac net.HardwareAddr) (remove func()) {
	r.T.Helper()
	kittest.Must(r.T, r.Conn.AddVeth(r.T.Context(), rtnl.NewVeth{Name: "port", PeerName: "port1",
		Master: r.Link(r.Conn, "br0").Index, MAC: mac}))
	return func() {
		r.T.Helper()
		kittest.Must(r.T,
			r.Conn.DeleteLinkAndWait(r.T.Context(), r.Link(r.Conn, "port").Index))
	}
}

// TestForeignBridgeKeepsAStableMAC: a bridge that somebody else created has no MAC address of its
// own. It takes the lowest of its ports', and zeros when it loses the last one.
func TestForeignBridgeKeepsAStableMAC(t *testing.T) {
	for _, networks := range []string{`[{"subnet":"10.9.0.0/24"}]`, `[{"subnet":"fd09::/64"}]`,
		`[{"subnet":"10.9.0.0/24"}],[{"subnet":"fd09::/64"}]`} {
		for _, state := range []string{"new", "has the gateway's address", "lost its last port"} {
			t.Run(networks+" "+state, func(t *testing.T) { foreignBridge(t, networks, state) })
		}
	}
}

func foreignBridge(t *testing.T, networks, state string) {
	r := newRig(t)
	kittest.Must(t, r.Conn.AddBridge(t.Context(), rtnl.NewBridge{Name: "br0"}))
	bridge := r.Link(r.Conn, "br0")
	was := bridge.MAC.String()
	switch state {
	case "has the gateway's address":
		for _, address := range []string{"10.9.0.1/24", "fd09::1/64"} {
			kittest.Must(t, r.Conn.AddAddress(t.Context(), bridge.Index,
				rtnl.Address{Prefix: netip.MustParsePrefix(address), NoDAD: true}))
		}
	case "lost its last port":
		r.port(nil)()
		if was = r.Link(r.Conn, "br0").MAC.String(); was != "00:00:00:00:00:00" {
			t.Fatalf("the kernel leaves the bridge the MAC address %s", was)
		}
	}

	config := r.config(`"isGateway":true,"ipam":{"type":"host-local","dataDir":"DIR","ranges":[` +
		networks + `]}`)
	c := r.container("c1")
	result := r.mustAdd(c, config)
	mac := result.Interfaces[0].Mac
	if was != "00:00:00:00:00:00" && mac != was {
		t.Errorf("the ADD changed the MAC address from %s to %s", was, mac)
	}
	if parsed, err := net.ParseMAC(mac); err != nil || parsed[0]&3 != 2 {
		t.Errorf("MAC address %s: it is not a locally administered one of a single link", mac)
	}
	kittest.Must(t, r.check(c, config, result))

	r.expectMAC("with a container", mac)
	remove := r.port(net.HardwareAddr{2, 0, 0, 0, 0, 1})
	r.expectMAC("with a port of a lower address", mac)
	kittest.Must(t, r.del(c, config))
	remove()
	r.expectMAC("without ports", mac)
	r.mustAdd(r.container("c2"), config)
	r.expectMAC("with another container", mac)
}

func (r *rig) expectMAC(when, want string) {
	r.T.Helper()
	if got := r.Link(r.Conn, "br0").MAC.String(); got != want {
		r.T.Errorf("%s: MAC address %s, want %s", when, got, want)
	}
}

func TestRepairRestoresTheMACOfAForeignBridge(t *testing.T) {
	r := newRig(t)
	kittest.Must(t, r.Conn.AddBridge(t.Context(), rtnl.NewBridge{Name: "br0"}))
	config := r.config(`"isGateway":true,` + hostLocal)
	c := r.container("c1")
	result := r.mustAdd(c, config)
	kittest.Must(t, r.Conn.SetLink(t.Context(), r.Link(r.Conn, "br0").Index,
		rtnl.Change{MAC: net.HardwareAddr{2, 0, 0, 0, 0, 7}}))
	if got := kittest.Drift(t, r.check(c, config, result)); len(got) != 1 {
		t.Errorf("drift: %q", got)
	}
	inv := r.Invocation(c, config)
	inv.PrevResult = plugin.NewResult(result)
	kittest.Same(t, "repaired", []string{"bridge br0 mac"}, r.Repair(bridge.New(), inv))
	kittest.Must(t, r.check(c, config, result))
}
