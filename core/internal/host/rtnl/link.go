package rtnl

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"net"

	"golang.org/x/sys/unix"

	"github.com/libcni/libcni/core/internal/host/netlink"
)

// Link is a network interface as the kernel reported it.
type Link struct {
	Index       int
	Name        string
	Kind        string // "veth", "bridge", …; "" for physical ones and loopback
	MAC         net.HardwareAddr
	MTU         int
	Up          bool // set up by the administrator
	Promiscuous bool // set by the administrator
	Loopback    bool
	Operational bool // up and with carrier (RFC 2863 state "up")
	Master      int  // index of the bridge or VRF, 0 for none
	Peer        int  // index of a veth's other end or of the link below, in that link's namespace
	Alias       string
	// Peer is in another namespace, to which the kernel gives this number; -1 if it is being
	// destroyed
	PeerElsewhere bool
	PeerNamespace int
	AcceptRA      int      // the sysctl net.ipv6.conf.NAME.accept_ra; -1 if the link has no IPv6
	Data          Data     // settings of the kind; nil for a bridge
	Traffic       *Traffic // only of CountedLink
	Bridge        *Bridge  // of a bridge
	Port          *Port    // of a bridge port
}

// Bridge holds the settings of a bridge.
type Bridge struct {
	STP           bool
	VLANFiltering bool
	DefaultPVID   int
}

// Port holds the settings of a bridge port.
type Port struct {
	Forwarding bool
	Hairpin    bool
	Isolated   bool
}

// Traffic is what passed a link since it was made.
type Traffic struct{ Received, Sent Count }

// Count is a number of packets in one direction.
type Count struct{ Packets, Bytes, Dropped uint64 }

// Numbers of the kernel that x/sys/unix lacks.
const (
	filterSkipStats  = 1 << 3 // RTEXT_FILTER_SKIP_STATS
	operUp           = 6      // IF_OPER_UP
	devconfAcceptRA  = 3      // DEVCONF_ACCEPT_RA
	devconfArpNotify = 22     // IPV4_DEVCONF_ARP_NOTIFY
	portForwarding   = 3      // BR_STATE_FORWARDING
)

// LinkByName looks a link up. The error wraps ErrNotFound.
func (c *Conn) LinkByName(ctx context.Context, name string) (*Link, error) {
	data, err := c.getLink(ctx, name, filterSkipStats)
	if err != nil {
		return nil, err
	}
	return parseLink(data), nil
}

// getLink asks for the link of that name.
func (c *Conn) getLink(ctx context.Context, name string, filter uint32) ([]byte, error) {
	e := linkMessage(unix.AF_UNSPEC, 0, 0, 0)
	e.String(unix.IFLA_IFNAME, name)
	e.Uint32(unix.IFLA_EXT_MASK, filter)
	data, err := c.get(ctx, unix.RTM_GETLINK, e)
	if err != nil {
		return nil, fmt.Errorf("link %s: %w", name, err)
	}
	return data, nil
}

// CountedLink is LinkByName with the traffic of the link.
func (c *Conn) CountedLink(ctx context.Context, name string) (*Link, error) {
	data, err := c.getLink(ctx, name, 0)
	if err != nil {
		return nil, err
	}

	link := parseLink(data)
	for d := netlink.DecodeAfter(data, unix.SizeofIfInfomsg); d.Next(); {
		if d.Kind() == unix.IFLA_STATS64 {
			link.Traffic = parseTraffic(d.Bytes())
		}
	}
	return link, nil
}

// LinkByIndex looks a link up. The error wraps ErrNotFound.
func (c *Conn) LinkByIndex(ctx context.Context, index int) (*Link, error) {
	e := linkMessage(unix.AF_UNSPEC, index, 0, 0)
	e.Uint32(unix.IFLA_EXT_MASK, filterSkipStats)
	data, err := c.get(ctx, unix.RTM_GETLINK, e)
	if err != nil {
		return nil, fmt.Errorf("link with index %d: %w", index, err)
	}
	return parseLink(data), nil
}

// Links lists all links. Its cost grows with their number, so ADD and DEL do not use it.
func (c *Conn) Links(ctx context.Context) ([]*Link, error) {
	links, err := c.LinksOf(ctx, 0)
	if err != nil {
		return nil, fmt.Errorf("links: %w", err)
	}
	return links, nil
}

// LinksOf lists the ports of a bridge, or the members of a VRF, with index master; 0 for all links.
func (c *Conn) LinksOf(ctx context.Context, master int) ([]*Link, error) {
	var links []*Link
	e := linkMessage(unix.AF_UNSPEC, 0, 0, 0)
	e.Uint32(unix.IFLA_EXT_MASK, filterSkipStats)
	if master != 0 {
		e.Uint32(unix.IFLA_MASTER, uint32(master))
	}
	err := c.dump(ctx, unix.RTM_GETLINK, e, func(data []byte) {
		if l := parseLink(data); master == 0 || l.Master == master {
			links = append(links, l)
		}
	})
	if err != nil {
		return nil, fmt.Errorf("ports of link with index %d: %w", master, err)
	}
	return links, nil
}

func parseLink(data []byte) *Link {
	l := &Link{Index: linkIndex(data), AcceptRA: -1}
	if len(data) >= unix.SizeofIfInfomsg {
		flags := binary.NativeEndian.Uint32(data[8:])
		l.Up = flags&unix.IFF_UP != 0
		l.Promiscuous = flags&unix.IFF_PROMISC != 0
		l.Loopback = flags&unix.IFF_LOOPBACK != 0
	}
	for d := netlink.DecodeAfter(data, unix.SizeofIfInfomsg); d.Next(); {
		switch d.Kind() {
		case unix.IFLA_IFNAME:
			l.Name = d.String()
		case unix.IFLA_ADDRESS:
			l.MAC = append(net.HardwareAddr(nil), d.Bytes()...)
		case unix.IFLA_MTU:
			l.MTU = d.Int()
		case unix.IFLA_OPERSTATE:
			l.Operational = d.Int() == operUp
		case unix.IFLA_MASTER:
			l.Master = d.Int()
		case unix.IFLA_LINK:
			l.Peer = d.Int()
		case unix.IFLA_LINK_NETNSID:
			l.PeerElsewhere, l.PeerNamespace = true, d.Int()
		case unix.IFLA_IFALIAS:
			l.Alias = d.String()
		case unix.IFLA_LINKINFO:
			l.parseInfo(d.Bytes())
		case unix.IFLA_AF_SPEC:
			l.parseFamilies(d.Bytes())
		}
	}
	return l
}

// parseTraffic reads struct rtnl_link_stats64, which begins with pairs of numbers, received and
// sent: packets, bytes, errors and dropped packets.
func parseTraffic(stats []byte) *Traffic {
	const words = 8
	if len(stats) < 8*words {
		return nil
	}

	var n [words]uint64
	for i := range n {
		n[i] = binary.NativeEndian.Uint64(stats[8*i:])
	}
	return &Traffic{Received: Count{n[0], n[2], n[6]}, Sent: Count{n[1], n[3], n[7]}}
}

func (l *Link) parseInfo(info []byte) {
	var own, port []byte
	master := "" // the kind of the master
	for d := netlink.Decode(info); d.Next(); {
		switch d.Kind() {
		case unix.IFLA_INFO_KIND:
			l.Kind = d.String()
		case unix.IFLA_INFO_DATA:
			own = d.Bytes()
		case unix.IFLA_INFO_SLAVE_KIND:
			master = d.String()
		case unix.IFLA_INFO_SLAVE_DATA:
			port = d.Bytes()
		}
	}

	switch {
	case l.Kind == "bridge":
		l.Bridge = parseBridge(own)
	case own != nil:
		l.Data = bytes.Clone(own)
	}
	if master == "bridge" {
		l.Port = parsePort(port)
	}
}

func parseBridge(data []byte) *Bridge {
	b := &Bridge{}
	for d := netlink.Decode(data); d.Next(); {
		switch d.Kind() {
		case unix.IFLA_BR_STP_STATE:
			b.STP = d.Bool()
		case unix.IFLA_BR_VLAN_FILTERING:
			b.VLANFiltering = d.Bool()
		case unix.IFLA_BR_VLAN_DEFAULT_PVID:
			b.DefaultPVID = d.Int()
		}
	}
	return b
}

func parsePort(data []byte) *Port {
	p := &Port{}
	for d := netlink.Decode(data); d.Next(); {
		switch d.Kind() {
		case unix.IFLA_BRPORT_STATE:
			p.Forwarding = d.Int() == portForwarding
		case unix.IFLA_BRPORT_MODE:
			p.Hairpin = d.Bool()
		case unix.IFLA_BRPORT_ISOLATED:
			p.Isolated = d.Bool()
		}
	}
	return p
}

func (l *Link) parseFamilies(spec []byte) {
	for families := netlink.Decode(spec); families.Next(); {
		if families.Kind() != unix.AF_INET6 {
			continue
		}
		for d := netlink.Decode(families.Bytes()); d.Next(); {
			if value := d.Bytes(); d.Kind() == unix.IFLA_INET6_CONF && len(value) >= 4*(devconfAcceptRA+1) {
				l.AcceptRA = int(int32(binary.NativeEndian.Uint32(value[4*devconfAcceptRA:])))
			}
		}
	}
}
