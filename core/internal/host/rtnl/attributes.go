package rtnl

import (
	"bytes"
	"encoding/binary"
	"syscall"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// text reads a zero-terminated string.
func text(b []byte) string {
	s, _, _ := bytes.Cut(b, []byte{0})
	return string(s)
}

func number(b []byte) uint32 {
	switch len(b) {
	case 1:
		return uint32(b[0])
	case 2:
		return uint32(binary.NativeEndian.Uint16(b))
	case 4:
		return binary.NativeEndian.Uint32(b)
	default:
		return 0
	}
}

// each calls visit with the attributes of a message or of a nested attribute. What is malformed ends the walk.
func each(b []byte, visit func(kind int, value []byte)) {
	for len(b) >= unix.SizeofNlAttr {
		size := int(binary.NativeEndian.Uint16(b))
		if size < unix.SizeofNlAttr || size > len(b) {
			return
		}
		visit(int(binary.NativeEndian.Uint16(b[2:])&nlaTypeMask), b[unix.SizeofNlAttr:size])
		aligned := (size + unix.NLMSG_ALIGNTO - 1) &^ (unix.NLMSG_ALIGNTO - 1)
		b = b[min(aligned, len(b)):]
	}
}

const nlaTypeMask = ^uint16(unix.NLA_F_NESTED | unix.NLA_F_NET_BYTEORDER)

// body returns the attributes that follow a message's fixed part of the given size.
func body(data []byte, fixed int) []byte {
	if len(data) < fixed {
		return nil
	}
	return data[fixed:]
}

func u32(kind int, value uint32) *nl.RtAttr {
	return nl.NewRtAttr(kind, binary.NativeEndian.AppendUint32(nil, value))
}

func u8(kind int, value bool) *nl.RtAttr {
	b := []byte{0}
	if value {
		b[0] = 1
	}
	return nl.NewRtAttr(kind, b)
}

func str(kind int, value string) *nl.RtAttr {
	return nl.NewRtAttr(kind, nl.ZeroTerminated(value))
}

func nest(kind int, children ...nl.NetlinkRequestData) *nl.RtAttr {
	a := nl.NewRtAttr(kind|unix.NLA_F_NESTED, nil)
	for _, child := range children {
		a.AddChild(child)
	}
	return a
}

// ifInfo is the fixed part of a link message.
func ifInfo(family, index int, flags, change uint32) *nl.IfInfomsg {
	m := nl.NewIfInfomsg(family)
	m.Index, m.Flags, m.Change = int32(index), flags, change
	return m
}

func ifIndex(data []byte) int {
	if len(data) < unix.SizeofIfInfomsg {
		return 0
	}
	return int(int32(binary.NativeEndian.Uint32(data[4:])))
}

// isLink tells a message about a link itself from the bridge's message about its port, which has the same type.
func isLink(m syscall.NetlinkMessage, kind uint16) bool {
	return m.Header.Type == kind && len(m.Data) >= unix.SizeofIfInfomsg && m.Data[0] == unix.AF_UNSPEC
}
