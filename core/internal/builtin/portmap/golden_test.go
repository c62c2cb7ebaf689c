package portmap_test

import (
	"flag"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	types100 "github.com/containernetworking/cni/pkg/types/100"

	"github.com/libcni/libcni/core/internal/host/rtnl"
	"github.com/libcni/libcni/core/plugin"
)

var update = flag.Bool("update", false, "write the golden files")

// paper is a container that is only in a result, behind a bridge that is there.
func (r *rig) paper(network string, number int) *container {
	r.t.Helper()
	n := map[string]int{"a": 1, "b": 2}[network]
	if _, err := r.host.LinkByName(r.t.Context(), "br"+network); err != nil {
		must(r.t, r.host.AddBridge(r.t.Context(), rtnl.NewBridge{Name: "br" + network}))
		r.addresses(r.host, "br"+network, fmt.Sprintf("10.%d.0.1/24", n), fmt.Sprintf("fd00:%d::1/64", n))
	}
	c := &container{network: network, id: fmt.Sprintf("c%d", number), ifName: "eth0"}
	result := &types100.Result{Interfaces: []*types100.Interface{{Name: "eth0", Sandbox: "/run/netns/" + c.id}}}
	for _, text := range []string{fmt.Sprintf("10.%d.0.%d/24", n, number), fmt.Sprintf("fd00:%d::%x/64", n, number)} {
		prefix := netip.MustParsePrefix(text)
		result.IPs = append(result.IPs, &types100.IPConfig{Interface: types100.Int(0),
			Address: net.IPNet{IP: prefix.Addr().AsSlice(), Mask: net.CIDRMask(prefix.Bits(), prefix.Addr().BitLen())}})
	}
	c.result = plugin.NewResult(result)
	return c
}

// TestGoldenRules lists the table for 0, 1, 2 and 100 containers on two networks. The rules are the same for the last two.
func TestGoldenRules(t *testing.T) {
	r := newRig(t)
	var all []*container
	mapping := func(n int) []byte {
		return config(fmt.Sprintf(`{"hostPort":%d,"containerPort":80},{"hostPort":%d,"containerPort":9,"protocol":"sctp"}`, 8000+n, 8000+n))
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
		r.golden(fmt.Sprintf("containers-%d.nft", count), listing)
		chains[count] = listing[strings.Index(listing, "\tchain"):]
	}
	r.same("chains for 2 and 100", chains[2], chains[100])
	for n, c := range all {
		must(t, r.del(c, mapping(n)))
	}
	r.golden("containers-0.nft", r.listing())
}

func TestGoldenRulesOfOptions(t *testing.T) {
	r := newRig(t)
	r.mustAdd(r.paper("a", 2), config(`{"hostPort":80,"containerPort":80,"hostIP":"192.0.2.1"},{"hostPort":80,"containerPort":80,"hostIP":"fd00:9::1"},{"hostPort":9000,"containerPort":9000,"protocol":"sctp","range":3}`,
		`"conditionsV4":["iifname { out0, \"veth*\" } ip saddr != { 10.0.0.0/8, 192.0.2.7-192.0.2.8 }"]`, `"conditionsV6":["tcp dport 1-1023"]`))
	r.mustAdd(r.paper("b", 3), config(`{"hostPort":81,"containerPort":80}`, `"masqAll":true`))
	r.golden("options.nft", r.listing())
}

func (r *rig) golden(name, got string) {
	r.t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		must(r.t, os.MkdirAll("testdata", 0o755))
		must(r.t, os.WriteFile(file, []byte(got), 0o644))
	}
	want, err := os.ReadFile(file)
	must(r.t, err)
	r.same(name, string(want), got)
}
