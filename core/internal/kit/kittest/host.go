package kittest

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/libcni/libcni/core/internal/host/netns"
	"github.com/libcni/libcni/core/internal/host/netns/netnstest"
	"github.com/libcni/libcni/core/internal/host/rtnl"
	"github.com/libcni/libcni/core/internal/host/sysctl"
	"github.com/libcni/libcni/core/plugin"
)

// Patience is how long a test waits for what must happen.
const Patience = 5 * time.Second

// Addresses of the link between the host and the outside.
const (
	HostIPv4, HostIPv6       = "192.0.2.1", "fd00:9::1"
	OutsideIPv4, OutsideIPv6 = "192.0.2.9", "fd00:9::9"
)

// Host is a test's own host: a network namespace that the test's goroutine is in, and directories.
// A test that needs no namespace may write one down as a literal with T.
type Host struct {
	T testing.TB
	Node
	StateDir string

	// Plugins are those to which a plugin may delegate, by type. Delegated records each command and
	// type.
	Plugins   map[string]plugin.Plugin
	Delegated []string

	Warnings []string // messages of the plugins' events
	Repaired []string // objects that plugins repaired
}

// NewHost moves the test to a fresh network namespace with nothing but lo.
func NewHost(t testing.TB) *Host {
	t.Helper()
	netnstest.Host(t)
	s := rtnl.NewSession(nil, nil)
	t.Cleanup(s.Close)
	conn, err := s.Host(t.Context())
	Must(t, err)
	return &Host{T: t, Node: Node{Conn: conn}, StateDir: t.TempDir()}
}

// Node is a network namespace and a connection to it.
type Node struct {
	NS   *netns.Namespace // nil for the host
	Conn *rtnl.Conn
}

// Do runs fn in the namespace; a nil Node is the host.
func (n *Node) Do(t testing.TB, fn func() error) error {
	if n == nil || n.NS == nil {
		return fn()
	}
	return n.NS.Do(t.Context(), fn)
}

// NewNode makes a fresh network namespace.
func (h *Host) NewNode() *Node {
	h.T.Helper()
	ns := netnstest.Open(h.T, netnstest.New(h.T))
	s := rtnl.NewSession(ns, nil)
	h.T.Cleanup(s.Close)
	conn, err := s.Container(h.T.Context())
	Must(h.T, err)
	return &Node{NS: ns, Conn: conn}
}

// NewOutside makes a neighbour of the host, which has OutsideIPv4 and OutsideIPv6 on its eth0; the
// host's link to it is out0. It has no route to the containers' networks, so that it can answer
// only what the host masquerades.
func (h *Host) NewOutside() *Node {
	h.T.Helper()
	outside := h.NewNode()
	Must(
		h.T,
		h.Conn.AddVeth(
			h.T.Context(),
			rtnl.NewVeth{Name: "out0", Up: true, PeerName: "eth0", PeerNamespace: outside.NS,
				MTU: 1500, MAC: net.HardwareAddr{2, 0, 0, 0, 9, 1},
				PeerMAC: net.HardwareAddr{2, 0, 0, 0, 9, 2}},
		),
	)
	// Neighbours are not asked from a link-local address that duplicate address detection holds back.
	h.withoutDAD(nil, "out0")
	h.withoutDAD(outside, "eth0")
	h.AddAddresses(h.Conn, "out0", HostIPv4+"/24", HostIPv6+"/64")
	h.AddAddresses(outside.Conn, "eth0", OutsideIPv4+"/24", OutsideIPv6+"/64")
	return outside
}

// withoutDAD turns duplicate address detection of a link off, which has no carrier yet.
func (h *Host) withoutDAD(n *Node, link string) {
	h.T.Helper()
	Must(h.T, n.Do(h.T, func() error {
		_, err := sysctl.Set(sysctl.Link("ipv6", link, "accept_dad"), "0")
		return err
	}))
}

// NewRouter is NewHost with an outside whose default routes lead to the host, and with forwarding
// on.
func NewRouter(t testing.TB) (h *Host, outside *Node) {
	t.Helper()
	h = NewHost(t)
	outside = h.NewOutside()
	for dst, gateway := range map[string]string{"0.0.0.0/0": HostIPv4, "::/0": HostIPv6} {
		Must(
			t,
			outside.Conn.AddRoute(t.Context(),
				rtnl.Route{Dst: netip.MustParsePrefix(dst), Gateway: netip.MustParseAddr(gateway)}),
		)
	}
	for _, key := range []string{"ipv4/ip_forward", "ipv6/conf/all/forwarding"} {
		_, err := sysctl.Set(key, "1")
		Must(t, err)
	}
	return h, outside
}

// Link looks up a link that must be there.
func (h *Host) Link(conn *rtnl.Conn, name string) *rtnl.Link {
	h.T.Helper()
	l, err := conn.LinkByName(h.T.Context(), name)
	Must(h.T, err)
	return l
}

// AddAddresses takes a link up and adds addresses with prefix lengths, which can be used at once.
func (h *Host) AddAddresses(conn *rtnl.Conn, link string, addresses ...string) {
	h.T.Helper()
	index := h.Link(conn, link).Index
	Must(h.T, conn.SetLink(h.T.Context(), index, rtnl.Change{Up: true}))
	for _, a := range addresses {
		prefix := netip.MustParsePrefix(a)
		Must(h.T, conn.AddAddress(h.T.Context(), index, rtnl.Address{Prefix: prefix, NoDAD: true}))
		h.awaitLocal(conn, prefix.Addr())
	}
}

// awaitLocal waits until the kernel routes an address to itself: a worker of the kernel makes the
// route of an IPv6 address after the kernel has answered the request that added it.
func (h *Host) awaitLocal(conn *rtnl.Conn, address netip.Addr) {
	h.T.Helper()
	for end := time.Now().Add(Patience); ; time.Sleep(time.Millisecond) {
		if route, err := conn.RouteGet(h.T.Context(), address); err == nil && route.Local {
			return
		} else if time.Now().After(end) {
			h.T.Fatalf("%s does not become local: %v", address, err)
		}
	}
}
