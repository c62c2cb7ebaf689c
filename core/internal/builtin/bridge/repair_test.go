package bridge_test

import (
	"net/netip"
	"strings"
	"testing"

	types100 "github.com/containernetworking/cni/pkg/types/100"
	"github.com/google/go-cmp/cmp"

	"github.com/libcni/libcni/core/internal/builtin/bridge"
	"github.com/libcni/libcni/core/internal/host/rtnl"
	"github.com/libcni/libcni/core/internal/host/sysctl"
	"github.com/libcni/libcni/core/internal/kit/kittest"
	"github.com/libcni/libcni/core/plugin"
)

// repair returns what was repaired, sorted.
func (r *rig) repair(
	number int, c *kittest.Container, config []byte, was *types100.Result,
) []string {
	r.T.Helper()
	inv := r.on(number, c, config)
	inv.PrevResult = plugin.NewResult(was)
	return kittest.Sorted(r.Repair(bridge.New(), inv))
}

func (r *rig) drift(
	number int, c *kittest.Container, config []byte, was *types100.Result,
) []string {
	r.T.Helper()
	inv := r.on(number, c, config)
	inv.PrevResult = plugin.NewResult(was)
	return kittest.Drift(r.T, bridge.New().Check(r.T.Context(), inv))
}

const macs = `"args":{"cni":{"mac":"02:00:00:00:01:02"}}`

func TestRepair(t *testing.T) {
	const members = `"isDefaultGateway":true,"ipMasq":true,"macspoofchk":true,"hairpinMode":true,"portIsolation":true,` + macs
	sets := []string{"nftables rule macspoofchk",
		"nftables rule with set masquerade4-8e48f37d5de60467 in chain masquerading",
		"nftables rule with set masquerade6-8e48f37d5de60467 in chain masquerading",
		"nftables set macspoofchk-macs element vethc1 . 02:00:00:00:01:02",
		"nftables set macspoofchk-ports element vethc1",
		"nftables set masquerade4-8e48f37d5de60467 element 10.1.0.2",
		"nftables set masquerade4-8e48f37d5de60467-local element 10.1.0.0/24",
		"nftables set masquerade4-8e48f37d5de60467-local element 224.0.0.0/4",
		"nftables set masquerade6-8e48f37d5de60467 element fd01::2",
		"nftables set masquerade6-8e48f37d5de60467-local element fd01::/64",
		"nftables set masquerade6-8e48f37d5de60467-local element ff00::/8"}
	for _, test := range []struct {
		name   string
		change func(*testing.T, *rig)
		want   []string
	}{
		{"nothing", func(*testing.T, *rig) {}, nil},
		{"flushed rules", func(t *testing.T, r *rig) { kittest.Run(t, "nft", "flush", "ruleset") }, sets},
		{
			"flushed chain",
			func(t *testing.T, r *rig) {
				kittest.Run(t, "nft", "flush", "chain", "inet", "libcni", "masquerading")
			}, sets[1:3],
		},
		{"one element", func(t *testing.T, r *rig) {
			kittest.Run(t, "nft", "delete", "element", "inet", "libcni", "masquerade4-8e48f37d5de60467",
				"{ 10.1.0.2 }")
		}, sets[5:6]},
		{"another rule in the place of ours", func(t *testing.T, r *rig) {
			kittest.Run(t, "nft",
				"flush chain bridge libcni macspoofchk; add rule bridge libcni macspoofchk iifname lo drop "+
					"comment macspoofchk")
		}, sets[:1]},
		{"forwarding off", func(t *testing.T, r *rig) {
			_, err := sysctl.Set("ipv4/ip_forward", "0")
			kittest.Must(t, err)
			_, err = sysctl.Set("ipv6/conf/all/forwarding", "0")
			kittest.Must(t, err)
		}, []string{"sysctl net/ipv4/ip_forward", "sysctl net/ipv6/conf/all/forwarding"}},
		{"gateway address removed", func(t *testing.T, r *rig) {
			kittest.Must(t,
				r.Conn.RemoveAddress(t.Context(), r.Link(r.Conn, "br1").Index,
					netip.MustParsePrefix("10.1.0.1/24")))
		}, []string{"address 10.1.0.1/24 on br1"}},
		{"host end off the bridge and down", func(t *testing.T, r *rig) {
			kittest.Must(t, r.Conn.SetMaster(t.Context(), r.Link(r.Conn, "vethc1").Index, 0))
			kittest.Must(t,
				r.Conn.SetLink(t.Context(), r.Link(r.Conn, "vethc1").Index, rtnl.Change{Down: true}))
		}, []string{"link vethc1"}},
		{"flags of the port", func(t *testing.T, r *rig) {
			index := r.Link(r.Conn, "vethc1").Index
			kittest.Must(t, r.Conn.SetMaster(t.Context(), index, 0))
			kittest.Must(t, r.Conn.SetMaster(t.Context(), index, r.Link(r.Conn, "br1").Index))
		}, []string{"link vethc1 hairpin", "link vethc1 isolated"}},
		{"bridge deleted", func(t *testing.T, r *rig) {
			kittest.Must(t, r.Conn.DeleteLink(t.Context(), r.Link(r.Conn, "br1").Index))
		}, []string{"bridge br1"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(t)
			r.serveOutside()
			c := r.container("c1")
			config := r.onNetwork(1, members)
			was := r.attach(1, c, config)
			index := r.Link(c.Conn, "eth0").Index
			test.change(t, r)
			if (len(r.drift(1, c, config, was)) > 0) != (len(test.want) > 0) {
				t.Errorf("CHECK does not see the change")
			}
			if diff := cmp.Diff(test.want, r.repair(1, c, config, was)); diff != "" {
				t.Errorf("repaired (-want +got):\n%s", diff)
			}
			if left := r.drift(1, c, config, was); left != nil {
				t.Errorf("CHECK afterwards: %q", left)
			}
			if again := r.repair(1, c, config, was); again != nil {
				t.Errorf("repaired again: %q", again)
			}
			if now := r.Link(c.Conn, "eth0").Index; now != index {
				t.Errorf("the container's interface has index %d, had %d", now, index)
			}
			r.Try(masqueraded(c)...)
		})
	}
}

func TestRepairOfAnElementThatIsAnothers(t *testing.T) {
	r := newRig(t)
	c := r.container("c1")
	config := r.onNetwork(1, `"ipMasq":true`)
	was := r.attach(1, c, config)
	kittest.Run(t, "nft", `delete element inet libcni masquerade4-8e48f37d5de60467 { 10.1.0.2 };
		add element inet libcni masquerade4-8e48f37d5de60467 { 10.1.0.2 comment "`+
		strings.Replace(ownerOf("net1", "other"), `"`, "", -1)+`" }`)
	before := kittest.Table(t, "inet")
	want := []string{
		"bridge: nftables set masquerade4-8e48f37d5de60467 element 10.1.0.2: for container other, " +
			"interface eth0, network net1, not for container c1, interface eth0, network net1",
	}
	if diff := cmp.Diff(want, r.drift(1, c, config, was)); diff != "" {
		t.Errorf("drift (-want +got):\n%s", diff)
	}
	if repaired := r.repair(1, c, config, was); repaired != nil {
		t.Errorf("repaired: %q", repaired)
	}
	kittest.Same(r.T, "rules", before, kittest.Table(t, "inet"))
}
