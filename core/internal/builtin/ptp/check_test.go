package ptp_test

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/libcni/libcni/core/internal/builtin/ptp"
	"github.com/libcni/libcni/core/internal/host/rtnl"
	"github.com/libcni/libcni/core/internal/host/sysctl"
	"github.com/libcni/libcni/core/internal/kit/iface"
	"github.com/libcni/libcni/core/internal/kit/kittest"
)

// damage is something that happens to an attachment, what CHECK reports, and whether it is for
// repair.
type damage struct {
	name   string
	do     func(*rig, *kittest.Container) error
	want   []string
	repair bool
}

func damages() []damage {
	prefix := netip.MustParsePrefix
	return []damage{
		{"address of the gateway", func(r *rig, _ *kittest.Container) error {
			return r.Conn.RemoveAddress(r.T.Context(), r.Link(r.Conn, "vethc1").Index, prefix("10.9.0.1/32"))
		}, []string{"ptp: address 10.9.0.1/32 on vethc1: missing, not present", // its last IPv4 address
			"ptp: route 10.9.0.2/32 on vethc1: missing, not present"}, true},
		{"IPv6 address of the gateway", func(r *rig, _ *kittest.Container) error {
			return r.Conn.RemoveAddress(r.T.Context(), r.Link(r.Conn, "vethc1").Index, prefix("fd09::1/128"))
		}, []string{"ptp: address fd09::1/128 on vethc1: missing, not present"}, true},
		{"link-local address of the host's end", func(r *rig, _ *kittest.Container) error {
			port := r.Link(r.Conn, "vethc1")
			return r.Conn.RemoveAddress(r.T.Context(), port.Index, iface.LinkLocal(port.MAC).Prefix)
		}, []string{"ptp: link-local address on vethc1: missing, not present"}, true},
		{"routes to the container", func(r *rig, _ *kittest.Container) error {
			if err := r.Conn.RemoveRoute(r.T.Context(), rtnl.Route{Dst: prefix("10.9.0.2/32")}); err != nil {
				return err
			}
			return r.Conn.RemoveRoute(r.T.Context(), rtnl.Route{Dst: prefix("fd09::2/128")})
		}, []string{"ptp: route 10.9.0.2/32 on vethc1: missing, not present",
			"ptp: route fd09::2/128 on vethc1: missing, not present"}, true},
		{"host's end down", func(r *rig, _ *kittest.Container) error {
			return r.Conn.SetLink(r.T.Context(), r.Link(r.Conn, "vethc1").Index, rtnl.Change{Down: true})
		}, []string{"ptp: link vethc1: down, not up",
			"ptp: address fd09::1/128 on vethc1: missing, not present",
			"ptp: link-local address on vethc1: missing, not present",
			"ptp: route 10.9.0.2/32 on vethc1: missing, not present",
			"ptp: route fd09::2/128 on vethc1: missing, not present"}, true},
		{"host's end in a bridge", func(r *rig, _ *kittest.Container) error {
			enslave(r, "vethc1")
			return nil
		}, []string{"ptp: link vethc1: a port of br9, not in no bridge"}, true},
		{"forwarding", func(*rig, *kittest.Container) error {
			_, err := sysctl.Set("ipv4/ip_forward", "0")
			return err
		}, []string{"ptp: sysctl net/ipv4/ip_forward: 0, not 1"}, true},
		{"rules", func(r *rig, _ *kittest.Container) error {
			kittest.Run(r.T, "nft", "flush", "chain", "inet", "libcni", "masquerading")
			return nil
		}, []string{
			"ptp: nftables rule with set masquerade4-a4861f4ae9f7d238 in chain masquerading: missing, not " +
				"present",
			"ptp: nftables rule with set masquerade6-a4861f4ae9f7d238 in chain masquerading: missing, not " +
				"present",
		}, true},
		{"container's address", func(r *rig, c *kittest.Container) error {
			return c.Conn.RemoveAddress(r.T.Context(), r.Link(c.Conn, "eth0").Index, prefix("fd09::2/64"))
		}, []string{"ptp: address fd09::2/64 on eth0: missing, not present",
			"ptp: route fd09::1/128 on eth0: fd09::1/128 priority 1024 table 254, not fd09::1/128 src " +
				"fd09::2",
			"ptp: route fd09::/64 on eth0: fd09::/64 via fd09::1 priority OWN table 254, not fd09::/64 " +
				"via fd09::1 src fd09::2"}, false},
		{"container's default route", func(r *rig, c *kittest.Container) error {
			return c.Conn.RemoveRoute(r.T.Context(), rtnl.Route{Dst: prefix("0.0.0.0/0")})
		}, []string{"ptp: route 0.0.0.0/0 on eth0: missing, not present"}, false},
		{"container's MAC address", func(r *rig, c *kittest.Container) error {
			return c.Conn.SetLink(r.T.Context(), r.Link(c.Conn, "eth0").Index,
				rtnl.Change{MAC: net.HardwareAddr{2, 0, 0, 0, 0, 1}})
		}, nil, false},
		{"MTU", func(r *rig, c *kittest.Container) error {
			return c.Conn.SetLink(r.T.Context(), r.Link(c.Conn, "eth0").Index, rtnl.Change{MTU: 1400})
		}, []string{"ptp: link eth0 mtu: 1400, not 1500"}, false},
		{"both ends gone", func(r *rig, _ *kittest.Container) error {
			return r.Conn.DeleteLink(r.T.Context(), r.Link(r.Conn, "vethc1").Index)
		}, []string{"ptp: link eth0: missing, not present", "ptp: link vethc1: missing, not present"},
			false},
	}
}

// enslave makes a link a port of the bridge br9.
func enslave(r *rig, link string) {
	r.T.Helper()
	kittest.Must(r.T, r.Conn.AddBridge(r.T.Context(), rtnl.NewBridge{Name: "br9"}))
	kittest.Must(r.T, r.Conn.SetMaster(r.T.Context(), r.Link(r.Conn, link).Index,
		r.Link(r.Conn, "br9").Index))
}

func TestCheckListsAllAndRepairRestoresTheHostsSide(t *testing.T) {
	for _, test := range damages() {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(t)
			c := r.container("c1")
			config := r.config(`"ipMasq":true,` + dualStack)
			r.mustAdd(c, config)
			own := strings.NewReplacer(fmt.Sprintf("priority %d", 1024+r.Link(c.Conn, "eth0").Index),
				"priority OWN")
			kittest.Must(t, test.do(r, c))
			found := r.check(c, config)
			for i := range found {
				found[i] = own.Replace(found[i])
			}
			if test.want != nil {
				kittest.Same(t, "drift", test.want, found)
			} else if len(found) != 1 {
				t.Errorf("drift: %v", found)
			}
			repaired := r.Repair(ptp.New(), r.Invocation(c, config))
			after := r.check(c, config)
			for i := range after {
				after[i] = own.Replace(after[i])
			}
			if test.repair {
				kittest.Same(t, "drift after repair", []string(nil), after)
			} else {
				kittest.Same(t, "drift after repair", found, after)
			}
			if test.repair != (len(repaired) == len(found)) {
				t.Errorf("repaired %v of %v", repaired, found)
			}
		})
	}
}

func TestTrafficAfterRepair(t *testing.T) {
	r := newRig(t)
	c := r.container("c1")
	config := r.config(dualStack)
	r.mustAdd(c, config)
	r.Serve(&c.Node, ":8000", "c")
	kittest.Must(t, r.Conn.SetLink(t.Context(), r.Link(r.Conn, "vethc1").Index,
		rtnl.Change{Down: true}))
	r.Repair(ptp.New(), r.Invocation(c, config))
	r.Try(kittest.Path{Name: "IPv4", To: "10.9.0.2:8000", Want: "c 10.9.0.1"},
		kittest.Path{Name: "IPv6", To: "[fd09::2]:8000", Want: "c fd09::1"})
}

func TestCheckReportsTheIPAMPlugin(t *testing.T) {
	r := newRig(t)
	c := r.container("c1")
	config := r.config(dualStack)
	r.mustAdd(c, config)
	inv := r.Invocation(c, config)
	_, err := inv.Delegate(t.Context(), "DEL", "host-local", config)
	kittest.Must(t, err)
	if found := r.check(c, config); len(found) == 0 {
		t.Error("released addresses are not reported")
	}
}
