package bridge_test

import (
	"strings"
	"testing"

	"github.com/libcni/libcni/core/internal/builtin/bridge"
	"github.com/libcni/libcni/core/internal/host/rtnl"
	"github.com/libcni/libcni/core/internal/host/sysctl"
	"github.com/libcni/libcni/core/internal/kit/kittest"
	"github.com/libcni/libcni/core/plugin"
)

func (r *rig) expectHeard(what string, from *kittest.Node, prefix string) {
	r.T.Helper()
	if !r.Hears(from, "eth0", prefix, &r.Node, nil) {
		r.T.Errorf("%s: the host does not hear router advertisements", what)
	}
}

// TestHostHearsAdvertisements: the host becomes a router for its containers, and is still to
// configure its links by router advertisements.
func TestHostHearsAdvertisements(t *testing.T) {
	r := newRig(t)
	early := r.NewUplink("up0")
	config := r.config(`"isGateway":true,` + hostLocal)
	r.mustAdd(r.container("c1"), config)
	r.expectHeard("first advertisement after the first ADD", early, "2001:db8:1::")

	later := r.NewUplink("up1")
	c := r.container("c2")
	result := r.mustAdd(c, config)
	r.expectHeard("link that is newer than the first ADD", later, "2001:db8:2::")

	last := r.NewUplink("up2")
	drift := kittest.Drift(t, r.check(c, config, result))
	kittest.Same(t, "drift",
		[]string{"bridge: sysctl net/ipv6/conf/up2/accept_ra: 1, not 2"}, drift)
	inv := r.Invocation(c, config)
	kittest.Must(t, bridge.New().Status(t.Context(), inv))
	if len(r.Warnings) != 1 || !strings.HasPrefix(r.Warnings[0], "link up2: accept_ra is 1") {
		t.Errorf("STATUS warns %q", r.Warnings)
	}
	inv.PrevResult = plugin.NewResult(result)
	kittest.Same(t, "repaired", []string{"sysctl net/ipv6/conf/up2/accept_ra"},
		r.Repair(bridge.New(), inv))
	r.expectHeard("link that is newer than the last ADD", last, "2001:db8:3::")
}

// TestNewLinksAreFoundWithoutAList: an ADD looks only at links that are newer than the last one's.
func TestNewLinksAreFoundWithoutAList(t *testing.T) {
	r := newRig(t)
	config := r.config(`"isGateway":true,` + hostLocal)
	r.mustAdd(r.container("c1"), config)
	r.mustAdd(r.container("c2"), config)
	old := r.Link(r.Conn, "vethc2").Index
	r.NewUplink("up0")
	set(t, "up0", "0")
	r.mustAdd(r.container("c3"), config)
	if got := accepts(t, "up0"); got != "0" {
		t.Errorf("the administrator's setting became %s", got)
	}
	set(t, "up0", "1") // the next ADD knows the link
	r.mustAdd(r.container("c4"), config)
	if got := accepts(t, "up0"); got != "1" {
		t.Errorf("a link that was looked at before became %s", got)
	}
	if newest := r.Link(r.Conn, "vethc4").Index; newest <= old {
		t.Fatalf("the kernel numbers links %d, %d: not in ascending order", old, newest)
	}
}

func accepts(t *testing.T, link string) string {
	t.Helper()
	value, err := sysctl.Get(sysctl.Link("ipv6", link, "accept_ra"))
	kittest.Must(t, err)
	return value
}

func set(t *testing.T, link, value string) {
	t.Helper()
	_, err := sysctl.Set(sysctl.Link("ipv6", link, "accept_ra"), value)
	kittest.Must(t, err)
}

// TestHostsOwnBridgeHearsAdvertisements: containers are put on the bridge by which the host itself
// is connected.
func TestHostsOwnBridgeHearsAdvertisements(t *testing.T) {
	for name, members := range map[string]string{
		"with a gateway":    `"isGateway":true,` + hostLocal,
		"without a gateway": `"mtu":1400,` + hostLocal,
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			kittest.Must(t, r.Conn.AddBridge(t.Context(), rtnl.NewBridge{Name: "br0"}))
			router := r.NewNode()
			kittest.Must(t, r.Conn.AddVeth(t.Context(), rtnl.NewVeth{Name: "lan", Up: true,
				PeerName: "eth0", PeerNamespace: router.NS, Master: r.Link(r.Conn, "br0").Index}))
			kittest.Must(t, router.Conn.SetLink(t.Context(), r.Link(router.Conn, "eth0").Index,
				rtnl.Change{Up: true}))
			r.expectHeard("before the ADD", router, "2001:db8:1::")
			c := r.container("c1")
			result := r.mustAdd(c, r.config(members))
			r.expectHeard("after the ADD", router, "2001:db8:2::")
			kittest.Must(t, r.check(c, r.config(members), result))
		})
	}
}

// TestNeighboursDoNotConfigureAContainer: a router advertisement of another container gives no
// container a default route or address, unless its network asks for that.
func TestNeighboursDoNotConfigureAContainer(t *testing.T) {
	const ipv4Only = `"ipam":{"type":"host-local","dataDir":"DIR","subnet":"10.9.0.0/24"}`
	for name, members := range map[string]string{
		"IPv4 only":               `"isGateway":true,"ipMasq":true,` + ipv4Only,
		"IPv4 and IPv6":           `"isDefaultGateway":true,` + hostLocal,
		"IPv4, without a gateway": ipv4Only,
		"with MAC address check":  `"macspoofchk":true,` + ipv4Only,
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			c, asks, neighbour := r.container("c1"), r.container("c2"), r.container("c3")
			config := r.config(members)
			result := r.mustAdd(c, config)
			r.mustAdd(asks, r.config(`"acceptRA":true,`+members))
			r.mustAdd(neighbour, config)
			if r.Hears(&neighbour.Node, "eth0", "2001:db8:1::", &c.Node, &asks.Node) {
				t.Error("a neighbour configured the container")
			}
			kittest.Must(t, r.check(c, config, result))
			kittest.Must(t, c.Do(t, func() error { set(t, "eth0", "1"); return nil }))
			kittest.Same(t, "drift", []string{"bridge: link eth0 accept_ra: 1, not 0"},
				kittest.Drift(t, r.check(c, config, result)))
			inv := r.Invocation(c, config)
			inv.PrevResult = plugin.NewResult(result)
			kittest.Same(t, "repaired", []string{"link eth0 accept_ra"}, r.Repair(bridge.New(), inv))
			kittest.Must(t, r.check(c, config, result))
		})
	}
}

// TestWithoutIPAMAContainerConfiguresItself by router advertisements of its network.
func TestWithoutIPAMAContainerConfiguresItself(t *testing.T) {
	r := newRig(t)
	c, router := r.container("c1"), r.container("c2")
	result := r.mustAdd(c, r.config(`"mtu":1500`))
	r.mustAdd(router, r.config(`"mtu":1500`))
	if !r.Hears(&router.Node, "eth0", "2001:db8:1::", &c.Node, nil) {
		t.Error("the container does not hear router advertisements")
	}
	kittest.Must(t, r.check(c, r.config(`"mtu":1500`), result))
}
