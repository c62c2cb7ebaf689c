package bridge_test

import (
	"fmt"
	"net/netip"
	"regexp"
	"strings"
	"testing"

	types100 "github.com/containernetworking/cni/pkg/types/100"
	"golang.org/x/sys/unix"

	"github.com/libcni/libcni/core/internal/builtin/bridge"
	"github.com/libcni/libcni/core/internal/host/nft"
	"github.com/libcni/libcni/core/internal/kit/kittest"
	"github.com/libcni/libcni/core/plugin"
)

// onNetwork is the configuration of a network of its own bridge and subnets.
func (r *rig) onNetwork(number int, members string) []byte {
	return []byte(
		fmt.Sprintf(
			`{"cniVersion":"1.1.0","name":"net%d","type":"bridge","bridge":"br%d","isGateway":true,%s,
		"ipam":{"type":"host-local","dataDir":%q,"ranges":[[{"subnet":"10.%d.0.0/24"}],[{"subnet":"fd0%d::/64"}]]}}`,
			number, number, members, r.leaseDir, number, number))
}

func (r *rig) on(number int, c *kittest.Container, config []byte) *plugin.Invocation {
	c.Network = fmt.Sprintf("net%d", number)
	return r.Invocation(c, config)
}

func (r *rig) attach(number int, c *kittest.Container, config []byte) *types100.Result {
	r.T.Helper()
	result, err := bridge.New().Add(r.T.Context(), r.on(number, c, config))
	kittest.Must(r.T, err)
	value, err := result.Value()
	kittest.Must(r.T, err)
	return value
}

func (r *rig) detach(number int, c *kittest.Container, config []byte, was *types100.Result) {
	r.T.Helper()
	inv := r.on(number, c, config)
	if was != nil {
		inv.PrevResult = plugin.NewResult(was)
	}
	kittest.Must(r.T, bridge.New().Del(r.T.Context(), inv))
}

func TestMasqueradeRules(t *testing.T) {
	r := newRig(t)
	type attached struct {
		number int
		c      *kittest.Container
		was    *types100.Result
	}
	var all []attached
	config := func(number int) []byte { return r.onNetwork(number, `"ipMasq":true`) }
	for i := range 100 {
		c := r.container(fmt.Sprintf("c%d", i))
		number := 1 + i%2
		all = append(all, attached{number, c, r.attach(number, c, config(number))})
		switch i + 1 {
		case 1, 2, 100:
			kittest.Golden(t, fmt.Sprintf("masquerade-%d.nft", i+1), kittest.Table(t, "inet"))
		}
	}
	kittest.Reload(t)
	for _, a := range all {
		r.detach(a.number, a.c, config(a.number), a.was)
	}
	kittest.Golden(t, "masquerade-0.nft", kittest.Table(t, "inet"))
}

const routed = `"isDefaultGateway":true,"ipMasq":true`

// Servers of the outside, which answer what the host masquerades.
const outside4, outside6 = kittest.OutsideIPv4 + ":7000", "[" + kittest.OutsideIPv6 + "]:7000"

// serveOutside makes an outside with a server.
func (r *rig) serveOutside() { r.T.Helper(); r.Serve(r.NewOutside(), ":7000", "outside") }

// masqueraded are the paths from a container to the outside, which sees the host.
func masqueraded(c *kittest.Container) []kittest.Path {
	return []kittest.Path{
		{Name: "outside, IPv4", From: &c.Node, To: outside4, Want: "outside " + kittest.HostIPv4},
		{Name: "outside, IPv6", From: &c.Node, To: outside6, Want: "outside " + kittest.HostIPv6},
	}
}

func TestMasqueradeChangesTheSourceTowardsTheOutsideOnly(t *testing.T) {
	r := newRig(t)
	r.serveOutside()
	a, b := r.container("c1"), r.container("c2")
	config := r.onNetwork(1, routed)
	r.attach(1, a, config)
	r.attach(1, b, config)
	r.Serve(&b.Node, ":7000", "b")
	r.Try(masqueraded(a)...)
	r.Try(kittest.Path{
		Name: "own subnet, IPv4", From: &a.Node, To: "10.1.0.3:7000", Want: "b 10.1.0.2",
	},
		kittest.Path{Name: "own subnet, IPv6", From: &a.Node, To: "[fd01::3]:7000", Want: "b fd01::2"})
}

func TestMulticastIsNotMasqueraded(t *testing.T) {
	r := newRig(t)
	a := r.container("c1")
	r.attach(1, a, r.onNetwork(1, routed))
	// A counter in the way of the packets after translation, and one before.
	kittest.Run(t, "nft",
		`add table inet watch; add chain inet watch out { type filter hook postrouting priority 300; };
		add rule inet watch out ip daddr 239.1.2.3 ip saddr 10.1.0.2 counter comment "unchanged";
		add rule inet watch out ip daddr 239.1.2.3 counter comment "any"`)
	// The host forwards multicast for nobody, so that the packet leaves from the host with the
	// container's address, as a multicast router's would.
	sendFrom(t, r, "10.1.0.2", "239.1.2.3")
	got := kittest.Run(t, "nft", "list", "table", "inet", "watch")
	if !regexp.MustCompile(`saddr 10.1.0.2 counter packets 1 .*unchanged`).MatchString(got) ||
		!regexp.MustCompile(`counter packets 1 .*any`).MatchString(got) {
		t.Errorf("multicast does not leave with its own source:\n%s", got)
	}
	// The same way to elsewhere is translated, so that the test sees what it should.
	kittest.Run(t, "nft",
		`add rule inet watch out ip daddr 192.0.2.9 ip saddr 10.1.0.2 counter comment "raw"; add rule inet watch out ip daddr 192.0.2.9 counter comment "elsewhere"`)
	r.NewOutside()
	sendFrom(t, r, "10.1.0.2", "192.0.2.9")
	got = kittest.Run(t, "nft", "list", "table", "inet", "watch")
	if !regexp.MustCompile(`counter packets 0 .*raw`).MatchString(got) ||
		!regexp.MustCompile(`counter packets 1 .*elsewhere`).MatchString(got) {
		t.Errorf("elsewhere is not translated:\n%s", got)
	}
}

// sendFrom sends a datagram from the host with a source address that is not the host's.
func sendFrom(t *testing.T, r *rig, source, destination string) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	kittest.Must(t, err)
	defer unix.Close(fd)
	kittest.Must(t, unix.SetsockoptInt(fd, unix.SOL_IP, unix.IP_TRANSPARENT, 1))
	kittest.Must(t, unix.SetsockoptInt(fd, unix.SOL_IP, unix.IP_MULTICAST_IF, 0))
	kittest.Must(t,
		unix.SetsockoptString(fd, unix.SOL_SOCKET, unix.SO_BINDTODEVICE,
			map[bool]string{true: "br1", false: "out0"}[strings.HasPrefix(destination, "239.")]))
	kittest.Must(t, unix.Bind(fd, &unix.SockaddrInet4{Addr: netip.MustParseAddr(source).As4()}))
	kittest.Must(t,
		unix.Sendto(fd, []byte("x"), 0,
			&unix.SockaddrInet4{Port: 7000, Addr: netip.MustParseAddr(destination).As4()}))
}

func TestLateCleanUpLeavesTheAddressToItsNewHolder(t *testing.T) {
	r := newRig(t)
	old, young := r.container("old"), r.container("young")
	config := []byte(
		`{"cniVersion":"1.1.0","name":"net1","type":"bridge","bridge":"br1","isDefaultGateway":true,"ipMasq":true,
		"ipam":{"type":"static","addresses":[{"address":"10.1.0.2/24"}]}}`)
	was := r.attach(1, old, config)
	// The container died; its DEL comes late.
	kittest.Must(t, r.Conn.DeleteLink(t.Context(), r.Link(r.Conn, old.HostIfName).Index))
	now := r.attach(1, young, config)
	r.detach(1, old, config, was)
	r.detach(1, old, config, nil)
	r.serveOutside()
	r.Try(kittest.Path{
		Name: "after the clean-up of another container", From: &young.Node, To: outside4,
		Want: "outside 192.0.2.1",
	})
	inv := r.on(1, young, config)
	inv.PrevResult = plugin.NewResult(now)
	kittest.Must(t, bridge.New().Check(t.Context(), inv))
}

func TestRemovalByIdentityAlone(t *testing.T) {
	r := newRig(t)
	a, b := r.container("c1"), r.container("c2")
	config := r.onNetwork(1, `"ipMasq":true,"macspoofchk":true`)
	r.attach(1, a, config)
	want := kittest.Table(t, "inet")
	wantBridge := kittest.Table(t, "bridge")
	r.attach(1, b, config)
	kittest.Must(t, r.Conn.DeleteLink(t.Context(), r.Link(r.Conn, b.HostIfName).Index))
	gone := kittest.Lost("net", "c2") // no namespace, no link, no name, no result
	for range 2 {
		r.detach(1, gone, config, nil)
		kittest.Same(r.T, "inet", want, kittest.Table(t, "inet"))
		kittest.Same(r.T, "bridge", wantBridge, kittest.Table(t, "bridge"))
	}
}

func TestFailedAddLeavesNoRules(t *testing.T) {
	r := newRig(t)
	a, b := r.container("c1"), r.container("c2")
	config := r.onNetwork(1, `"ipMasq":true,"macspoofchk":true`)
	r.attach(1, a, config)
	want := kittest.Table(t, "inet") + kittest.Table(t, "bridge")
	// A route that cannot be added makes the ADD fail after the rules were made.
	broken := strings.Replace(string(config), `"ipam":{`,
		`"ipam":{"routes":[{"dst":"10.77.0.0/16","gw":"172.31.0.1"}],`, 1)
	if _, err := bridge.New().Add(t.Context(), r.on(1, b, []byte(broken))); err == nil {
		t.Fatal("a route through nowhere was added")
	}
	kittest.Same(r.T, "rules", want, kittest.Table(t, "inet")+kittest.Table(t, "bridge"))
}

func TestGCOfRules(t *testing.T) {
	r := newRig(t)
	config := r.onNetwork(1, `"ipMasq":true,"macspoofchk":true`)
	a := r.container("c1")
	r.attach(1, a, config)
	other := r.container("n2")
	r.attach(2, other, r.onNetwork(2, `"ipMasq":true,"macspoofchk":true`))
	want := kittest.Table(t, "inet") + kittest.Table(t, "bridge")
	for _, id := range []string{"c2", "c3"} {
		r.attach(1, r.container(id), config)
	}
	inv := r.on(1, kittest.Lost("net", ""), config)
	inv.ValidAttachments = []plugin.AttachmentID{{ContainerID: "c1", IfName: "eth0"}}
	kittest.Must(t, bridge.New().GC(t.Context(), inv))
	kittest.Same(r.T, "rules", want, kittest.Table(t, "inet")+kittest.Table(t, "bridge"))
	inv.ValidAttachments = nil
	kittest.Must(t, bridge.New().GC(t.Context(), inv))
	kittest.Same(r.T, "after the GC of all: sets of network 1", "",
		strings.Join(
			regexp.MustCompile(`masquerade.-`+hash("net1")).FindAllString(kittest.Table(t, "inet"), -1),
			" "))
}

func hash(network string) string {
	out := regexp.MustCompile(`^[0-9a-f]{16}`).FindString(ownerComment(network))
	return out
}

func ownerComment(network string) string { return nft.Owner{Network: network}.Comment() }
