package rtnl

import (
	"context"
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Address is an address of a link with the length of its network's prefix.
type Address struct {
	Prefix        netip.Prefix // not masked
	NoDAD         bool         // IPv6: usable immediately, without duplicate address detection
	NoPrefixRoute bool         // the kernel adds no route to the prefix
	Tentative     bool         // IPv6, as read: not usable yet
	Duplicate     bool         // IPv6, as read: another host uses it
	LinkLocal     bool         // as read: of link scope
}

// AddAddress gives a link an address; an IPv4 one gets the broadcast address of its network. It wraps ErrExists.
func (c *Conn) AddAddress(ctx context.Context, index int, a Address) error {
	return c.changeAll(ctx, []request{a.request(index)})
}

func (a Address) request(index int) request {
	ip, bits := a.Prefix.Addr(), a.Prefix.Bits()
	parts := []nl.NetlinkRequestData{addressInfo(index, a.Prefix),
		nl.NewRtAttr(unix.IFA_LOCAL, ip.AsSlice()), nl.NewRtAttr(unix.IFA_ADDRESS, ip.AsSlice())}
	if ip.Is4() && bits < 31 {
		parts = append(parts, nl.NewRtAttr(unix.IFA_BROADCAST, broadcast(a.Prefix)))
	}
	flags := uint32(0)
	if a.NoDAD && ip.Is6() {
		flags |= unix.IFA_F_NODAD
	}
	if a.NoPrefixRoute {
		flags |= unix.IFA_F_NOPREFIXROUTE
	}
	if flags != 0 {
		parts = append(parts, u32(unix.IFA_FLAGS, flags))
	}
	return request{kind: unix.RTM_NEWADDR, flags: unix.NLM_F_CREATE | unix.NLM_F_EXCL, parts: parts, doing: fmt.Sprintf("address %s: add", a.Prefix)}
}

// RemoveAddress takes an address off a link. It wraps ErrNotFound.
func (c *Conn) RemoveAddress(ctx context.Context, index int, prefix netip.Prefix) error {
	err := c.change(ctx, unix.RTM_DELADDR, 0, addressInfo(index, prefix),
		nl.NewRtAttr(unix.IFA_LOCAL, prefix.Addr().AsSlice()))
	if err != nil {
		return fmt.Errorf("address %s: remove: %w", prefix, err)
	}
	return nil
}

// Addresses lists the addresses of one link, IPv4 first.
func (c *Conn) Addresses(ctx context.Context, index int) ([]Address, error) {
	var found []Address
	for _, family := range []int{unix.AF_INET, unix.AF_INET6} {
		filter := nl.NewIfAddrmsg(family)
		filter.Index = uint32(index)
		err := c.dump(ctx, unix.RTM_GETADDR, filter, nil, func(data []byte) {
			if a, of := parseAddress(data); of == index && a.Prefix.IsValid() {
				found = append(found, a)
			}
		})
		if err != nil {
			return nil, fmt.Errorf("addresses of link with index %d: %w", index, err)
		}
	}
	return found, nil
}

func addressInfo(index int, prefix netip.Prefix) *nl.IfAddrmsg {
	m := nl.NewIfAddrmsg(family(prefix.Addr()))
	m.Index, m.Prefixlen = uint32(index), uint8(prefix.Bits())
	return m
}

func parseAddress(data []byte) (a Address, index int) {
	if len(data) < unix.SizeofIfAddrmsg {
		return a, 0
	}
	m := nl.DeserializeIfAddrmsg(data)
	var address, local netip.Addr
	flags := uint32(m.Flags)
	each(data[unix.SizeofIfAddrmsg:], func(kind int, value []byte) {
		switch kind {
		case unix.IFA_ADDRESS:
			address, _ = netip.AddrFromSlice(value)
		case unix.IFA_LOCAL: // differs from IFA_ADDRESS on point-to-point links, and is the link's own there
			local, _ = netip.AddrFromSlice(value)
		case unix.IFA_FLAGS:
			flags = number(value)
		}
	})
	if local.IsValid() {
		address = local
	}
	return Address{
		Prefix:        netip.PrefixFrom(address, int(m.Prefixlen)),
		NoPrefixRoute: flags&unix.IFA_F_NOPREFIXROUTE != 0,
		NoDAD:         flags&unix.IFA_F_NODAD != 0,
		Tentative:     flags&unix.IFA_F_TENTATIVE != 0,
		Duplicate:     flags&unix.IFA_F_DADFAILED != 0,
		LinkLocal:     m.Scope == unix.RT_SCOPE_LINK,
	}, int(m.Index)
}

func broadcast(prefix netip.Prefix) []byte {
	b := prefix.Addr().As4()
	host := ^uint32(0) >> prefix.Bits()
	return binary.BigEndian.AppendUint32(nil, binary.BigEndian.Uint32(b[:])|host)
}

func family(a netip.Addr) int {
	if a.Is4() {
		return unix.AF_INET
	}
	return unix.AF_INET6
}
