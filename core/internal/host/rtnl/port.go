package rtnl

import (
	"context"
	"fmt"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// VLAN is a bridge port's membership of a VLAN.
type VLAN struct {
	ID       int
	PVID     bool // what arrives untagged belongs to it
	Untagged bool // what leaves in it leaves without tag
}

// PortVLANs is a bridge port, or the bridge itself, with the VLANs it is in.
type PortVLANs struct {
	Index  int
	Master int // the bridge; 0 for the bridge itself
	VLANs  []VLAN
}

// SetPort sets flags of a bridge port that are true in port, and makes it a member of vlans, in one request.
func (c *Conn) SetPort(ctx context.Context, index int, port Port, vlans []VLAN) error {
	parts := []nl.NetlinkRequestData{ifInfo(unix.AF_BRIDGE, index, 0, 0)}
	flags := nest(unix.IFLA_PROTINFO)
	if port.Hairpin {
		flags.AddChild(u8(nl.IFLA_BRPORT_MODE, true))
	}
	if port.Isolated {
		flags.AddChild(u8(nl.IFLA_BRPORT_ISOLATED, true))
	}
	if port.Hairpin || port.Isolated {
		parts = append(parts, flags)
	}
	if len(vlans) > 0 {
		parts = append(parts, vlanSpec(vlans))
	}
	if err := c.change(ctx, unix.RTM_SETLINK, 0, parts...); err != nil {
		return fmt.Errorf("bridge port with index %d: set: %w", index, err)
	}
	return nil
}

// RemovePortVLAN ends a bridge port's membership of a VLAN. That it is no member is no error.
func (c *Conn) RemovePortVLAN(ctx context.Context, index, vlan int) error {
	err := c.change(ctx, unix.RTM_DELLINK, 0, ifInfo(unix.AF_BRIDGE, index, 0, 0), vlanSpec([]VLAN{{ID: vlan}}))
	if err != nil {
		return fmt.Errorf("bridge port with index %d: remove vlan %d: %w", index, vlan, err)
	}
	return nil
}

func vlanSpec(vlans []VLAN) *nl.RtAttr {
	spec := nest(unix.IFLA_AF_SPEC)
	for _, v := range vlans {
		info := &nl.BridgeVlanInfo{Vid: uint16(v.ID)}
		if v.PVID {
			info.Flags |= nl.BRIDGE_VLAN_INFO_PVID
		}
		if v.Untagged {
			info.Flags |= nl.BRIDGE_VLAN_INFO_UNTAGGED
		}
		spec.AddRtAttr(nl.IFLA_BRIDGE_VLAN_INFO, info.Serialize())
	}
	return spec
}

// PortVLANs lists the ports of all bridges with their VLANs. The kernel does not filter this list.
func (c *Conn) PortVLANs(ctx context.Context) ([]PortVLANs, error) {
	var ports []PortVLANs
	err := c.dump(ctx, unix.RTM_GETLINK, ifInfo(unix.AF_BRIDGE, 0, 0, 0),
		[]nl.NetlinkRequestData{u32(unix.IFLA_EXT_MASK, nl.RTEXT_FILTER_BRVLAN)},
		func(data []byte) { ports = append(ports, parsePortVLANs(data)) })
	if err != nil {
		return nil, fmt.Errorf("bridge ports: %w", err)
	}
	return ports, nil
}

func parsePortVLANs(data []byte) PortVLANs {
	p := PortVLANs{Index: ifIndex(data)}
	each(body(data, unix.SizeofIfInfomsg), func(kind int, value []byte) {
		switch kind {
		case unix.IFLA_MASTER:
			p.Master = int(number(value))
		case unix.IFLA_AF_SPEC:
			each(value, func(kind int, value []byte) {
				if kind != nl.IFLA_BRIDGE_VLAN_INFO || len(value) < nl.SizeofBridgeVlanInfo {
					return
				}
				info := nl.DeserializeBridgeVlanInfo(value)
				p.VLANs = append(p.VLANs, VLAN{ID: int(info.Vid), PVID: info.PortVID(), Untagged: info.EngressUntag()})
			})
		}
	})
	if p.Master == p.Index {
		p.Master = 0
	}
	return p
}
