package bridge_test

import (
	"net/netip"
	"testing"

	"github.com/libcni/libcni/core/internal/host/rtnl"
	"github.com/libcni/libcni/core/internal/host/rtnl/rtnltest"
	"github.com/libcni/libcni/core/internal/kit/kittest"
)

// A route whose gateway the container cannot reach makes the last steps of the ADD fail.
const unreachable = `"ipam":{"type":"static","addresses":[{"address":"10.9.0.2/24"},` +
	`{"address":"fd09::2/64"}],"routes":[{"dst":"10.8.0.0/16","gw":"172.16.0.1"}]}`

// TestFailedAddTakesBackItsGateway: an address that stays on the bridge would draw the host's
// traffic, and conflict with the corrected configuration.
func TestFailedAddTakesBackItsGateway(t *testing.T) {
	for _, c := range []struct {
		name, before, keys string
		others             int
		want               []string
	}{
		{name: "nobody uses it", keys: `"isGateway":true,`},
		{name: "addresses that were there", before: "10.9.0.1/24", keys: `"isGateway":true,`,
			want: []string{"10.9.0.1/24"}},
		{name: "an address that it replaced", before: "10.7.0.1/24",
			keys: `"isGateway":true,"forceAddress":true,`, want: []string{"10.7.0.1/24"}},
		{name: "another container may use it", keys: `"isGateway":true,`, others: 1,
			want: []string{"10.9.0.1/24", "fd09::1/64"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			kittest.Must(t, r.Conn.AddBridge(t.Context(), rtnl.NewBridge{Name: "br0"}))
			bridge := r.Link(r.Conn, "br0").Index
			if c.before != "" {
				kittest.Must(t, r.Conn.AddAddress(t.Context(), bridge,
					rtnl.Address{Prefix: netip.MustParsePrefix(c.before)}))
			}
			if c.others > 0 {
				r.port(nil)
			}
			if _, err := r.add(r.container("c1"), r.config(c.keys+unreachable)); err == nil {
				t.Fatal("the ADD succeeds")
			}
			addresses, err := r.Conn.Addresses(t.Context(), bridge)
			kittest.Must(t, err)
			var have []string
			for _, a := range addresses {
				if !a.LinkLocal {
					have = append(have, a.Prefix.String())
				}
			}
			kittest.Same(t, "addresses of the bridge", c.want, have)
		})
	}
}

// TestFailedAddLeavesAnEmptyBridge: after it another network can use the bridge.
func TestFailedAddLeavesAnEmptyBridge(t *testing.T) {
	r := newRig(t)
	c := r.container("c1")
	if _, err := r.add(c, r.config(`"isDefaultGateway":true,`+unreachable)); err == nil {
		t.Fatal("the ADD succeeds")
	}
	kittest.Same(t, "host", bridgeOf, rtnltest.Dump(t, r.Conn))
	r.mustAdd(c, r.config(`"isDefaultGateway":true,"ipam":{"type":"static","addresses":[{"address":"10.7.0.2/24"}]}`))
}
