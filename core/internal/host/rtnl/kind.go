package rtnl

import (
	"golang.org/x/sys/unix"

	"github.com/libcni/libcni/core/internal/host/netlink"
)

// Data holds the settings of a link's kind, as attributes of that kind (IFLA_INFO_DATA).
type Data []byte

// number returns the value of one setting, 0 if it is absent.
func (d Data) number(kind uint16) uint32 {
	for a := netlink.Decode(d); a.Next(); {
		if a.Kind() == kind {
			return a.Uint32()
		}
	}
	return 0
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

// MacvlanMode returns the mode of a macvlan, and whether the link is one.
func (l *Link) MacvlanMode() (MacvlanMode, bool) {
	if l.Kind != "macvlan" {
		return 0, false
	}
	return MacvlanMode(l.Data.number(unix.IFLA_MACVLAN_MODE)), true
}

// VXLAN returns the settings of a vxlan with a network identifier, on a UDP port.
func VXLAN(id uint32, port uint16) Data {
	var e netlink.Encoder
	e.Uint32(unix.IFLA_VXLAN_ID, id)
	e.BigUint16(unix.IFLA_VXLAN_PORT, port)
	return e.Encoded()
}

// VXLANID returns the network identifier of a vxlan, and whether the link is one.
func (l *Link) VXLANID() (uint32, bool) {
	if l.Kind != "vxlan" {
		return 0, false
	}
	return l.Data.number(unix.IFLA_VXLAN_ID), true
}
