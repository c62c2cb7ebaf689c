package bridge_test

import (
	"flag"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	types100 "github.com/containernetworking/cni/pkg/types/100"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/libcni/libcni/core/internal/builtin/bridge"
	"github.com/libcni/libcni/core/internal/host/nft"
	"github.com/libcni/libcni/core/internal/host/rtnl"
	"github.com/libcni/libcni/core/plugin"
)

var update = flag.Bool("update", false, "write the golden rule sets anew")

// rules lists a table as nft prints it.
func rules(t *testing.T, family, table string) string {
	t.Helper()
	out, err := exec.Command("nft", "-s", "list", "table", family, table).CombinedOutput()
	if err != nil {
		if strings.Contains(string(out), "No such file") {
			return ""
		}
		t.Fatalf("nft list table %s %s: %v: %s", family, table, err, out)
	}
	return string(out)
}

func runTool(t *testing.T, name string, arguments ...string) string {
	t.Helper()
	out, err := exec.Command(name, arguments...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v: %s", name, arguments, err, out)
	}
	return string(out)
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".nft")
	if *update {
		must(t, os.MkdirAll("testdata", 0o755))
		must(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	must(t, err)
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

// reload saves and loads the rule set, as admins do.
func reload(t *testing.T) {
	t.Helper()
	before := runTool(t, "nft", "-s", "list", "ruleset")
	path := filepath.Join(t.TempDir(), "saved")
	must(t, os.WriteFile(path, []byte("flush ruleset\n"+before), 0o600))
	runTool(t, "nft", "-f", path)
	if diff := cmp.Diff(before, runTool(t, "nft", "-s", "list", "ruleset")); diff != "" {
		t.Errorf("the rule set after saving and loading (-want +got):\n%s", diff)
	}
}

// onNetwork is the configuration of a network of its own bridge and subnets.
func (r *rig) onNetwork(number int, members string) []byte {
	return []byte(fmt.Sprintf(`{"cniVersion":"1.1.0","name":"net%d","type":"bridge","bridge":"br%d","isGateway":true,%s,
		"ipam":{"type":"host-local","dataDir":%q,"ranges":[[{"subnet":"10.%d.0.0/24"}],[{"subnet":"fd0%d::/64"}]]}}`,
		number, number, members, r.store, number, number))
}

func (r *rig) on(number int, c *container, config []byte) *plugin.Invocation {
	inv := r.invocation(c, config)
	inv.Network = fmt.Sprintf("net%d", number)
	return inv
}

func (r *rig) attach(number int, c *container, config []byte) *types100.Result {
	r.t.Helper()
	result, err := bridge.New().Add(r.t.Context(), r.on(number, c, config))
	must(r.t, err)
	value, err := result.Value()
	must(r.t, err)
	return value
}

func (r *rig) detach(number int, c *container, config []byte, was *types100.Result) {
	r.t.Helper()
	inv := r.on(number, c, config)
	if was != nil {
		inv.PrevResult = plugin.NewResult(was)
	}
	must(r.t, bridge.New().Del(r.t.Context(), inv))
}

func TestMasqueradeRules(t *testing.T) {
	r := newRig(t)
	type attached struct {
		number int
		c      *container
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
			golden(t, fmt.Sprintf("masquerade-%d", i+1), rules(t, "inet", "libcni"))
		}
	}
	reload(t)
	for _, a := range all {
		r.detach(a.number, a.c, config(a.number), a.was)
	}
	golden(t, "masquerade-0", rules(t, "inet", "libcni"))
}

// outside is a namespace that is reached through the host's link "up", at 192.0.2.2 and 2001:db8::2, and has no way back
// to the containers' networks.
func (r *rig) outside() *container {
	r.t.Helper()
	o := r.container("outside")
	ctx := r.t.Context()
	must(r.t, r.host.AddVeth(ctx, rtnl.NewVeth{Name: "up", Up: true, PeerName: "eth0", PeerNamespace: o.ns, MTU: 1500,
		MAC: net.HardwareAddr{2, 0, 0, 0, 9, 1}, PeerMAC: net.HardwareAddr{2, 0, 0, 0, 9, 2}}))
	for _, end := range []struct {
		conn      *rtnl.Conn
		link      string
		addresses []string
	}{
		{r.host, "up", []string{"192.0.2.1/24", "2001:db8::1/64"}},
		{o.conn, "eth0", []string{"192.0.2.2/24", "2001:db8::2/64"}},
	} {
		link := r.link(end.conn, end.link)
		must(r.t, end.conn.SetLink(ctx, link.Index, rtnl.Change{Up: true}))
		for _, a := range end.addresses {
			must(r.t, end.conn.AddAddress(ctx, link.Index, rtnl.Address{Prefix: netip.MustParsePrefix(a), NoDAD: true}))
		}
	}
	return o
}

// echoSource answers each datagram with the address it came from.
func echoSource(t *testing.T, c *container, address string) {
	t.Helper()
	must(t, c.ns.Do(t.Context(), func() error {
		packets, err := net.ListenPacket("udp", net.JoinHostPort(address, "7000"))
		if err != nil {
			return err
		}
		t.Cleanup(func() { packets.Close() })
		go func() {
			buf := make([]byte, 100)
			for {
				_, from, err := packets.ReadFrom(buf)
				if err != nil {
					return
				}
				_, _ = packets.WriteTo([]byte(from.(*net.UDPAddr).IP.String()), from)
			}
		}()
		return nil
	}))
}

const routed = `"isDefaultGateway":true,"ipMasq":true`

func TestMasqueradeChangesTheSourceTowardsTheOutsideOnly(t *testing.T) {
	r := newRig(t)
	outside := r.outside()
	a, b := r.container("c1"), r.container("c2")
	config := r.onNetwork(1, routed)
	r.attach(1, a, config)
	r.attach(1, b, config)
	for _, address := range []string{"192.0.2.2", "2001:db8::2"} {
		echoSource(t, outside, address)
	}
	for _, address := range []string{"10.1.0.3", "fd01::3"} {
		echoSource(t, b, address)
	}
	for _, way := range []struct{ name, to, want string }{
		{"outside, IPv4", "192.0.2.2", "192.0.2.1"},
		{"outside, IPv6", "2001:db8::2", "2001:db8::1"},
		{"own subnet, IPv4", "10.1.0.3", "10.1.0.2"},
		{"own subnet, IPv6", "fd01::3", "fd01::2"},
	} {
		if got := ask(t, a.ns.Do, way.to, 5*time.Second); got != way.want {
			t.Errorf("%s: the packet came from %q, want %q", way.name, got, way.want)
		}
	}
}

func TestMulticastIsNotMasqueraded(t *testing.T) {
	r := newRig(t)
	a := r.container("c1")
	r.attach(1, a, r.onNetwork(1, routed))
	// A counter in the way of the packets after translation, and one before.
	runTool(t, "nft", `add table inet watch; add chain inet watch out { type filter hook postrouting priority 300; };
		add rule inet watch out ip daddr 239.1.2.3 ip saddr 10.1.0.2 counter comment "unchanged";
		add rule inet watch out ip daddr 239.1.2.3 counter comment "any"`)
	// The host forwards multicast for nobody, so that the packet leaves from the host with the container's address, as
	// a multicast router's would.
	sendFrom(t, r, "10.1.0.2", "239.1.2.3")
	got := runTool(t, "nft", "list", "table", "inet", "watch")
	if !regexp.MustCompile(`saddr 10.1.0.2 counter packets 1 .*unchanged`).MatchString(got) || !regexp.MustCompile(`counter packets 1 .*any`).MatchString(got) {
		t.Errorf("multicast does not leave with its own source:\n%s", got)
	}
	// The same way to elsewhere is translated, so that the test sees what it should.
	runTool(t, "nft", `add rule inet watch out ip daddr 192.0.2.2 ip saddr 10.1.0.2 counter comment "raw"; add rule inet watch out ip daddr 192.0.2.2 counter comment "elsewhere"`)
	r.outside()
	sendFrom(t, r, "10.1.0.2", "192.0.2.2")
	got = runTool(t, "nft", "list", "table", "inet", "watch")
	if !regexp.MustCompile(`counter packets 0 .*raw`).MatchString(got) || !regexp.MustCompile(`counter packets 1 .*elsewhere`).MatchString(got) {
		t.Errorf("elsewhere is not translated:\n%s", got)
	}
}

// sendFrom sends a datagram from the host with a source address that is not the host's.
func sendFrom(t *testing.T, r *rig, source, destination string) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	must(t, err)
	defer unix.Close(fd)
	must(t, unix.SetsockoptInt(fd, unix.SOL_IP, unix.IP_TRANSPARENT, 1))
	must(t, unix.SetsockoptInt(fd, unix.SOL_IP, unix.IP_MULTICAST_IF, 0))
	must(t, unix.SetsockoptString(fd, unix.SOL_SOCKET, unix.SO_BINDTODEVICE, map[bool]string{true: "br1", false: "up"}[strings.HasPrefix(destination, "239.")]))
	must(t, unix.Bind(fd, &unix.SockaddrInet4{Addr: netip.MustParseAddr(source).As4()}))
	must(t, unix.Sendto(fd, []byte("x"), 0, &unix.SockaddrInet4{Port: 7000, Addr: netip.MustParseAddr(destination).As4()}))
}

func TestLateCleanUpLeavesTheAddressToItsNewHolder(t *testing.T) {
	r := newRig(t)
	old, young := r.container("old"), r.container("young")
	config := []byte(`{"cniVersion":"1.1.0","name":"net1","type":"bridge","bridge":"br1","isDefaultGateway":true,"ipMasq":true,
		"ipam":{"type":"static","addresses":[{"address":"10.1.0.2/24"}]}}`)
	was := r.attach(1, old, config)
	must(t, r.host.DeleteLink(t.Context(), r.link(r.host, old.hostIfName).Index)) // the container died; its DEL comes late
	now := r.attach(1, young, config)
	r.detach(1, old, config, was)
	r.detach(1, old, config, nil)
	outside := r.outside()
	echoSource(t, outside, "192.0.2.2")
	if got := ask(t, young.ns.Do, "192.0.2.2", 5*time.Second); got != "192.0.2.1" {
		t.Errorf("after the clean-up of another container the packet came from %q", got)
	}
	inv := r.on(1, young, config)
	inv.PrevResult = plugin.NewResult(now)
	must(t, bridge.New().Check(t.Context(), inv))
}

func TestRemovalByIdentityAlone(t *testing.T) {
	r := newRig(t)
	a, b := r.container("c1"), r.container("c2")
	config := r.onNetwork(1, `"ipMasq":true,"macspoofchk":true`)
	r.attach(1, a, config)
	want := rules(t, "inet", "libcni")
	wantBridge := rules(t, "bridge", "libcni")
	r.attach(1, b, config)
	must(t, r.host.DeleteLink(t.Context(), r.link(r.host, b.hostIfName).Index))
	gone := &container{id: "c2"} // no namespace, no link, no name, no result
	for range 2 {
		r.detach(1, gone, config, nil)
		r.same("inet", want, rules(t, "inet", "libcni"))
		r.same("bridge", wantBridge, rules(t, "bridge", "libcni"))
	}
}

func TestFailedAddLeavesNoRules(t *testing.T) {
	r := newRig(t)
	a, b := r.container("c1"), r.container("c2")
	config := r.onNetwork(1, `"ipMasq":true,"macspoofchk":true`)
	r.attach(1, a, config)
	want := rules(t, "inet", "libcni") + rules(t, "bridge", "libcni")
	// A route that cannot be added makes the ADD fail after the rules were made.
	broken := strings.Replace(string(config), `"ipam":{`, `"ipam":{"routes":[{"dst":"10.77.0.0/16","gw":"172.31.0.1"}],`, 1)
	if _, err := bridge.New().Add(t.Context(), r.on(1, b, []byte(broken))); err == nil {
		t.Fatal("a route through nowhere was added")
	}
	r.same("rules", want, rules(t, "inet", "libcni")+rules(t, "bridge", "libcni"))
}

func TestGCOfRules(t *testing.T) {
	r := newRig(t)
	config := r.onNetwork(1, `"ipMasq":true,"macspoofchk":true`)
	a := r.container("c1")
	r.attach(1, a, config)
	other := r.container("n2")
	r.attach(2, other, r.onNetwork(2, `"ipMasq":true,"macspoofchk":true`))
	want := rules(t, "inet", "libcni") + rules(t, "bridge", "libcni")
	for _, id := range []string{"c2", "c3"} {
		r.attach(1, r.container(id), config)
	}
	inv := r.on(1, &container{}, config)
	inv.ValidAttachments = []plugin.AttachmentID{{ContainerID: "c1", IfName: "eth0"}}
	must(t, bridge.New().GC(t.Context(), inv))
	r.same("rules", want, rules(t, "inet", "libcni")+rules(t, "bridge", "libcni"))
	inv.ValidAttachments = nil
	must(t, bridge.New().GC(t.Context(), inv))
	r.same("after the GC of all: sets of network 1", "", strings.Join(regexp.MustCompile(`masquerade.-`+hash("net1")).FindAllString(rules(t, "inet", "libcni"), -1), " "))
}

func hash(network string) string {
	out := regexp.MustCompile(`^[0-9a-f]{16}`).FindString(ownerComment(network))
	return out
}

func ownerComment(network string) string { return nft.Owner{Network: network}.Comment() }
