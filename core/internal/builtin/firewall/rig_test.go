package firewall

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	types100 "github.com/containernetworking/cni/pkg/types/100"
	"github.com/google/go-cmp/cmp"

	"github.com/libcni/libcni/core/internal/builtin/bridge"
	"github.com/libcni/libcni/core/internal/builtin/portmap"
	"github.com/libcni/libcni/core/internal/builtin/static"
	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/host/netns"
	"github.com/libcni/libcni/core/internal/host/netns/netnstest"
	"github.com/libcni/libcni/core/internal/host/rtnl"
	"github.com/libcni/libcni/core/internal/host/spawn"
	"github.com/libcni/libcni/core/internal/host/sysctl"
	"github.com/libcni/libcni/core/internal/kit"
	"github.com/libcni/libcni/core/plugin"
)

// rig is a host of the test's own between an outside, which has 192.0.2.9 and fd00:ff::9, and containers. The host has
// 192.0.2.1 and fd00:ff::1 there.
type rig struct {
	t        *testing.T
	state    string
	bus      string
	host     *rtnl.Conn
	outside  *netns.Namespace
	warnings []string
	repaired []string
}

// container is an attachment to a network.
type container struct {
	network, id string
	ns          *netns.Namespace
	number      int
	result      *plugin.Result
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
	r := &rig{t: t, state: t.TempDir(), bus: t.TempDir() + "/bus", host: host, outside: netnstest.Open(t, netnstest.New(t))}
	must(t, host.AddVeth(t.Context(), rtnl.NewVeth{Name: "out0", Up: true, PeerName: "eth0", PeerNamespace: r.outside}))
	out := rtnl.NewSession(r.outside, nil)
	t.Cleanup(out.Close)
	there, err := out.Container(t.Context())
	must(t, err)
	r.address(host, "out0", "192.0.2.1/24", "fd00:ff::1/64")
	r.address(there, "eth0", "192.0.2.9/24", "fd00:ff::9/64")
	for dst, gateway := range map[string]string{"0.0.0.0/0": "192.0.2.1", "::/0": "fd00:ff::1"} {
		must(t, there.AddRoute(t.Context(), rtnl.Route{Dst: netip.MustParsePrefix(dst), Gateway: netip.MustParseAddr(gateway)}))
	}
	for _, key := range []string{"ipv4/ip_forward", "ipv6/conf/all/forwarding"} {
		_, err := sysctl.Set(key, "1")
		must(t, err)
	}
	return r
}

func (r *rig) address(c *rtnl.Conn, link string, addresses ...string) {
	r.t.Helper()
	l, err := c.LinkByName(r.t.Context(), link)
	must(r.t, err)
	must(r.t, c.SetLink(r.t.Context(), l.Index, rtnl.Change{Up: true}))
	for _, a := range addresses {
		must(r.t, c.AddAddress(r.t.Context(), l.Index, rtnl.Address{Prefix: netip.MustParsePrefix(a), NoDAD: true}))
	}
}

// bridgeNetfilter says whether bridged packets pass the host's forwarding, on a kernel that can make them.
func (r *rig) bridgeNetfilter(value string) {
	r.t.Helper()
	for _, key := range []string{"bridge/bridge-nf-call-iptables", "bridge/bridge-nf-call-ip6tables"} {
		if _, err := sysctl.Set(key, value); value == "1" && errors.Is(err, fs.ErrNotExist) {
			r.t.Skip("the kernel lacks br_netfilter")
		} else if !errors.Is(err, fs.ErrNotExist) {
			must(r.t, err)
		}
	}
}

// ips are a container's addresses: 10.NETWORK.0.NUMBER and fd00:NETWORK::NUMBER.
func ips(network string, number int) (four, six string) {
	n := int(network[0] - 'a' + 1)
	return fmt.Sprintf("10.%d.0.%d", n, number), fmt.Sprintf("fd00:%d::%x", n, number)
}

// container attaches a container to the bridge of a network, and no more than that.
func (r *rig) container(network string, number int) *container {
	r.t.Helper()
	c := &container{network: network, id: fmt.Sprintf("c%d", number), number: number, ns: netnstest.Open(r.t, netnstest.New(r.t))}
	four, six := ips(network, number)
	gateway4, gateway6 := ips(network, 1)
	config := fmt.Sprintf(`{"cniVersion":"1.1.0","name":%q,"type":"bridge","bridge":%q,"isGateway":true,"ipam":{"type":"static",
		"addresses":[{"address":"%s/24","gateway":%q},{"address":"%s/64","gateway":%q}],"routes":[{"dst":"0.0.0.0/0"},{"dst":"::/0"}]}}`,
		network, "br"+network, four, gateway4, six, gateway6)
	result, err := bridge.New().Add(r.t.Context(), r.invocation(c, []byte(config)))
	must(r.t, err)
	c.result = result
	return c
}

// paper is a container that is nothing but a result.
func paper(network string, number int) *container {
	four, six := ips(network, number)
	c := &container{network: network, id: fmt.Sprintf("c%d", number), number: number}
	c.result = plugin.NewResult(&types100.Result{
		Interfaces: []*types100.Interface{{Name: "br" + network}, {Name: fmt.Sprintf("v%s%d", network, number)}, {Name: "eth0", Sandbox: "/no/such"}},
		IPs: []*types100.IPConfig{
			{Address: net.IPNet{IP: net.ParseIP(four), Mask: net.CIDRMask(24, 32)}},
			{Address: net.IPNet{IP: net.ParseIP(six), Mask: net.CIDRMask(64, 128)}},
		},
	})
	return c
}

func (r *rig) invocation(c *container, config []byte) *plugin.Invocation {
	inv := &plugin.Invocation{Network: c.network, ContainerID: c.id, IfName: "eth0", CNIVersion: "1.1.0", Config: config,
		HostIfName: "v" + c.id + c.network, StateDir: r.state, PrevResult: c.result,
		Warnings: func(msg string) { r.warnings = append(r.warnings, msg) },
		Repaired: func(object string) { r.repaired = append(r.repaired, object) }}
	if c.ns != nil {
		inv.Netns, inv.NetnsPath = c.ns, c.ns.Path()
	}
	links := rtnl.NewSession(c.ns, nil)
	r.t.Cleanup(links.Close)
	inv.Lent = &kit.Lent{Links: links, Start: spawn.ForkExec}
	inv.Delegate = func(ctx context.Context, _, _ string, config []byte) (*plugin.Result, error) {
		inner := *inv
		inner.Config = config
		return static.New().Add(ctx, &inner)
	}
	return inv
}

// written is a configuration with further members.
func written(members string) []byte {
	if members != "" {
		members = "," + members
	}
	return []byte(`{"cniVersion":"1.1.0","name":"net","type":"firewall"` + members + `}`)
}

func (r *rig) plugin() firewall { return firewall{bus: r.bus} }

func (r *rig) add(c *container, members string) {
	r.t.Helper()
	result, err := r.plugin().Add(r.t.Context(), r.invocation(c, written(members)))
	must(r.t, err)
	if result != c.result {
		r.t.Error("the result is not that of the plugin before")
	}
}

func (r *rig) del(c *container, members string) {
	r.t.Helper()
	must(r.t, r.plugin().Del(r.t.Context(), r.invocation(c, written(members))))
}

// forgotten is a container of which nothing is known but its name.
func (c *container) forgotten() *container { return &container{network: c.network, id: c.id} }

func (r *rig) drift(c *container, members string) []string {
	r.t.Helper()
	return lines(r.t, r.plugin().Check(r.t.Context(), r.invocation(c, written(members))))
}

func lines(t *testing.T, err error) []string {
	t.Helper()
	var f *fault.Error
	if err == nil {
		return nil
	}
	if !errors.As(err, &f) || f.Kind != fault.KindDrift {
		t.Fatal(err)
	}
	var all []string
	for _, d := range f.Drift {
		all = append(all, fmt.Sprintf("%s: %s: %s, not %s", d.Plugin, d.Object, d.Actual, d.Expected))
	}
	return all
}

func (r *rig) repair(c *container, members string) []string {
	r.t.Helper()
	r.repaired = nil
	must(r.t, r.plugin().Repair(r.t.Context(), r.invocation(c, written(members))))
	return r.repaired
}

// publish makes port 80 of the host lead to port 7000 of the container.
func (r *rig) publish(c *container) {
	r.t.Helper()
	config := `{"cniVersion":"1.1.0","name":"net","type":"portmap","runtimeConfig":{"portMappings":[
		{"hostPort":80,"containerPort":7000,"protocol":"tcp"},{"hostPort":80,"containerPort":7000,"protocol":"udp"}]}}`
	_, err := portmap.New().Add(r.t.Context(), r.invocation(c, []byte(config)))
	must(r.t, err)
}

func (r *rig) same(what string, want, got any) {
	r.t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		r.t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func (r *rig) run(name string, arguments ...string) string {
	r.t.Helper()
	return r.feed("", name, arguments...)
}

func (r *rig) feed(stdin, name string, arguments ...string) string {
	r.t.Helper()
	cmd := exec.Command(name, arguments...)
	cmd.Stdin = strings.NewReader(stdin)
	var complaint strings.Builder
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		r.t.Fatalf("%s %v: %v: %s", name, arguments, err, complaint.String())
	}
	return string(out)
}

// ruleset is all that nft knows, without counts.
func (r *rig) ruleset() string { r.t.Helper(); return r.run("nft", "-s", "list", "ruleset") }

// listing is a table of libcni, "" for none.
func (r *rig) listing(family string) string {
	r.t.Helper()
	if !strings.Contains(r.run("nft", "list", "tables", family), "table "+family+" libcni") {
		return ""
	}
	return r.run("nft", "-s", "list", "table", family, "libcni")
}

// saved is what a program of the kind iptables-save prints, without counts and times.
func (r *rig) saved(program string) string {
	r.t.Helper()
	text := regexp.MustCompile(`\[\d+:\d+\]`).ReplaceAllString(r.run(program), "[0:0]")
	return regexp.MustCompile(`(?m)^#.*\n`).ReplaceAllString(text, "")
}

const patience = 3 * time.Second

// serve answers every datagram and connection to port 7000 of a namespace with a word.
func (r *rig) serve(ns *netns.Namespace, word string) {
	r.t.Helper()
	must(r.t, ns.Do(r.t.Context(), func() error {
		packets, err := net.ListenPacket("udp", ":7000")
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
				_, _ = packets.WriteTo([]byte(word), from)
			}
		}()
		connections, err := net.Listen("tcp", ":7000")
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
				_, _ = conn.Write([]byte(word))
				conn.Close()
			}
		}()
		return nil
	}))
}

// ask sends to an address from a namespace and returns the answer; "" if there is none, at once or in time.
func (r *rig) ask(ns *netns.Namespace, network, address string, wait time.Duration) string {
	r.t.Helper()
	answer := ""
	must(r.t, ns.Do(r.t.Context(), func() error {
		conn, err := net.DialTimeout(network, address, wait)
		if os.IsTimeout(err) || errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.EHOSTUNREACH) || errors.Is(err, syscall.EACCES) {
			return nil
		} else if err != nil {
			return err
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(wait))
		if _, err := conn.Write([]byte("?")); err != nil {
			return nil
		}
		buf := make([]byte, 100)
		n, _ := conn.Read(buf)
		answer = string(buf[:n])
		return nil
	}))
	return answer
}

// way is one thing to try.
type way struct {
	name string
	from *netns.Namespace
	to   string // address with port
	want string // "" for no answer
}

func (r *rig) try(ways ...way) {
	r.t.Helper()
	for _, w := range ways {
		wait := patience
		if w.want == "" {
			wait = 150 * time.Millisecond
		}
		for _, network := range []string{"tcp", "udp"} {
			if got := r.ask(w.from, network, w.to, wait); got != w.want {
				r.t.Errorf("%s, %s to %s: %q, want %q", w.name, network, w.to, got, w.want)
			}
		}
	}
}

// at joins an address and the port of serve.
func at(address string) string { return net.JoinHostPort(address, "7000") }
