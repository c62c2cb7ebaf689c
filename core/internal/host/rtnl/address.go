package rtnl

import (
	"context"
	"encoding/binary"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/libcni/libcni/core/internal/host/netlink"
)

// Address is an address of a link with the length of its network's prefix.
type Address struct {
	Prefix        netip.Prefix // not masked
	NoDAD         bool         // IPv6: usable immediately, without duplicate address detection
	NoPrefixRoute bool         // the kernel adds no route to the prefix
	MayExist      bool         // adding it succeeds if the link has it
	Tentative     bool         // IPv6, as read: not usable yet
	Duplicate     bool         // IPv6, as read: another host uses it
	LinkLocal     bool         // as read: of link scope
}

// AddAddress adds an address to a link. An IPv4 address gets the broadcast address of its network.
// The error wraps ErrExists if the link has the address, unless MayExist.
func (c *Conn) AddAddress(ctx context.Context, index int, a Address) error {
	return c.changeAll(ctx, []request{a.request(index)})
}

func (a Address) request(index int) request {
	ip, bits := a.Prefix.Addr(), a.Prefix.Bits()
	e := addressMessage(family(ip), bits, index)
	e.Bytes(unix.IFA_LOCAL, ip.AsSlice())
	e.Bytes(unix.IFA_ADDRESS, ip.AsSlice())
	if ip.Is4() && bits < 31 {
		e.Bytes(unix.IFA_BROADCAST, broadcast(a.Prefix))
	}
	if flags := a.flags(); flags != 0 {
		e.Uint32(unix.IFA_FLAGS, flags)
	}
	existing := uint16(unix.NLM_F_EXCL)
	if a.MayExist {
		existing = unix.NLM_F_REPLACE
	}
	return request{kind: unix.RTM_NEWADDR, flags: unix.NLM_F_CREATE | existing, body: e,
		doing: fmt.Sprintf("address %s: add", a.Prefix)}
}

func (a Address) flags() (flags uint32) {
	if a.NoDAD && a.Prefix.Addr().Is6() {
		flags |= unix.IFA_F_NODAD
	}
	if a.NoPrefixRoute {
		flags |= unix.IFA_F_NOPREFIXROUTE
	}
	return flags
}

// RemoveAddress removes an address from a link. The error wraps ErrNotFound.
func (c *Conn) RemoveAddress(ctx context.Context, index int, prefix netip.Prefix) error {
	e := addressMessage(family(prefix.Addr()), prefix.Bits(), index)
	e.Bytes(unix.IFA_LOCAL, prefix.Addr().AsSlice())
	if err := c.change(ctx, unix.RTM_DELADDR, 0, e); err != nil {
		return fmt.Errorf("address %s: remove: %w", prefix, err)
	}
	return nil
}

// Addresses lists the addresses of one link, IPv4 first.
func (c *Conn) Addresses(ctx context.Context, index int) ([]Address, error) {
	var found []Address
	for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
		err := c.dump(ctx, unix.RTM_GETADDR, addressMessage(family, 0, index), func(data []byte) {
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

// OwnAddresses lists the host's addresses of the example's family, without those of link scope. Its
// cost grows with the number of links.
func (c *Conn) OwnAddresses(ctx context.Context, example netip.Addr) ([]netip.Addr, error) {
	var own []netip.Addr
	err := c.dump(ctx, unix.RTM_GETADDR, addressMessage(family(example), 0, 0), func(data []byte) {
		if a, _ := parseAddress(data); a.Prefix.IsValid() && !a.LinkLocal {
			own = append(own, a.Prefix.Addr())
		}
	})
	if err != nil {
		return nil, fmt.Errorf("addresses: %w", err)
	}
	return own, nil
}

// parseAddress returns an address and the index of its link.
func parseAddress(data []byte) (a Address, index int) {
	if len(data) < unix.SizeofIfAddrmsg {
		return a, 0
	}

	var address, local netip.Addr
	flags := uint32(data[2])
	for d := netlink.DecodeAfter(data, unix.SizeofIfAddrmsg); d.Next(); {
		switch d.Kind() {
		case unix.IFA_ADDRESS:
			address, _ = netip.AddrFromSlice(d.Bytes())
		case unix.IFA_LOCAL: // on point-to-point links this is the link's own, IFA_ADDRESS the peer's
			local, _ = netip.AddrFromSlice(d.Bytes())
		case unix.IFA_FLAGS:
			flags = d.Uint32()
		}
	}
	if local.IsValid() {
		address = local
	}

	return Address{
		Prefix:        netip.PrefixFrom(address, int(data[1])),
		NoDAD:         flags&unix.IFA_F_NODAD != 0,
		NoPrefixRoute: flags&unix.IFA_F_NOPREFIXROUTE != 0,
		Tentative:     flags&unix.IFA_F_TENTATIVE != 0,
		Duplicate:     flags&unix.IFA_F_DADFAILED != 0,
		LinkLocal:     data[3] == unix.RT_SCOPE_LINK,
	}, int(binary.NativeEndian.Uint32(data[4:]))
}

func broadcast(prefix netip.Prefix) []byte {
	b := prefix.Addr().As4()
	host := ^uint32(0) >> prefix.Bits()
	return binary.BigEndian.AppendUint32(nil, binary.BigEndian.Uint32(b[:])|host)
}
