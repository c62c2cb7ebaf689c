package bridge_test

import (
	"errors"
	"net/netip"
	"testing"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/host/rtnl"
	"github.com/libcni/libcni/core/internal/host/rtnl/rtnltest"
	"github.com/libcni/libcni/core/internal/kit/kittest"
)

const ipv4Only = `"isGateway":true,"ipam":{"type":"host-local","dataDir":"DIR",` +
	`"ranges":[[{"subnet":"10.9.0.0/24"}]]}`

// An MTU below 1280 is enough for IPv4, on a bridge that does not exist, too.
func TestSmallMTU(t *testing.T) {
	for _, test := range []struct{ name, config string }{
		{"configured", `"mtu":576,`}, {"of the default route", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(t)
			r.uplink(576)
			c := r.container("c1")
			config := r.config(test.config + ipv4Only)
			result := r.mustAdd(c, config)
			for i, link := range result.Interfaces {
				if link.Mtu != 576 {
					t.Errorf("interface %d of the result has mtu %d", i, link.Mtu)
				}
			}
			kittest.Must(t, r.check(c, config, result))
			kittest.Must(t, r.del(c, config))
		})
	}
}

// A bridge takes the smallest MTU of its ports, and loses IPv6 below 1280. An ADD does not do that
// to a bridge that has IPv6 addresses.
func TestSmallMTUTakesNoIPv6Away(t *testing.T) {
	for _, test := range []struct {
		name    string
		foreign bool
		config  string
	}{
		{"IPv4 on our bridge", false, `"mtu":1279,` + ipv4Only},
		{"IPv4 without gateway on our bridge", false, `"mtu":1279`},
		{"both on our bridge", false, `"isGateway":true,"mtu":1279,` + hostLocal},
		{"IPv4 on a foreign bridge", true, `"mtu":1279,` + ipv4Only},
		{"of the default route", true, ipv4Only},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(t)
			if test.foreign {
				kittest.Must(t, r.Conn.AddBridge(t.Context(), rtnl.NewBridge{Name: "br0"}))
				kittest.Must(t, r.Conn.AddAddress(t.Context(), r.Link(r.Conn, "br0").Index,
					rtnl.Address{Prefix: netip.MustParsePrefix("2001:db8::1/64"), NoDAD: true}))
			} else {
				r.mustAdd(r.container("c1"), r.config(`"isGateway":true,`+hostLocal))
			}
			r.uplink(1200)
			before := rtnltest.Dump(t, r.Conn)
			c := r.container("c2")
			_, err := r.add(c, r.config(test.config))
			var refused *fault.Error
			if !errors.As(err, &refused) || refused.Details != "mtu" {
				t.Errorf("ADD: %v", err)
			}
			kittest.Same(t, "host", before, rtnltest.Dump(t, r.Conn))
		})
	}
}

// uplink makes the default route, with an MTU.
func (r *rig) uplink(mtu int) {
	r.T.Helper()
	kittest.Must(r.T, r.Conn.AddVeth(r.T.Context(),
		rtnl.NewVeth{Name: "uplink", PeerName: "router", MTU: mtu, Up: true}))
	index := r.Link(r.Conn, "uplink").Index
	kittest.Must(r.T, r.Conn.AddAddress(r.T.Context(), index,
		rtnl.Address{Prefix: netip.MustParsePrefix("192.0.2.2/24")}))
	kittest.Must(r.T, r.Conn.AddRoute(r.T.Context(), rtnl.Route{
		Dst: netip.MustParsePrefix("0.0.0.0/0"), Gateway: netip.MustParseAddr("192.0.2.1"),
		Link: index}))
}
