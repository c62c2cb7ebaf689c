package kittest

import (
	"net/netip"
	"time"

	"github.com/libcni/libcni/core/internal/host/rtnl"
)

// advertisement sends a router advertisement of high preference with a prefix, over a link. The
// link's address may still be tentative.
const advertisement = `
import socket, struct, sys, time
link, prefix = sys.argv[1], socket.inet_pton(socket.AF_INET6, sys.argv[2])
s = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, socket.if_nametoindex(link))
header = struct.pack("!BBHBBHII", 134, 0, 0, 64, 8, 1800, 0, 0)
option = struct.pack("!BBBBIII16s", 3, 4, 64, 0xc0, 1800, 1800, 0, prefix)
end = time.monotonic() + 10
while True:
    try:
        s.sendto(header + option, ("ff02::1", 0))
        break
    except OSError:
        if time.monotonic() > end:
            raise
        time.sleep(0.02)
`

// Advertise sends a router advertisement from a node: it offers a default route and the prefix.
func (h *Host) Advertise(from *Node, link, prefix string) {
	h.T.Helper()
	Must(h.T, from.Do(h.T, func() error {
		Run(h.T, "python3", "-c", advertisement, link, prefix)
		return nil
	}))
}

// Hears reports whether a node has a default route and an address from the advertisements that one
// of its neighbours sends. It sends them until control has them, or without a control for Patience.
func (h *Host) Hears(from *Node, link, prefix string, node, control *Node) bool {
	h.T.Helper()
	for end := time.Now().Add(Patience); ; time.Sleep(20 * time.Millisecond) {
		h.Advertise(from, link, prefix)
		if h.hasAdvertised(node, prefix) {
			return true
		}
		switch {
		case control != nil && h.hasAdvertised(control, prefix):
			return h.hasAdvertised(node, prefix)
		case control == nil && time.Now().After(end):
			return false
		case time.Now().After(end.Add(Patience)):
			h.T.Fatal("the advertisements do not arrive")
		}
	}
}

// hasAdvertised reports whether a node has a default route and an address of the prefix.
func (h *Host) hasAdvertised(n *Node, prefix string) bool {
	h.T.Helper()
	routes, err := n.Conn.AdvertisedRoutes(h.T.Context())
	Must(h.T, err)
	for _, r := range routes {
		addresses, err := n.Conn.Addresses(h.T.Context(), r.Link)
		Must(h.T, err)
		for _, a := range addresses {
			if netip.PrefixFrom(netip.MustParseAddr(prefix), 64).Contains(a.Prefix.Addr()) {
				return true
			}
		}
	}
	return false
}

// NewUplink makes a link of the host that leads to a neighbour: a macvlan, which does
// not look like a link to a container. The neighbour's link is eth0.
func (h *Host) NewUplink(name string) *Node {
	h.T.Helper()
	neighbour := h.NewNode()
	lower := name + "l"
	Must(h.T, h.Conn.AddVeth(h.T.Context(), rtnl.NewVeth{Name: lower, Up: true, PeerName: "eth0",
		PeerNamespace: neighbour.NS, MTU: 1500}))
	eth0 := h.Link(neighbour.Conn, "eth0").Index
	Must(h.T, neighbour.Conn.SetLink(h.T.Context(), eth0, rtnl.Change{Up: true}))
	_, err := h.Conn.AddLink(h.T.Context(), rtnl.NewLink{Name: name, Kind: "macvlan", Up: true,
		Data: rtnl.Macvlan(rtnl.MacvlanBridge), Parent: h.Link(h.Conn, lower).Index})
	Must(h.T, err)
	return neighbour
}
