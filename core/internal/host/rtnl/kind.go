package rtnl

import (
	"context"
	"fmt"
	"net"
	"syscall"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/libcni/libcni/core/internal/host/netlink"
)

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

// Data holds the settings of a link's kind, as attributes of that kind (IFLA_INFO_DATA).
type Data []byte

// AddLink creates a link. It returns the link as it was when created, or nil if the kernel does not
// describe it, which is so before Linux 6.2 and for one in another namespace. The error wraps ErrExists
// if a link has the name, and ErrUnsupported if the kernel does not know the kind.
func (c *Conn) AddLink(ctx context.Context, l NewLink) (*Link, error) {
	created, err := c.create(ctx, l.parts())
	if err != nil {
		return nil, fmt.Errorf("%s %s: create: %w", l.Kind, l.Name, err)
	}
	return created, nil
}

func (l NewLink) parts() []nl.NetlinkRequestData {
	flags := uint32(0)
	if l.Up {
		flags = unix.IFF_UP
	}
	parts := append([]nl.NetlinkRequestData{ifInfo(unix.AF_UNSPEC, 0, flags, flags)}, identity(l.Name, l.MAC, l.MTU)...)
	if l.Master != 0 {
		parts = append(parts, u32(unix.IFLA_MASTER, uint32(l.Master)))
	}
	if l.Parent != 0 {
		parts = append(parts, u32(unix.IFLA_LINK, uint32(l.Parent)))
	}
	if l.Namespace != nil {
		parts = append(parts, u32(unix.IFLA_NET_NS_FD, uint32(l.Namespace.Fd())))
	}
	info := nest(unix.IFLA_LINKINFO, str(unix.IFLA_INFO_KIND, l.Kind))
	if l.Data != nil {
		info.AddChild(nl.NewRtAttr(unix.IFLA_INFO_DATA|unix.NLA_F_NESTED, l.Data))
	}
	return append(parts, info)
}

// create sends RTM_NEWLINK and returns the link if the kernel describes it.
func (c *Conn) create(ctx context.Context, parts []nl.NetlinkRequestData) (created *Link, err error) {
	request, seq := c.build(unix.RTM_NEWLINK, unix.NLM_F_CREATE|unix.NLM_F_EXCL|unix.NLM_F_ACK|unix.NLM_F_ECHO, parts)
	err = c.exchange(ctx, request, seq, func(m syscall.NetlinkMessage) bool {
		if isLink(m, unix.RTM_NEWLINK) {
			created = parseLink(m.Data)
		}
		return false
	})
	return created, err
}

// MacvlanMode says which links of the same parent reach each other.
type MacvlanMode uint32

// The modes of macvlan (linux/if_link.h).
const (
	MacvlanPrivate  MacvlanMode = 1
	MacvlanVEPA     MacvlanMode = 2
	MacvlanBridge   MacvlanMode = 4
	MacvlanPassthru MacvlanMode = 8
)

// Macvlan returns the settings of a macvlan.
func Macvlan(mode MacvlanMode) Data {
	var e netlink.Encoder
	e.Uint32(unix.IFLA_MACVLAN_MODE, uint32(mode))
	return e.Encoded()
}

// VXLAN returns the settings of a vxlan with the network identifier, on the UDP port.
func VXLAN(id uint32, port uint16) Data {
	var e netlink.Encoder
	e.Uint32(unix.IFLA_VXLAN_ID, id)
	e.BigUint16(unix.IFLA_VXLAN_PORT, port)
	return e.Encoded()
}

// MacvlanMode returns the mode of a macvlan, and whether the link is one.
func (l *Link) MacvlanMode() (MacvlanMode, bool) {
	if l.Kind != "macvlan" {
		return 0, false
	}
	return MacvlanMode(l.Data.number(unix.IFLA_MACVLAN_MODE)), true
}

// VXLANID returns the network identifier of a vxlan, and whether the link is one.
func (l *Link) VXLANID() (uint32, bool) {
	if l.Kind != "vxlan" {
		return 0, false
	}
	return l.Data.number(unix.IFLA_VXLAN_ID), true
}

// number returns the value of one setting, 0 if there is none.
func (d Data) number(kind uint16) uint32 {
	for a := netlink.Decode(d); a.Next(); {
		if a.Kind() == kind {
			return a.Uint32()
		}
	}
	return 0
}
