package rtnl

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"net"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Link is a network interface as the kernel reported it.
type Link struct {
	Index       int
	Name        string
	Kind        string // "veth", "bridge", …; "" for physical ones and loopback
	MAC         net.HardwareAddr
	MTU         int
	Up          bool // set up by the administrator
	Promiscuous bool // so set by the administrator
	Loopback    bool
	Operational bool // up and with carrier (RFC 2863 state "up")
	Master      int  // index of the bridge, 0 for none
	Peer        int  // index of a veth's other end or of the link below, in that link's namespace
	Alias       string
	AcceptRA    int     // the sysctl net.ipv6.conf.NAME.accept_ra; -1 if the link has no IPv6
	Data        Data    // settings of the kind; nil for a bridge
	Bridge      *Bridge // of a bridge
	Port        *Port
}

// Bridge is what a link of kind bridge has besides.
type Bridge struct {
	STP           bool
	VLANFiltering bool
	DefaultPVID   int
}

// Port is what a link has as port of a bridge.
type Port struct {
	Forwarding bool
	Hairpin    bool
	Isolated   bool
}

// The kernel's numbers that neither x/sys/unix nor nl has.
const (
	filterSkipStats  = 1 << 3 // RTEXT_FILTER_SKIP_STATS
	operUp           = 6      // IF_OPER_UP
	inet6Conf        = 2      // IFLA_INET6_CONF
	inetConf         = 1      // IFLA_INET_CONF
	devconfAcceptRA  = 3      // DEVCONF_ACCEPT_RA
	devconfArpNotify = 22     // IPV4_DEVCONF_ARP_NOTIFY
	portForwarding   = 3      // BR_STATE_FORWARDING
)

// LinkByName looks a link up. It wraps ErrNotFound.
func (c *Conn) LinkByName(ctx context.Context, name string) (*Link, error) {
	data, err := c.get(ctx, unix.RTM_GETLINK, ifInfo(unix.AF_UNSPEC, 0, 0, 0),
		str(unix.IFLA_IFNAME, name), u32(unix.IFLA_EXT_MASK, filterSkipStats))
	if err != nil {
		return nil, fmt.Errorf("link %s: %w", name, err)
	}
	return parseLink(data), nil
}

// LinkByIndex looks a link up. It wraps ErrNotFound.
func (c *Conn) LinkByIndex(ctx context.Context, index int) (*Link, error) {
	data, err := c.get(ctx, unix.RTM_GETLINK, ifInfo(unix.AF_UNSPEC, index, 0, 0),
		u32(unix.IFLA_EXT_MASK, filterSkipStats))
	if err != nil {
		return nil, fmt.Errorf("link with index %d: %w", index, err)
	}
	return parseLink(data), nil
}

// Links lists all links. Its cost grows with their number: not for the way of ADD and DEL.
func (c *Conn) Links(ctx context.Context) ([]*Link, error) {
	var links []*Link
	err := c.dump(ctx, unix.RTM_GETLINK, ifInfo(unix.AF_UNSPEC, 0, 0, 0),
		[]nl.NetlinkRequestData{u32(unix.IFLA_EXT_MASK, filterSkipStats)},
		func(data []byte) { links = append(links, parseLink(data)) })
	if err != nil {
		return nil, fmt.Errorf("links: %w", err)
	}
	return links, nil
}

func parseLink(data []byte) *Link {
	l := &Link{Index: ifIndex(data), AcceptRA: -1}
	if len(data) >= unix.SizeofIfInfomsg {
		flags := binary.NativeEndian.Uint32(data[8:])
		l.Up = flags&unix.IFF_UP != 0
		l.Promiscuous = flags&unix.IFF_PROMISC != 0
		l.Loopback = flags&unix.IFF_LOOPBACK != 0
	}
	each(body(data, unix.SizeofIfInfomsg), func(kind int, value []byte) {
		switch kind {
		case unix.IFLA_IFNAME:
			l.Name = text(value)
		case unix.IFLA_ADDRESS:
			l.MAC = append(net.HardwareAddr(nil), value...)
		case unix.IFLA_MTU:
			l.MTU = int(number(value))
		case unix.IFLA_OPERSTATE:
			l.Operational = number(value) == operUp
		case unix.IFLA_MASTER:
			l.Master = int(number(value))
		case unix.IFLA_LINK:
			l.Peer = int(number(value))
		case unix.IFLA_IFALIAS:
			l.Alias = text(value)
		case unix.IFLA_LINKINFO:
			l.parseInfo(value)
		case unix.IFLA_AF_SPEC:
			l.parseFamilies(value)
		}
	})
	return l
}

func (l *Link) parseInfo(info []byte) {
	var own, slave []byte
	slaveKind := ""
	each(info, func(kind int, value []byte) {
		switch kind {
		case nl.IFLA_INFO_KIND:
			l.Kind = text(value)
		case nl.IFLA_INFO_DATA:
			own = value
		case nl.IFLA_INFO_SLAVE_KIND:
			slaveKind = text(value)
		case nl.IFLA_INFO_SLAVE_DATA:
			slave = value
		}
	})
	switch {
	case l.Kind == "bridge":
		l.Bridge = parseBridge(own)
	case own != nil:
		l.Data = bytes.Clone(own)
	}
	if slaveKind == "bridge" {
		l.Port = parsePort(slave)
	}
}

func parseBridge(data []byte) *Bridge {
	b := &Bridge{}
	each(data, func(kind int, value []byte) {
		switch kind {
		case nl.IFLA_BR_STP_STATE:
			b.STP = number(value) != 0
		case nl.IFLA_BR_VLAN_FILTERING:
			b.VLANFiltering = number(value) != 0
		case nl.IFLA_BR_VLAN_DEFAULT_PVID:
			b.DefaultPVID = int(number(value))
		}
	})
	return b
}

func parsePort(data []byte) *Port {
	p := &Port{}
	each(data, func(kind int, value []byte) {
		switch kind {
		case nl.IFLA_BRPORT_STATE:
			p.Forwarding = number(value) == portForwarding
		case nl.IFLA_BRPORT_MODE:
			p.Hairpin = number(value) != 0
		case nl.IFLA_BRPORT_ISOLATED:
			p.Isolated = number(value) != 0
		}
	})
	return p
}

func (l *Link) parseFamilies(spec []byte) {
	each(spec, func(family int, attributes []byte) {
		if family != unix.AF_INET6 {
			return
		}
		each(attributes, func(kind int, value []byte) {
			if kind == inet6Conf && len(value) >= 4*(devconfAcceptRA+1) {
				l.AcceptRA = int(int32(binary.NativeEndian.Uint32(value[4*devconfAcceptRA:])))
			}
		})
	})
}
