package rtnl

import (
	"encoding/binary"
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/libcni/libcni/core/internal/host/netlink"
)

// linkMessage begins a message about a link: struct ifinfomsg. flags are set as far as mask says.
func linkMessage(family uint8, index int, flags, mask uint32) *netlink.Encoder {
	var fixed [unix.SizeofIfInfomsg]byte
	fixed[0] = family
	binary.NativeEndian.PutUint32(fixed[4:], uint32(index))
	binary.NativeEndian.PutUint32(fixed[8:], flags)
	binary.NativeEndian.PutUint32(fixed[12:], mask)
	return message(fixed[:])
}

// addressMessage begins a message about addresses: struct ifaddrmsg.
func addressMessage(family uint8, bits, index int) *netlink.Encoder {
	var fixed [unix.SizeofIfAddrmsg]byte
	fixed[0], fixed[1] = family, uint8(bits)
	binary.NativeEndian.PutUint32(fixed[4:], uint32(index))
	return message(fixed[:])
}

// routeFields is struct rtmsg.
type routeFields struct {
	family, bits, table, protocol, scope, kind uint8
	flags                                      uint32
}

// routeMessage begins a message about routes.
func routeMessage(r routeFields) *netlink.Encoder {
	var fixed [unix.SizeofRtMsg]byte
	fixed[0], fixed[1] = r.family, r.bits
	fixed[4], fixed[5], fixed[6], fixed[7] = r.table, r.protocol, r.scope, r.kind
	binary.NativeEndian.PutUint32(fixed[8:], r.flags)
	return message(fixed[:])
}

func message(fixed []byte) *netlink.Encoder {
	e := &netlink.Encoder{}
	e.Fixed(fixed...)
	return e
}

// linkIndex returns the index of the link that a message is about.
func linkIndex(data []byte) int {
	if len(data) < unix.SizeofIfInfomsg {
		return 0
	}
	return int(int32(binary.NativeEndian.Uint32(data[4:])))
}

// isLink distinguishes a message about a link itself from the bridge's message about its port,
// which has the same type.
func isLink(m netlink.Message, kind uint16) bool {
	return m.Kind == kind && len(m.Data) >= unix.SizeofIfInfomsg && m.Data[0] == unix.AF_UNSPEC
}

func family(a netip.Addr) uint8 {
	if a.Is4() {
		return unix.AF_INET
	}
	return unix.AF_INET6
}
