package portmap_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/libcni/libcni/core/internal/builtin/bridge"
	"github.com/libcni/libcni/core/internal/builtin/portmap"
	"github.com/libcni/libcni/core/internal/builtin/static"
	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/host/netns"
	"github.com/libcni/libcni/core/internal/host/netns/netnstest"
	"github.com/libcni/libcni/core/internal/host/nft"
	"github.com/libcni/libcni/core/internal/host/rtnl"
	"github.com/libcni/libcni/core/internal/host/spawn"
	"github.com/libcni/libcni/core/internal/host/sysctl"
	"github.com/libcni/libcni/core/internal/kit"
	"github.com/libcni/libcni/core/plugin"
)

// rig is a host of the test's own between an outside, which has 192.0.2.9 and fd00:9::9, and containers. The host has
// 192.0.2.1 and fd00:9::1 there.
type rig struct {
	t        *testing.T
	state    string
	host     *rtnl.Conn
	outside  *node
	warnings []string
}

// node is a network namespace; without one, the host.
type node struct{ ns *netns.Namespace }

func (n *node) do(t *testing.T, fn func() error) error {
	if n == nil || n.ns == nil {
		return fn()
	}
	return n.ns.Do(t.Context(), fn)
}

// container is an attachment to one network.
type container struct {
	node
	network, id, ifName string
	bridge              string
	addresses           []string // with prefix lengths
	result              *plugin.Result
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newRig(t *testing.T) *rig {
	t.Helper()
	netnstest.Host(t)
	s := rtnl.NewSession(nil, nil)
	t.Cleanup(s.Close)
	host, err := s.Host(t.Context())
	must(t, err)
	r := &rig{t: t, state: t.TempDir(), host: host}
	r.outside = &node{netnstest.Open(t, netnstest.New(t))}
	must(t, host.AddVeth(t.Context(), rtnl.NewVeth{Name: "out0", Up: true, PeerName: "eth0", PeerNamespace: r.outside.ns}))
	out := rtnl.NewSession(r.outside.ns, nil)
	t.Cleanup(out.Close)
	there, err := out.Container(t.Context())
	must(t, err)
	r.addresses(host, "out0", "192.0.2.1/24", "fd00:9::1/64")
	r.addresses(there, "eth0", "192.0.2.9/24", "fd00:9::9/64")
	for _, dst := range []string{"0.0.0.0/0", "::/0"} {
		gateway := map[string]string{"0.0.0.0/0": "192.0.2.1", "::/0": "fd00:9::1"}[dst]
		must(t, there.AddRoute(t.Context(), rtnl.Route{Dst: netip.MustParsePrefix(dst), Gateway: netip.MustParseAddr(gateway)}))
	}
	for _, key := range []string{"ipv4/ip_forward", "ipv6/conf/all/forwarding"} {
		_, err := sysctl.Set(key, "1")
		must(t, err)
	}
	return r
}

func (r *rig) addresses(c *rtnl.Conn, link string, addresses ...string) {
	r.t.Helper()
	l, err := c.LinkByName(r.t.Context(), link)
	must(r.t, err)
	must(r.t, c.SetLink(r.t.Context(), l.Index, rtnl.Change{Up: true}))
	for _, a := range addresses {
		prefix := netip.MustParsePrefix(a)
		must(r.t, c.AddAddress(r.t.Context(), l.Index, rtnl.Address{Prefix: prefix, NoDAD: true}))
		r.awaitLocal(c, prefix.Addr())
	}
}

// awaitLocal waits until the kernel routes an address to itself: for IPv6 it answers before a worker has seen to that.
func (r *rig) awaitLocal(c *rtnl.Conn, address netip.Addr) {
	r.t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		if way, err := c.RouteGet(r.t.Context(), address); err == nil && way.Local {
			return
		} else if time.Now().After(end) {
			r.t.Fatalf("%s does not become local: %v", address, err)
		}
	}
}

// container attaches a container to the bridge of a network, whose number is in its addresses: 10.NETWORK.0.NUMBER and
// fd00:NETWORK::NUMBER.
func (r *rig) container(network string, number int) *container {
	r.t.Helper()
	return r.join(&container{node: node{netnstest.Open(r.t, netnstest.New(r.t))}, id: fmt.Sprintf("c%d", number), ifName: "eth0"}, network, number)
}

func (r *rig) join(c *container, network string, number int) *container {
	r.t.Helper()
	n := map[string]int{"a": 1, "b": 2}[network]
	c.network, c.bridge = network, "br"+network
	c.addresses = []string{fmt.Sprintf("10.%d.0.%d/24", n, number), fmt.Sprintf("fd00:%d::%x/64", n, number)}
	config := fmt.Sprintf(`{"cniVersion":"1.1.0","name":%q,"type":"bridge","bridge":%q,"isGateway":true,"ipam":{"type":"static",
		"addresses":[{"address":%q,"gateway":"10.%d.0.1"},{"address":%q,"gateway":"fd00:%d::1"}],"routes":[{"dst":"0.0.0.0/0"},{"dst":"::/0"}]}}`,
		network, c.bridge, c.addresses[0], n, c.addresses[1], n)
	result, err := bridge.New().Add(r.t.Context(), r.invocation(c, []byte(config)))
	must(r.t, err)
	c.result = result
	return c
}

func (r *rig) invocation(c *container, config []byte) *plugin.Invocation {
	inv := &plugin.Invocation{Network: c.network, ContainerID: c.id, IfName: c.ifName, CNIVersion: "1.1.0", Config: config,
		HostIfName: "v" + c.id + c.network + c.ifName[3:], StateDir: r.state, PrevResult: c.result,
		Warnings: func(msg string) { r.warnings = append(r.warnings, msg) }}
	if c.ns != nil {
		inv.Netns, inv.NetnsPath = c.ns, c.ns.Path()
	}
	links := rtnl.NewSession(c.ns, nil)
	r.t.Cleanup(links.Close)
	inv.Lent = &kit.Lent{Links: links, Start: spawn.ForkExec}
	inv.Delegate = func(ctx context.Context, command, pluginType string, config []byte) (*plugin.Result, error) {
		if pluginType != "static" || command != plugin.Add {
			return nil, fmt.Errorf("asked for %s of %s", command, pluginType)
		}
		inner := *inv
		inner.Config = config
		return static.New().Add(ctx, &inner)
	}
	return inv
}

// config writes a configuration with mappings in JSON, and further members.
func config(mappings string, members ...string) []byte {
	return []byte(`{"cniVersion":"1.1.0","type":"portmap",` + strings.Join(append(members, ""), ",") + `"runtimeConfig":{"portMappings":[` + mappings + `]}}`)
}

func (r *rig) add(c *container, config []byte) error {
	result, err := portmap.New().Add(r.t.Context(), r.invocation(c, config))
	if err == nil && result != c.result {
		r.t.Error("the result is not that of the plugin before")
	}
	return err
}

func (r *rig) mustAdd(c *container, config []byte) {
	r.t.Helper()
	must(r.t, r.add(c, config))
}

func (r *rig) del(c *container, config []byte) error {
	return portmap.New().Del(r.t.Context(), r.invocation(c, config))
}

func (r *rig) drift(c *container, config []byte) []string {
	r.t.Helper()
	err := portmap.New().Check(r.t.Context(), r.invocation(c, config))
	var f *fault.Error
	if err == nil {
		return nil
	}
	if !errors.As(err, &f) || f.Kind != fault.KindDrift {
		r.t.Fatal(err)
	}
	var all []string
	for _, d := range f.Drift {
		all = append(all, d.Object+": "+d.Actual+", not "+d.Expected)
	}
	return all
}

// elements lists what the table has of attachments: set, and comment.
func (r *rig) elements() []string {
	r.t.Helper()
	var all []string
	must(r.t, nft.View(r.t.Context(), func(v *nft.Reader) error {
		all = nil
		names, err := v.SetNames(nft.Own(nft.Inet))
		if err != nil {
			return err
		}
		for _, name := range names {
			elements, err := v.Elements(nft.Set{Table: nft.Own(nft.Inet), Name: name, Key: []nft.Type{nft.InetProto, nft.InetService}})
			if err != nil {
				return err
			}
			for _, e := range elements {
				all = append(all, name+" "+nft.DescribeOwner(e.Comment))
			}
		}
		return nil
	}))
	return all
}

func (r *rig) same(what string, want, got any) {
	r.t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		r.t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// listing is the table as nft prints it.
func (r *rig) listing() string {
	r.t.Helper()
	out, err := exec.Command("nft", "list", "table", "inet", "libcni").CombinedOutput()
	if err != nil {
		r.t.Fatalf("nft: %v: %s", err, out)
	}
	return string(out)
}

const patience = 3 * time.Second

// serve answers every datagram and connection to a port of a node with its own word, and who asked.
func (r *rig) serve(n *node, address, word string) {
	r.t.Helper()
	must(r.t, n.do(r.t, func() error {
		packets, err := net.ListenPacket("udp", address)
		if err != nil {
			return err
		}
		r.t.Cleanup(func() { packets.Close() })
		go func() {
			buf := make([]byte, 100)
			for {
				_, from, err := packets.ReadFrom(buf)
				if err != nil {
					return
				}
				_, _ = packets.WriteTo([]byte(word+" "+from.(*net.UDPAddr).IP.String()), from)
			}
		}()
		connections, err := net.Listen("tcp", address)
		if err != nil {
			return err
		}
		r.t.Cleanup(func() { connections.Close() })
		go func() {
			for {
				conn, err := connections.Accept()
				if err != nil {
					return
				}
				_, _ = conn.Write([]byte(word + " " + conn.RemoteAddr().(*net.TCPAddr).IP.String()))
				conn.Close()
			}
		}()
		return nil
	}))
}

// ask sends to an address and returns the answer; "" if there is none, at once or in time.
func (r *rig) ask(n *node, network, address string, wait time.Duration) string {
	r.t.Helper()
	answer := ""
	must(r.t, n.do(r.t, func() error {
		conn, err := net.DialTimeout(network, address, wait)
		if silent(err) {
			return nil
		} else if err != nil {
			return err
		}
		defer conn.Close()
		answer = exchange(conn, wait)
		return nil
	}))
	return answer
}

func exchange(conn net.Conn, wait time.Duration) string {
	_ = conn.SetDeadline(time.Now().Add(wait))
	if _, err := conn.Write([]byte("?")); err != nil {
		return ""
	}
	buf := make([]byte, 100)
	n, _ := conn.Read(buf)
	return string(buf[:n])
}

func silent(err error) bool {
	return os.IsTimeout(err) || errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.EHOSTUNREACH) || errors.Is(err, syscall.ENETUNREACH)
}

// routeLoopback makes a node send what is to 127.0.0.1 to a gateway.
func (r *rig) routeLoopback(n *node, gateway string) {
	r.t.Helper()
	s := rtnl.NewSession(n.ns, nil)
	defer s.Close()
	conn, err := s.Container(r.t.Context())
	must(r.t, err)
	lo, err := conn.LinkByName(r.t.Context(), "lo")
	must(r.t, err)
	must(r.t, conn.RemoveAddress(r.t.Context(), lo.Index, netip.MustParsePrefix("127.0.0.1/8")))
	must(r.t, n.do(r.t, func() error {
		for _, link := range []string{"all", "eth0"} {
			if _, err := sysctl.Set(sysctl.Link("ipv4", link, "route_localnet"), "1"); err != nil {
				return err
			}
		}
		return nil
	}))
	must(r.t, conn.AddRoute(r.t.Context(), rtnl.Route{Dst: netip.MustParsePrefix("127.0.0.0/8"), Gateway: netip.MustParseAddr(gateway)}))
}

func (r *rig) flushChain(name string) {
	r.t.Helper()
	must(r.t, nft.Update(r.t.Context(), r.state, func(tx *nft.Tx) error {
		tx.FlushChain(nft.Chain{Table: nft.Own(nft.Inet), Name: name})
		return nil
	}))
}
