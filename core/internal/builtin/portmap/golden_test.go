package portmap_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/libcni/libcni/core/internal/host/rtnl"
	"github.com/libcni/libcni/core/internal/kit/kittest"
)

// paper is a container that is only in a result, behind a bridge that is there.
func (r *rig) paper(network string, number int) *kittest.Container {
	r.T.Helper()
	if _, err := r.Conn.LinkByName(r.T.Context(), "br"+network); err != nil {
		ipv4, ipv6 := kittest.Addresses(network, 1)
		kittest.Must(r.T, r.Conn.AddBridge(r.T.Context(), rtnl.NewBridge{Name: "br" + network}))
		r.AddAddresses(r.Conn, "br"+network, ipv4+"/24", ipv6+"/64")
	}
	return kittest.Paper(network, number)
}

// TestGoldenRules lists the table for 0, 1, 2 and 100 containers on two networks. The rules are the
// same for the last two.
func TestGoldenRules(t *testing.T) {
	r := newRig(t)
	var all []*kittest.Container
	mapping := func(n int) []byte {
		return config(
			fmt.Sprintf(
				`{"hostPort":%d,"containerPort":80},{"hostPort":%d,"containerPort":9,"protocol":"sctp"}`,
				8000+n,
				8000+n,
			),
		)
	}
	chains := map[int]string{}
	for _, count := range []int{1, 2, 100} {
		for len(all) < count {
			n := len(all)
			c := r.paper([]string{"a", "b"}[n%2], n+2)
			r.mustAdd(c, mapping(n))
			all = append(all, c)
		}
		listing := r.listing()
		kittest.Golden(t, fmt.Sprintf("containers-%d.nft", count), listing)
		chains[count] = listing[strings.Index(listing, "\tchain"):]
	}
	kittest.Same(r.T, "chains for 2 and 100", chains[2], chains[100])
	for n, c := range all {
		kittest.Must(t, r.del(c, mapping(n)))
	}
	kittest.Golden(t, "containers-0.nft", r.listing())
}

func TestGoldenRulesOfOptions(t *testing.T) {
	r := newRig(t)
	r.mustAdd(
		r.paper("a", 2),
		config(
			`{"hostPort":80,"containerPort":80,"hostIP":"192.0.2.1"},{"hostPort":80,"containerPort":80,"hostIP":"fd00:9::1"},{"hostPort":9000,"containerPort":9000,"protocol":"sctp","range":3}`,
			`"conditionsV4":["iifname { out0, \"veth*\" } ip saddr != { 10.0.0.0/8, 192.0.2.7-192.0.2.8 }"]`,
			`"conditionsV6":["tcp dport 1-1023"]`,
		),
	)
	r.mustAdd(r.paper("b", 3), config(`{"hostPort":81,"containerPort":80}`, `"masqAll":true`))
	kittest.Golden(t, "options.nft", r.listing())
}
