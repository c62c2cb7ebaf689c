package bridge_test

import (
	"context"
	"errors"
	"net"
	"os"
	"testing"
	"time"

	types100 "github.com/containernetworking/cni/pkg/types/100"

	"github.com/libcni/libcni/core/internal/host/rtnl"
)

// withOtherInterface is the result as a later plugin of the chain may leave it.
func withOtherInterface(r *types100.Result) *types100.Result {
	more := *r
	more.Interfaces = append(more.Interfaces, &types100.Interface{Name: "bwp0"}, &types100.Interface{Name: "net1", Sandbox: r.Interfaces[2].Sandbox})
	more.IPs = append(more.IPs, &types100.IPConfig{Interface: types100.Int(4), Address: net.IPNet{IP: net.IPv4(192, 0, 2, 9), Mask: net.CIDRMask(24, 32)}})
	return &more
}

// serve answers every datagram and every connection to address, from inside a container, with its own words.
func serve(t *testing.T, c *container, address, word string) {
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
				n, from, err := packets.ReadFrom(buf)
				if err != nil {
					return
				}
				_, _ = packets.WriteTo([]byte(word+" "+string(buf[:n])), from)
			}
		}()
		connections, err := net.Listen("tcp", net.JoinHostPort(address, "7000"))
		if err != nil {
			return err
		}
		t.Cleanup(func() { connections.Close() })
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

// ask sends a datagram from inside a container and returns the answer, "" if none came in time.
func ask(t *testing.T, do func(context.Context, func() error) error, address string, patience time.Duration) string {
	t.Helper()
	answer := ""
	must(t, do(t.Context(), func() error {
		conn, err := net.Dial("udp", net.JoinHostPort(address, "7000"))
		if err != nil {
			return err
		}
		defer conn.Close()
		if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
			return err
		}
		if _, err := conn.Write([]byte("hello")); err != nil {
			return err
		}
		buf := make([]byte, 100)
		n, err := conn.Read(buf)
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
		answer = string(buf[:n])
		return nil
	}))
	return answer
}

func fetch(t *testing.T, c *container, address string) string {
	t.Helper()
	answer := ""
	must(t, c.ns.Do(t.Context(), func() error {
		conn, err := net.DialTimeout("tcp", net.JoinHostPort(address, "7000"), 5*time.Second)
		if err != nil {
			return err
		}
		defer conn.Close()
		buf := make([]byte, 100)
		n, err := conn.Read(buf)
		answer = string(buf[:n])
		return err
	}))
	return answer
}

func TestContainersReachEachOther(t *testing.T) {
	r := newRig(t)
	a, b := r.container("c1"), r.container("c2")
	r.mustAdd(a, r.config(`"isGateway":true,`+hostLocal))
	r.mustAdd(b, r.config(`"isGateway":true,`+hostLocal))
	for _, address := range []string{"10.9.0.3", "fd09::3"} {
		serve(t, b, address, "b")
		if got := ask(t, a.ns.Do, address, 5*time.Second); got != "b hello" {
			t.Errorf("UDP to %s: %q", address, got)
		}
		if got := fetch(t, a, address); got != "b" {
			t.Errorf("TCP to %s: %q", address, got)
		}
	}
}

func TestIsolatedPortsDoNotReachEachOther(t *testing.T) {
	r := newRig(t)
	a, b := r.container("c1"), r.container("c2")
	config := r.config(`"isGateway":true,"portIsolation":true,` + hostLocal)
	r.mustAdd(a, config)
	r.mustAdd(b, config)
	serve(t, b, "10.9.0.3", "b")
	here := func(_ context.Context, fn func() error) error { return fn() }
	if got := ask(t, here, "10.9.0.3", 5*time.Second); got != "b hello" { // the service is there
		t.Fatalf("from the host: %q", got)
	}
	if got := ask(t, a.ns.Do, "10.9.0.3", 300*time.Millisecond); got != "" {
		t.Errorf("from the other port: %q", got)
	}
}

// TestReusedAddressAnswersAtOnce moves an address from one container to the next while a third knows the first one's
// MAC address. Unannounced, what it sends would go to the first one's for half a minute.
func TestReusedAddressAnswersAtOnce(t *testing.T) {
	const one = `"ipam":{"type":"static","addresses":[{"address":"10.9.0.9/24"},{"address":"fd09::9/64"}]}`
	r := newRig(t)
	client := r.container("client")
	client.hostIfName = "vethx"
	r.mustAdd(client, r.config(`"ipam":{"type":"static","addresses":[{"address":"10.9.0.8/24"},{"address":"fd09::8/64"}]}`))
	for _, name := range []string{"c1", "c2", "c3"} {
		c := r.container(name)
		r.mustAdd(c, r.config(one))
		for _, address := range []string{"10.9.0.9", "fd09::9"} {
			serve(t, c, address, name)
			if got := ask(t, client.ns.Do, address, 300*time.Millisecond); got != name+" hello" {
				t.Errorf("%s at %s answers %q", name, address, got)
			}
		}
		// Gone without a word, as a container that is killed.
		must(t, r.host.DeleteLink(t.Context(), r.link(r.host, c.hostIfName).Index))
	}
}

func TestVLANsAreSeparate(t *testing.T) {
	r := newRig(t)
	network := func(vlan, address string) []byte {
		return r.config(`"vlan":` + vlan + `,"isGateway":true,"ipam":{"type":"static","addresses":[{"address":"` + address + `","gateway":"10.9.` + vlan + `.1"}]}`)
	}
	probe := r.host.AddBridge(t.Context(), rtnl.NewBridge{Name: "probe", VLANFiltering: true})
	if errors.Is(probe, rtnl.ErrUnsupported) {
		c := r.container("c1")
		_, err := r.add(c, network("7", "10.9.7.2/16"))
		if !errors.Is(err, rtnl.ErrUnsupported) {
			t.Errorf("without VLAN filtering in the kernel: %v", err)
		}
		r.same("state", "host:\ncontainer:\nleases: []\n", r.dumps(c))
		t.Skip("the rest needs a kernel with CONFIG_BRIDGE_VLAN_FILTERING")
	}
	must(t, probe)
	must(t, r.host.DeleteLink(t.Context(), r.link(r.host, "probe").Index))
	a, b, other := r.container("c1"), r.container("c2"), r.container("c3")
	r.mustAdd(a, network("7", "10.9.7.2/16"))
	result := r.mustAdd(b, network("7", "10.9.7.3/16"))
	otherResult := r.mustAdd(other, r.config(`"vlan":8,"ipam":{"type":"static","addresses":[{"address":"10.9.7.4/16"}]}`))
	if len(result.Interfaces) != 4 || result.Interfaces[3].Name != "br0.7" {
		t.Errorf("interfaces of the result: %v", result.Interfaces)
	}
	serve(t, b, "10.9.7.3", "b")
	serve(t, other, "10.9.7.4", "other")
	here := func(_ context.Context, fn func() error) error { return fn() }
	for _, way := range []struct {
		name string
		from func(context.Context, func() error) error
		to   string
		want string
	}{
		{"within the vlan", a.ns.Do, "10.9.7.3", "b hello"},
		{"from the gateway", here, "10.9.7.3", "b hello"},
		{"to another vlan", a.ns.Do, "10.9.7.4", ""},
		{"from the gateway to another vlan", here, "10.9.7.4", ""},
	} {
		patience := 5 * time.Second
		if way.want == "" {
			patience = 300 * time.Millisecond
		}
		if got := ask(t, way.from, way.to, patience); got != way.want {
			t.Errorf("%s: %q, want %q", way.name, got, way.want)
		}
	}
	must(t, r.check(b, network("7", "10.9.7.3/16"), result))
	must(t, r.check(other, r.config(`"vlan":8,"ipam":{"type":"static","addresses":[{"address":"10.9.7.4/16"}]}`), otherResult))
	port := r.link(r.host, b.hostIfName).Index
	must(t, r.host.RemovePortVLAN(t.Context(), port, 7))
	if got := drift(t, r.check(b, network("7", "10.9.7.3/16"), result)); len(got) != 1 || got[0] != "bridge: link vethc2 vlan 7: missing, not present" {
		t.Errorf("drift of a removed membership: %q", got)
	}
	must(t, r.del(b, network("7", "10.9.7.3/16")))
	r.link(r.host, "br0.7") // a still uses it
	must(t, r.del(a, network("7", "10.9.7.2/16")))
	if _, err := r.host.LinkByName(t.Context(), "br0.7"); !errors.Is(err, rtnl.ErrNotFound) {
		t.Errorf("the gateway of a vlan without ports: %v", err)
	}
}
