package rtnl

import (
	"context"
	"fmt"
	"net"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// NewBridge describes a bridge to create. It comes up at once.
type NewBridge struct {
	Name          string
	MAC           net.HardwareAddr // with one given, ports that come and go do not change it
	MTU           int              // 0 for the kernel's default
	Promiscuous   bool
	VLANFiltering bool // wraps ErrUnsupported where the kernel cannot
}

// AddBridge creates a bridge. It wraps ErrExists if there is a link of that name, of whatever kind.
func (c *Conn) AddBridge(ctx context.Context, b NewBridge) error {
	flags := uint32(unix.IFF_UP)
	if b.Promiscuous {
		flags |= unix.IFF_PROMISC
	}
	info := nest(unix.IFLA_LINKINFO, str(nl.IFLA_INFO_KIND, "bridge"))
	if b.VLANFiltering {
		info.AddChild(nest(nl.IFLA_INFO_DATA, u8(nl.IFLA_BR_VLAN_FILTERING, true)))
	}
	parts := append(identity(b.Name, b.MAC, b.MTU), info)
	parts = append([]nl.NetlinkRequestData{ifInfo(unix.AF_UNSPEC, 0, flags, flags)}, parts...)
	if err := c.change(ctx, unix.RTM_NEWLINK, unix.NLM_F_CREATE|unix.NLM_F_EXCL, parts...); err != nil {
		return fmt.Errorf("bridge %s: create: %w", b.Name, err)
	}
	return nil
}

// Namespace is an open network namespace.
type Namespace interface{ Fd() int }

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

// AddVeth creates a pair in one request. The peer stays down: the kernel refuses to create it up. It wraps ErrExists if
// either name is taken, and ErrBridgeFull.
func (c *Conn) AddVeth(ctx context.Context, v NewVeth) error {
	_, err := c.addVeth(ctx, v)
	return err
}

// CreateVeth is AddVeth, and returns the near end as it was before it became a port: Master and Port are not told. To
// look it up instead takes ten times as long, since the kernel first settles what a link without carrier is to do.
func (c *Conn) CreateVeth(ctx context.Context, v NewVeth) (*Link, error) {
	link, err := c.addVeth(ctx, v)
	if err == nil && link == nil { // before Linux 6.2
		return c.LinkByName(ctx, v.Name)
	}
	return link, err
}

// addVeth returns the near end if the kernel describes it.
func (c *Conn) addVeth(ctx context.Context, v NewVeth) (created *Link, err error) {
	flags := uint32(0)
	if v.Up {
		flags = unix.IFF_UP
	}
	peer := nl.NewRtAttr(nl.VETH_INFO_PEER|unix.NLA_F_NESTED, nil)
	peer.AddChild(ifInfo(unix.AF_UNSPEC, 0, 0, 0))
	for _, a := range append(identity(v.PeerName, v.PeerMAC, v.MTU), oneQueue()...) {
		peer.AddChild(a)
	}
	if v.PeerNamespace != nil {
		peer.AddChild(u32(unix.IFLA_NET_NS_FD, uint32(v.PeerNamespace.Fd())))
	}
	parts := append([]nl.NetlinkRequestData{ifInfo(unix.AF_UNSPEC, 0, flags, flags)}, identity(v.Name, v.MAC, v.MTU)...)
	parts = append(parts, oneQueue()...)
	if v.Master != 0 {
		parts = append(parts, u32(unix.IFLA_MASTER, uint32(v.Master)))
	}
	parts = append(parts, nest(unix.IFLA_LINKINFO, str(nl.IFLA_INFO_KIND, "veth"), nest(nl.IFLA_INFO_DATA, peer)))
	created, err = c.create(ctx, parts)
	if err != nil {
		return nil, fmt.Errorf("veth %s with peer %s: create: %w", v.Name, v.PeerName, err)
	}
	return created, nil
}

// oneQueue gives an end one queue each way, which is what it works with. By default it gets one for each processor, and
// the kernel waits twice until nobody uses those that it turns off at once.
func oneQueue() []nl.NetlinkRequestData {
	return []nl.NetlinkRequestData{u32(unix.IFLA_NUM_TX_QUEUES, 1), u32(unix.IFLA_NUM_RX_QUEUES, 1)}
}

// identity is what every new link is given.
func identity(name string, mac net.HardwareAddr, mtu int) []nl.NetlinkRequestData {
	parts := []nl.NetlinkRequestData{str(unix.IFLA_IFNAME, name)}
	if mac != nil {
		parts = append(parts, nl.NewRtAttr(unix.IFLA_ADDRESS, mac))
	}
	if mtu != 0 {
		parts = append(parts, u32(unix.IFLA_MTU, uint32(mtu)))
	}
	return parts
}

// Change is what to set on a link; zero fields are left as they are.
type Change struct {
	Up          bool
	Down        bool
	Promiscuous bool
	MAC         net.HardwareAddr // setting the present one makes the kernel announce the link's addresses, see ArpNotify
	MTU         int
	Alias       string
	Name        string    // a new name; before Linux 6.2 the link must be down
	Master      int       // index of the bridge or VRF; see SetMaster for taking it out
	Namespace   Namespace // moves the link, which then has no addresses and perhaps another index
	ArpNotify   bool      // net.ipv4.conf.NAME.arp_notify = 1: gratuitous ARP when the MAC is set or the link comes up
}

// SetLink changes a link in one request. A link that moves to another namespace and gets a new name
// does both at once, so that neither namespace needs to have room for both names.
func (c *Conn) SetLink(ctx context.Context, index int, set Change) error {
	return c.changeAll(ctx, []request{set.request(index)})
}

// Configure changes a link, then gives it addresses, then adds routes, all of it at once. It is SetLink, AddAddress and
// AddRoute, but that what comes after a failure is done as well.
func (c *Conn) Configure(ctx context.Context, index int, set Change, addresses []Address, routes []Route) error {
	requests := []request{set.request(index)}
	for _, a := range addresses {
		requests = append(requests, a.request(index))
	}
	for _, r := range routes {
		requests = append(requests, r.request())
	}
	return c.changeAll(ctx, requests)
}

func (set Change) request(index int) request {
	flags, mask := uint32(0), uint32(0)
	if set.Up || set.Down {
		mask |= unix.IFF_UP
	}
	if set.Up {
		flags |= unix.IFF_UP
	}
	if set.Promiscuous {
		flags, mask = flags|unix.IFF_PROMISC, mask|unix.IFF_PROMISC
	}
	parts := []nl.NetlinkRequestData{ifInfo(unix.AF_UNSPEC, index, flags, mask)}
	if set.MAC != nil {
		parts = append(parts, nl.NewRtAttr(unix.IFLA_ADDRESS, set.MAC))
	}
	if set.MTU != 0 {
		parts = append(parts, u32(unix.IFLA_MTU, uint32(set.MTU)))
	}
	if set.Alias != "" {
		parts = append(parts, str(unix.IFLA_IFALIAS, set.Alias))
	}
	if set.Name != "" {
		parts = append(parts, str(unix.IFLA_IFNAME, set.Name))
	}
	if set.Master != 0 {
		parts = append(parts, u32(unix.IFLA_MASTER, uint32(set.Master)))
	}
	if set.Namespace != nil {
		parts = append(parts, u32(unix.IFLA_NET_NS_FD, uint32(set.Namespace.Fd())))
	}
	if set.ArpNotify {
		parts = append(parts, nest(unix.IFLA_AF_SPEC, nest(unix.AF_INET, nest(inetConf, u32(devconfArpNotify, 1)))))
	}
	return request{kind: unix.RTM_SETLINK, parts: parts, doing: fmt.Sprintf("link with index %d: set", index)}
}

// EnableVLANFiltering turns a bridge's VLAN filtering on. It wraps ErrUnsupported.
func (c *Conn) EnableVLANFiltering(ctx context.Context, index int) error {
	err := c.change(ctx, unix.RTM_NEWLINK, 0, ifInfo(unix.AF_UNSPEC, index, 0, 0), nest(unix.IFLA_LINKINFO,
		str(nl.IFLA_INFO_KIND, "bridge"), nest(nl.IFLA_INFO_DATA, u8(nl.IFLA_BR_VLAN_FILTERING, true))))
	if err != nil {
		return fmt.Errorf("bridge with index %d: vlan filtering: %w", index, err)
	}
	return nil
}

// SetMaster makes a link a port of the bridge with index master; with 0 it stops being a port. It wraps ErrBridgeFull.
func (c *Conn) SetMaster(ctx context.Context, index, master int) error {
	err := c.change(ctx, unix.RTM_SETLINK, 0, ifInfo(unix.AF_UNSPEC, index, 0, 0), u32(unix.IFLA_MASTER, uint32(master)))
	if err != nil {
		return fmt.Errorf("link with index %d: set master: %w", index, err)
	}
	return nil
}
