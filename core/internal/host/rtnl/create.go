package rtnl

import (
	"context"
	"fmt"
	"net"

	"golang.org/x/sys/unix"

	"github.com/libcni/libcni/core/internal/host/netlink"
)

// Namespace is an open network namespace.
type Namespace interface{ Fd() int }

// NewLink describes a link of any kind to create.
type NewLink struct {
	Name      string
	Kind      string           // as the kernel names it: "macvlan", "vxlan", "dummy", …
	Data      Data             // settings of the kind; nil for the kernel's defaults
	MAC       net.HardwareAddr // nil for the kernel's choice
	MTU       int              // 0 for the kernel's default
	Master    int              // index of the bridge or VRF, 0 for none
	Parent    int              // index of the link below, in the connection's namespace; 0 for none
	Up        bool
	Namespace Namespace // nil for the connection's own
}

// AddLink creates a link. It returns the link as it was when created, or nil if the kernel does not
// describe it, which is so before Linux 6.2 and for a link in another namespace. The error wraps
// ErrExists if a link has the name, and ErrUnsupported if the kernel does not know the kind.
func (c *Conn) AddLink(ctx context.Context, l NewLink) (*Link, error) {
	e := newLinkMessage(l.Up)
	identify(e, l.Name, l.MAC, l.MTU)
	if l.Master != 0 {
		e.Uint32(unix.IFLA_MASTER, uint32(l.Master))
	}
	if l.Parent != 0 {
		e.Uint32(unix.IFLA_LINK, uint32(l.Parent))
	}
	if l.Namespace != nil {
		e.Uint32(unix.IFLA_NET_NS_FD, uint32(l.Namespace.Fd()))
	}
	e.Open(unix.IFLA_LINKINFO)
	e.String(unix.IFLA_INFO_KIND, l.Kind)
	if l.Data != nil {
		e.Bytes(unix.IFLA_INFO_DATA|unix.NLA_F_NESTED, l.Data)
	}
	e.Close()

	created, err := c.create(ctx, e)
	if err != nil {
		return nil, fmt.Errorf("%s %s: create: %w", l.Kind, l.Name, err)
	}
	return created, nil
}

// create sends RTM_NEWLINK and returns the link if the kernel describes it.
func (c *Conn) create(ctx context.Context, e *netlink.Encoder) (created *Link, err error) {
	r := netlink.Request{
		Kind:  unix.RTM_NEWLINK,
		Flags: unix.NLM_F_CREATE | unix.NLM_F_EXCL | unix.NLM_F_ACK | unix.NLM_F_ECHO,
		Body:  e.Encoded(),
		Answer: func(m netlink.Message) {
			if isLink(m, unix.RTM_NEWLINK) {
				created = parseLink(m.Data)
			}
		},
	}
	if err := c.netlink.Exchange(ctx, &r); err != nil {
		return nil, err
	}
	return created, refusal(r.Err)
}

func newLinkMessage(up bool) *netlink.Encoder {
	if up {
		return linkMessage(unix.AF_UNSPEC, 0, unix.IFF_UP, unix.IFF_UP)
	}
	return linkMessage(unix.AF_UNSPEC, 0, 0, 0)
}

// identify appends what every new link is given.
func identify(e *netlink.Encoder, name string, mac net.HardwareAddr, mtu int) {
	e.String(unix.IFLA_IFNAME, name)
	if mac != nil {
		e.Bytes(unix.IFLA_ADDRESS, mac)
	}
	if mtu != 0 {
		e.Uint32(unix.IFLA_MTU, uint32(mtu))
	}
}

// NewBridge describes a bridge to create. It comes up at once.
type NewBridge struct {
	Name          string
	MAC           net.HardwareAddr // if given, ports that come and go do not change it
	MTU           int              // 0 for the kernel's default
	Promiscuous   bool
	VLANFiltering bool // the error wraps ErrUnsupported if the kernel cannot filter
}

// AddBridge creates a bridge. The error wraps ErrExists if a link of any kind has the name.
func (c *Conn) AddBridge(ctx context.Context, b NewBridge) error {
	flags := uint32(unix.IFF_UP)
	if b.Promiscuous {
		flags |= unix.IFF_PROMISC
	}
	e := linkMessage(unix.AF_UNSPEC, 0, flags, flags)
	identify(e, b.Name, b.MAC, b.MTU)
	bridgeInfo(e, b.VLANFiltering)
	if err := c.change(ctx, unix.RTM_NEWLINK, unix.NLM_F_CREATE|unix.NLM_F_EXCL, e); err != nil {
		return fmt.Errorf("bridge %s: create: %w", b.Name, err)
	}
	return nil
}

// EnableVLANFiltering turns a bridge's VLAN filtering on. The error wraps ErrUnsupported.
func (c *Conn) EnableVLANFiltering(ctx context.Context, index int) error {
	e := linkMessage(unix.AF_UNSPEC, index, 0, 0)
	bridgeInfo(e, true)
	if err := c.change(ctx, unix.RTM_NEWLINK, 0, e); err != nil {
		return fmt.Errorf("bridge with index %d: vlan filtering: %w", index, err)
	}
	return nil
}

func bridgeInfo(e *netlink.Encoder, filtering bool) {
	e.Open(unix.IFLA_LINKINFO)
	e.String(unix.IFLA_INFO_KIND, "bridge")
	if filtering {
		e.Open(unix.IFLA_INFO_DATA)
		e.Bool(unix.IFLA_BR_VLAN_FILTERING, true)
		e.Close()
	}
	e.Close()
}

// NewVeth describes a pair of interfaces to create.
type NewVeth struct {
	Name   string
	MAC    net.HardwareAddr // nil for a random one
	MTU    int              // of both ends; 0 for the kernel's default
	Master int              // index of the bridge, 0 for none
	Up     bool

	PeerName      string
	PeerMAC       net.HardwareAddr
	PeerNamespace Namespace // nil for the connection's own
}

// AddVeth creates a pair in one request. The peer stays down, because the kernel refuses to create
// it up. The error wraps ErrExists if either name is taken, and ErrBridgeFull.
func (c *Conn) AddVeth(ctx context.Context, v NewVeth) error {
	_, err := c.addVeth(ctx, v)
	return err
}

// CreateVeth is AddVeth that returns the near end as it was before it became a port: without Master
// and Port. To look the link up takes ten times as long, because the kernel first settles the
// operational state of a link without carrier.
func (c *Conn) CreateVeth(ctx context.Context, v NewVeth) (*Link, error) {
	link, err := c.addVeth(ctx, v)
	if err == nil && link == nil { // before Linux 6.2
		return c.LinkByName(ctx, v.Name)
	}
	return link, err
}

// addVeth returns the near end if the kernel describes it.
func (c *Conn) addVeth(ctx context.Context, v NewVeth) (*Link, error) {
	e := newLinkMessage(v.Up)
	identify(e, v.Name, v.MAC, v.MTU)
	oneQueue(e)
	if v.Master != 0 {
		e.Uint32(unix.IFLA_MASTER, uint32(v.Master))
	}
	e.Open(unix.IFLA_LINKINFO)
	e.String(unix.IFLA_INFO_KIND, "veth")
	e.Open(unix.IFLA_INFO_DATA)
	v.peer(e)
	e.Close()
	e.Close()

	created, err := c.create(ctx, e)
	if err != nil {
		return nil, fmt.Errorf("veth %s with peer %s: create: %w", v.Name, v.PeerName, err)
	}
	return created, nil
}

// peer appends the other end: a link message in an attribute.
func (v NewVeth) peer(e *netlink.Encoder) {
	const vethInfoPeer = 1 // VETH_INFO_PEER
	e.Open(vethInfoPeer)
	e.Fixed(newLinkMessage(false).Encoded()...)
	identify(e, v.PeerName, v.PeerMAC, v.MTU)
	oneQueue(e)
	if v.PeerNamespace != nil {
		e.Uint32(unix.IFLA_NET_NS_FD, uint32(v.PeerNamespace.Fd()))
	}
	e.Close()
}

// oneQueue gives an end one queue in each direction, which is all it needs. By default the kernel
// makes one for each processor, turns all but one off, and waits twice until nothing uses them any
// more.
func oneQueue(e *netlink.Encoder) {
	e.Uint32(unix.IFLA_NUM_TX_QUEUES, 1)
	e.Uint32(unix.IFLA_NUM_RX_QUEUES, 1)
}
