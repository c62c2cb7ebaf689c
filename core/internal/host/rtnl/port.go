package rtnl

import (
	"context"
	"encoding/binary"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/libcni/libcni/core/internal/host/netlink"
)

// VLAN is a bridge port's membership of a VLAN.
type VLAN struct {
	ID       int
	PVID     bool // untagged frames that arrive belong to it
	Untagged bool // frames leave without tag
}

// PortVLANs is a bridge port, or the bridge itself, with the VLANs it is in.
type PortVLANs struct {
	Index  int
	Master int // the bridge; 0 for the bridge itself
	VLANs  []VLAN
}

// Numbers of linux/if_bridge.h and linux/rtnetlink.h that x/sys/unix lacks.
const (
	bridgeVLANInfo     = 2 // IFLA_BRIDGE_VLAN_INFO
	bridgeVLANInfoSize = 4 // struct bridge_vlan_info
	vlanPVID           = 1 << 1
	vlanUntagged       = 1 << 2
	vlanRangeBegin     = 1 << 3
	vlanRangeEnd       = 1 << 4
	filterVLANRanges   = 1 << 2 // RTEXT_FILTER_BRVLAN_COMPRESSED
)

// SetPort sets those flags of a bridge port that are true in port, and makes it a member of vlans,
// in one request.
func (c *Conn) SetPort(ctx context.Context, index int, port Port, vlans []VLAN) error {
	e := linkMessage(unix.AF_BRIDGE, index, 0, 0)
	if port.Hairpin || port.Isolated {
		e.Open(unix.IFLA_PROTINFO)
		if port.Hairpin {
			e.Bool(unix.IFLA_BRPORT_MODE, true)
		}
		if port.Isolated {
			e.Bool(unix.IFLA_BRPORT_ISOLATED, true)
		}
		e.Close()
	}
	if len(vlans) > 0 {
		appendVLANs(e, vlans)
	}
	if err := c.change(ctx, unix.RTM_SETLINK, 0, e); err != nil {
		return fmt.Errorf("bridge port with index %d: set: %w", index, err)
	}
	return nil
}

// RemovePortVLAN ends a bridge port's membership of a VLAN. It succeeds if the port is not a
// member.
func (c *Conn) RemovePortVLAN(ctx context.Context, index, vlan int) error {
	e := linkMessage(unix.AF_BRIDGE, index, 0, 0)
	appendVLANs(e, []VLAN{{ID: vlan}})
	if err := c.change(ctx, unix.RTM_DELLINK, 0, e); err != nil {
		return fmt.Errorf("bridge port with index %d: remove vlan %d: %w", index, vlan, err)
	}
	return nil
}

// appendVLANs appends memberships, those that follow each other as one range.
func appendVLANs(e *netlink.Encoder, vlans []VLAN) {
	e.Open(unix.IFLA_AF_SPEC)
	for len(vlans) > 0 {
		n := rangeLength(vlans)
		first, last := vlans[0], vlans[n-1]
		if n == 1 {
			appendVLAN(e, first, 0)
		} else {
			appendVLAN(e, first, vlanRangeBegin)
			appendVLAN(e, last, vlanRangeEnd)
		}
		vlans = vlans[n:]
	}
	e.Close()
}

// rangeLength returns how many VLANs at the beginning the kernel takes as one range.
func rangeLength(vlans []VLAN) int {
	n := 1
	for n < len(vlans) && !vlans[0].PVID &&
		vlans[n] == (VLAN{ID: vlans[0].ID + n, Untagged: vlans[0].Untagged}) {
		n++
	}
	return n
}

func appendVLAN(e *netlink.Encoder, v VLAN, flags uint16) {
	if v.PVID {
		flags |= vlanPVID
	}
	if v.Untagged {
		flags |= vlanUntagged
	}
	info := binary.NativeEndian.AppendUint16(nil, flags)
	e.Bytes(bridgeVLANInfo, binary.NativeEndian.AppendUint16(info, uint16(v.ID)))
}

// PortVLANs lists the ports of all bridges with their VLANs. The kernel does not filter this list.
func (c *Conn) PortVLANs(ctx context.Context) ([]PortVLANs, error) {
	var ports []PortVLANs
	e := linkMessage(unix.AF_BRIDGE, 0, 0, 0)
	e.Uint32(unix.IFLA_EXT_MASK, filterVLANRanges)
	err := c.dump(ctx, unix.RTM_GETLINK, e, func(data []byte) {
		ports = append(ports, parsePortVLANs(data))
	})
	if err != nil {
		return nil, fmt.Errorf("bridge ports: %w", err)
	}
	return ports, nil
}

func parsePortVLANs(data []byte) PortVLANs {
	p := PortVLANs{Index: linkIndex(data)}
	for d := netlink.DecodeAfter(data, unix.SizeofIfInfomsg); d.Next(); {
		switch d.Kind() {
		case unix.IFLA_MASTER:
			p.Master = d.Int()
		case unix.IFLA_AF_SPEC:
			p.VLANs = append(p.VLANs, parseVLANs(d.Bytes())...)
		}
	}
	if p.Master == p.Index {
		p.Master = 0
	}
	return p
}

func parseVLANs(spec []byte) []VLAN {
	var vlans []VLAN
	first := 0 // of a range
	for d := netlink.Decode(spec); d.Next(); {
		info := d.Bytes()
		if d.Kind() != bridgeVLANInfo || len(info) < bridgeVLANInfoSize {
			continue
		}
		flags, id := binary.NativeEndian.Uint16(info), int(binary.NativeEndian.Uint16(info[2:]))
		switch {
		case flags&vlanRangeBegin != 0:
			first = id
			continue
		case flags&vlanRangeEnd == 0:
			first = id
		}
		for ; first <= id; first++ {
			vlans = append(vlans, VLAN{ID: first, PVID: flags&vlanPVID != 0,
				Untagged: flags&vlanUntagged != 0})
		}
	}
	return vlans
}
