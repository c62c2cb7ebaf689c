package bridge_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"

	types100 "github.com/containernetworking/cni/pkg/types/100"

	"github.com/libcni/libcni/core/internal/builtin/bridge"
	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/host/netns/netnstest"
	"github.com/libcni/libcni/core/internal/host/rtnl"
	"github.com/libcni/libcni/core/internal/host/rtnl/rtnltest"
	"github.com/libcni/libcni/core/internal/host/sysctl"
	"github.com/libcni/libcni/core/internal/kit"
	"github.com/libcni/libcni/core/internal/kit/kittest"
	"github.com/libcni/libcni/core/plugin"
)

func TestAddMakesTheNetwork(t *testing.T) {
	r := newRig(t)
	c := r.container("c1")
	result := r.mustAdd(c, r.config(`"isDefaultGateway":true,"hairpinMode":true,"portIsolation":true,
		"dns":{"nameservers":["10.9.0.1"]},`+hostLocal))
	kittest.Same(r.T, "state", `host:
br0 bridge mtu 1500 up
  address 10.9.0.1/24
  address fd09::1/64
vethc1 veth mtu 1500 up master br0 hairpin isolated
container:
eth0 veth mtu 1500 up
  address 10.9.0.2/24
  address fd09::2/64
  route 0.0.0.0/0 via 10.9.0.1
  route 10.8.0.0/16 via 10.9.0.1 mtu 1300
  route fd08::/32 via fd09::1
  route ::/0 via fd09::1
leases: [10.9.0.2 fd09::2]
`, r.dumps(c))
	text, err := json.Marshal(result)
	kittest.Must(t, err)
	mac := func(conn *rtnl.Conn, name string) string { return r.Link(conn, name).MAC.String() }
	kittest.Same(r.T, "result",
		fmt.Sprintf(`{"cniVersion":"1.1.0","dns":{"nameservers":["10.9.0.1"]},`+
			`"interfaces":[{"mac":"%s","mtu":1500,"name":"br0"},{"mac":"%s","mtu":1500,"name":"vethc1"},{"mac":"%s","mtu":1500,"name":"eth0","sandbox":"%s"}],`+
			`"ips":[{"address":"10.9.0.2/24","gateway":"10.9.0.1","interface":2},{"address":"fd09::2/64","gateway":"fd09::1","interface":2}],`+
			`"routes":[{"dst":"10.8.0.0/16","mtu":1300},{"dst":"fd08::/32"},{"dst":"0.0.0.0/0","gw":"10.9.0.1"},{"dst":"::/0","gw":"fd09::1"}]}`,
			mac(r.Conn, "br0"), mac(r.Conn, "vethc1"), mac(c.Conn, "eth0"), c.NS.Path()), string(text))
	kittest.Must(t,
		r.check(c, r.config(`"isDefaultGateway":true,"hairpinMode":true,"portIsolation":true,`+hostLocal),
			result))
}

func TestSysctls(t *testing.T) {
	r := newRig(t)
	c := r.container("c1")
	kittest.Must(t, c.NS.Do(t.Context(), func() error {
		_, err := sysctl.Set("ipv6/conf/all/disable_ipv6", "1")
		return err
	}))
	r.mustAdd(c, r.config(`"isGateway":true,`+hostLocal))
	compare := func(want map[string]string) error {
		for key, value := range want {
			if got, err := sysctl.Get(key); err != nil || got != value {
				t.Errorf("%s: %q, %v; want %q", key, got, err, value)
			}
		}
		return nil
	}
	kittest.Must(t, compare(map[string]string{"ipv4/ip_forward": "1", "ipv6/conf/all/forwarding": "1",
		"ipv6/conf/br0/accept_ra": "0", "ipv6/conf/vethc1/accept_ra": "0"}))
	kittest.Must(t, c.NS.Do(t.Context(), func() error {
		return compare(
			map[string]string{"ipv6/conf/lo/disable_ipv6": "0", "ipv6/conf/eth0/disable_ipv6": "0",
				"ipv6/conf/eth0/keep_addr_on_down": "1", "ipv6/conf/eth0/accept_dad": "0",
				"ipv4/conf/eth0/arp_notify":   "1",
				"ipv6/conf/eth0/ndisc_notify": "1"})
	}))
}

func TestMACIsTheOneAskedFor(t *testing.T) {
	r := newRig(t)
	c := r.container("c1")
	result := r.mustAdd(c, r.config(`"runtimeConfig":{"mac":"02:11:22:33:44:55"}`))
	if got := r.Link(c.Conn, "eth0").MAC.String(); got != "02:11:22:33:44:55" ||
		result.Interfaces[2].Mac != got {
		t.Errorf("interface has %s, result says %s", got, result.Interfaces[2].Mac)
	}
}

func TestInterfaceWithoutAddresses(t *testing.T) {
	for _, test := range []struct{ name, config, want string }{
		{"up", `"mtu":1400`, "eth0 veth mtu 1400 up\n"},
		{"left down", `"mtu":1400,"disableContainerInterface":true`, "eth0 veth mtu 1400\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(t)
			c := r.container("c1")
			config := r.config(test.config)
			result := r.mustAdd(c, config)
			kittest.Same(r.T, "container", test.want, rtnltest.Dump(t, c.Conn))
			kittest.Same(r.T, "host", "br0 bridge mtu 1400 up\nvethc1 veth mtu 1400 up master br0\n",
				rtnltest.Dump(t, r.Conn))
			if len(result.IPs) != 0 || len(r.Delegated) != 0 {
				t.Errorf("addresses %v, asked %v", result.IPs, r.Delegated)
			}
			kittest.Must(t, r.check(c, config, result))
			kittest.Must(t, r.del(c, config))
			kittest.Same(r.T, "after DEL", bridgeOf, rtnltest.Dump(t, r.Conn))
		})
	}
}

func TestMTUIsThatOfTheDefaultRoute(t *testing.T) {
	r := newRig(t)
	r.uplink(1380)
	a, b := r.container("c1"), r.container("c2")
	result := r.mustAdd(a, r.config(hostLocal))
	for i, link := range result.Interfaces {
		if link.Mtu != 1380 {
			t.Errorf("interface %d of the result has mtu %d", i, link.Mtu)
		}
	}
	kittest.Same(r.T, "container", "eth0 veth mtu 1380 up",
		strings.SplitN(rtnltest.Dump(t, a.Conn), "\n", 2)[0])
	// Now the bridge is empty, and has the kernel's 1500.
	kittest.Must(t, r.del(a, r.config(hostLocal)))
	if result = r.mustAdd(a, r.config(hostLocal)); result.Interfaces[2].Mtu != 1380 {
		t.Errorf("on the empty bridge: %d", result.Interfaces[2].Mtu)
	}
	if result = r.mustAdd(b, r.config(`"mtu":1300,`+hostLocal)); result.Interfaces[2].Mtu != 1300 {
		t.Errorf("configured 1300, got %d", result.Interfaces[2].Mtu)
	}
}

func TestFailedAddLeavesNothing(t *testing.T) {
	for _, test := range []struct {
		name, config, wantErr string
		prepare               func(*rig, *kittest.Container)
		host, container       string
	}{
		{name: "no such address plugin", config: `"ipam":{"type":"none"}`, wantErr: "no plugin none"},
		{name: "addresses exhausted",
			config: `"ipam":{"type":"host-local","dataDir":"DIR","ranges":[[{"subnet":"10.9.0.0/24","rangeStart":"10.9.0.2","rangeEnd":"10.9.0.2"}]]}`,
			prepare: func(r *rig, _ *kittest.Container) {
				other := r.container("other")
				config := r.config(
					`"ipam":{"type":"host-local","dataDir":"DIR","ranges":[[{"subnet":"10.9.0.0/24","rangeStart":"10.9.0.2","rangeEnd":"10.9.0.2"}]]}`)
				inv := r.Invocation(other, config)
				_, err := inv.Delegate(r.T.Context(), plugin.Add, "host-local", config)
				kittest.Must(r.T, err)
			}, wantErr: "host-local"},
		{name: "route that the kernel refuses",
			config:  `"isGateway":true,"ipam":{"type":"host-local","dataDir":"DIR","subnet":"10.9.0.0/24","routes":[{"dst":"10.8.0.0/16","gw":"192.0.2.1"}]}`,
			wantErr: "route 10.8.0.0/16 via 192.0.2.1"},
		{name: "bridge in another network", config: `"isGateway":true,` + hostLocal,
			prepare: func(r *rig, _ *kittest.Container) {
				kittest.Must(r.T, r.Conn.AddBridge(r.T.Context(), rtnl.NewBridge{Name: "br0"}))
				kittest.Must(r.T,
					r.Conn.AddAddress(r.T.Context(), r.Link(r.Conn, "br0").Index,
						rtnl.Address{Prefix: netip.MustParsePrefix("10.7.0.1/24")}))
			}, wantErr: "br0 already has the address 10.7.0.1/24", host: "  address 10.7.0.1/24\n"},
		{name: "address that the gateway has",
			config:  `"isGateway":true,"ipam":{"type":"static","addresses":[{"address":"10.9.0.1/24"}]}`,
			wantErr: "is the gateway address"},
		{name: "interface exists", config: hostLocal,
			prepare: func(_ *rig, c *kittest.Container) {
				kittest.Must(t, c.Conn.AddBridge(t.Context(), rtnl.NewBridge{Name: "eth0", MTU: 1500}))
			}, wantErr: "the container has an interface eth0 already",
			container: "eth0 bridge mtu 1500 up\n"},
		{name: "address in use on the network",
			config: `"enabledad":true,"ipam":{"type":"static","addresses":[{"address":"fd09::1/64"}]}`,
			prepare: func(r *rig, _ *kittest.Container) {
				kittest.Must(r.T, r.Conn.AddBridge(r.T.Context(), rtnl.NewBridge{Name: "br0"}))
				kittest.Must(r.T,
					r.Conn.AddAddress(r.T.Context(), r.Link(r.Conn, "br0").Index,
						rtnl.Address{Prefix: netip.MustParsePrefix("fd09::1/64"), NoDAD: true}))
			}, wantErr: "in use by another host", host: "  address fd09::1/64\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(t)
			c := r.container("c1")
			if test.prepare != nil {
				test.prepare(r, c)
			}
			before := r.leases()
			_, err := r.add(c, r.config(test.config))
			if err == nil || !strings.Contains(err.Error(), test.wantErr) {
				t.Fatalf("got %v, want %q", err, test.wantErr)
			}
			kittest.Same(r.T, "state",
				fmt.Sprintf("host:\n%s%scontainer:\n%sleases: %v\n", bridgeOf, test.host, test.container,
					before), r.dumps(c))
		})
	}
}

func TestNameOfTheBridgeTaken(t *testing.T) {
	r := newRig(t)
	kittest.Must(t, r.Conn.AddVeth(t.Context(), rtnl.NewVeth{Name: "br0", PeerName: "other"}))
	before := rtnltest.Dump(t, r.Conn)
	_, err := r.add(r.container("c1"), r.config(hostLocal))
	if err == nil || !strings.Contains(err.Error(), "is of kind veth, not a bridge") {
		t.Errorf("got %v", err)
	}
	kittest.Same(r.T, "host", before, rtnltest.Dump(t, r.Conn))
}

func TestHostNameTaken(t *testing.T) {
	r := newRig(t)
	c := r.container("c1")
	kittest.Must(t, r.Conn.AddVeth(t.Context(), rtnl.NewVeth{Name: c.HostIfName, PeerName: "other"}))
	_, err := r.add(c, r.config(hostLocal))
	var f *fault.Error
	if !errors.As(err, &f) || f.Kind != fault.KindExists {
		t.Errorf("got %v", err)
	}
	r.Link(r.Conn, c.HostIfName) // and it is still there
}

func TestForceAddressReplacesTheBridgesAddress(t *testing.T) {
	r := newRig(t)
	kittest.Must(t, r.Conn.AddBridge(t.Context(), rtnl.NewBridge{Name: "br0"}))
	kittest.Must(t,
		r.Conn.AddAddress(t.Context(), r.Link(r.Conn, "br0").Index,
			rtnl.Address{Prefix: netip.MustParsePrefix("10.7.0.1/24")}))
	r.mustAdd(r.container("c1"),
		r.config(
			`"isGateway":true,"forceAddress":true,"ipam":{"type":"host-local","dataDir":"DIR","subnet":"10.9.0.0/24"}`))
	kittest.Same(r.T, "host", bridgeOf+"  address 10.9.0.1/24\nvethc1 veth mtu 1500 up master br0\n",
		rtnltest.Dump(t, r.Conn))
}

func TestBridgeKeepsItsMAC(t *testing.T) {
	for _, own := range []bool{true, false} {
		t.Run(fmt.Sprintf("made by us %v", own), func(t *testing.T) {
			r := newRig(t)
			if !own {
				kittest.Must(t, r.Conn.AddBridge(t.Context(), rtnl.NewBridge{Name: "br0"}))
			}
			config := r.config(
				`"isGateway":true,"ipam":{"type":"host-local","dataDir":"DIR","subnet":"10.9.0.0/24"}`)
			result := r.mustAdd(r.container("c1"), config)
			// A port with the lowest address there is, from which a bridge without one of its own takes it.
			kittest.Must(t,
				r.Conn.AddVeth(t.Context(),
					rtnl.NewVeth{Name: "low", PeerName: "low1", Master: r.Link(r.Conn, "br0").Index,
						MAC: net.HardwareAddr{2, 0, 0, 0, 0, 0}}))
			if got := r.Link(r.Conn, "br0").MAC.String(); got != result.Interfaces[0].Mac {
				t.Errorf("changed from %s to %s", result.Interfaces[0].Mac, got)
			}
		})
	}
}

func TestHostKeepsItsAdvertisedRoute(t *testing.T) {
	r := newRig(t)
	for _, name := range []string{"uplink", "other"} {
		kittest.Must(t,
			r.Conn.AddVeth(t.Context(), rtnl.NewVeth{Name: name, PeerName: name + "1", Up: true}))
		kittest.Must(t,
			r.Conn.SetLink(t.Context(), r.Link(r.Conn, name+"1").Index, rtnl.Change{Up: true}))
	}
	const byAdvertisement = 9 // RTPROT_RA
	uplink := r.Link(r.Conn, "uplink").Index
	kittest.Must(t,
		r.Conn.AddAddress(t.Context(), uplink,
			rtnl.Address{Prefix: netip.MustParsePrefix("2001:db8:1::2/64"), NoDAD: true}))
	kittest.Must(t,
		r.Conn.AddRoute(t.Context(), rtnl.Route{Dst: netip.MustParsePrefix("::/0"), Link: uplink,
			Gateway: netip.MustParseAddr("2001:db8:1::1"), Protocol: byAdvertisement}))
	r.mustAdd(r.container("c1"), r.config(`"isGateway":true,`+hostLocal))
	for link, want := range map[string]string{"uplink": "2", "other": "1"} {
		if got, err := sysctl.Get(sysctl.Link("ipv6", link, "accept_ra")); err != nil || got != want {
			t.Errorf("accept_ra of %s: %q, %v; want %s", link, got, err, want)
		}
	}
}

func TestFullBridgeIsSaidToBeFull(t *testing.T) {
	r := newRig(t)
	kittest.Must(t, r.Conn.AddBridge(t.Context(), rtnl.NewBridge{Name: "br0"}))
	br0 := r.Link(r.Conn, "br0").Index
	sink := netnstest.Open(t, netnstest.New(t))
	for i := range 1023 {
		kittest.Must(t,
			r.Conn.AddVeth(t.Context(),
				rtnl.NewVeth{
					Name: fmt.Sprint("p", i), Master: br0, PeerName: fmt.Sprint("q", i), PeerNamespace: sink,
				}))
	}
	c := r.container("c1")
	_, err := r.add(c, r.config(hostLocal))
	if !errors.Is(err, rtnl.ErrBridgeFull) || !strings.Contains(err.Error(), "bridge br0 is full") {
		t.Errorf("got %v", err)
	}
	if got := rtnltest.Dump(t, c.Conn); got != "" {
		t.Errorf("left in the container:\n%s", got)
	}
}

func TestConcurrentCallsShareOneBridge(t *testing.T) {
	const calls = 8
	hostPath := netnstest.New(t)
	shared := onHost(t, &kittest.Host{T: t, StateDir: t.TempDir()})
	config := shared.config(`"isGateway":true,` + hostLocal)
	var wg sync.WaitGroup
	for i := range calls {
		host := netnstest.Open(t, hostPath) // each call has a thread of its own in the host's namespace
		own := onHost(t, &kittest.Host{T: t, StateDir: shared.StateDir})
		own.leaseDir = shared.leaseDir
		c := own.container(fmt.Sprint(i))
		wg.Go(func() {
			if err := host.Do(t.Context(), func() error {
				_, err := own.add(c, config)
				return err
			}); err != nil {
				t.Errorf("call %d: %v", i, err)
			}
		})
	}
	wg.Wait()
	host := netnstest.Open(t, hostPath)
	s := rtnl.NewSession(host, nil)
	defer s.Close()
	conn, err := s.Container(t.Context())
	kittest.Must(t, err)
	want := bridgeOf + "  address 10.9.0.1/24\n  address fd09::1/64\n"
	for i := range calls {
		want += fmt.Sprintf("veth%d veth mtu 1500 up master br0\n", i)
	}
	kittest.Same(t, "host", want, rtnltest.Dump(t, conn))
}

func TestWarmAddTakesFewRequests(t *testing.T) {
	r := newRig(t)
	config := r.config(
		`"isDefaultGateway":true,"ipam":{"type":"host-local","dataDir":"DIR","subnet":"10.9.0.0/24"}`)
	r.mustAdd(r.container("c1"), config)
	inv := r.Invocation(r.container("c2"), config)
	_, err := bridge.New().Add(t.Context(), inv)
	kittest.Must(t, err)
	host, err := kit.Host(t.Context(), inv)
	kittest.Must(t, err)
	inside, err := kit.Container(t.Context(), inv)
	kittest.Must(t, err)
	// Host: look up the bridge, the default route (two families), create the pair, look up the port,
	// the addresses of the bridge (two families), the port's state (twice when it does not forward
	// yet, and once more for an event or two), the bridge again. Container: up, address, route,
	// announcement.
	if host.Requests() > 13 || inside.Requests() != 4 {
		t.Errorf("%d requests to the host's namespace, %d to the container's", host.Requests(),
			inside.Requests())
	}
}

func TestResultIsOfTheNewestVersion(t *testing.T) {
	r := newRig(t)
	if got := r.mustAdd(r.container("c1"),
		r.config(hostLocal)).CNIVersion; got != types100.ImplementedSpecVersion {
		t.Errorf("got %s", got)
	}
}
