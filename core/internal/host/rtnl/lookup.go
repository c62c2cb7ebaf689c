package rtnl

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Absent reports that no link has the name, without the lock that the kernel's answer about a link waits for, while links
// come and go. False says nothing. It tries to bind the connection's socket to the link (socket(7), SO_BINDTODEVICE),
// which a netlink socket does not heed.
func (c *Conn) Absent(name string) bool {
	if len(name) >= unix.IFNAMSIZ {
		return false // the kernel would look for what fits
	}
	err := unix.SetsockoptString(c.sock.fd, unix.SOL_SOCKET, unix.SO_BINDTODEVICE, name)
	if err == nil {
		_ = unix.SetsockoptString(c.sock.fd, unix.SOL_SOCKET, unix.SO_BINDTODEVICE, "")
	}
	return err == unix.ENODEV
}

// Way is what the host does with packets to an address.
type Way struct {
	Local bool // the address is the host's own
	Link  int  // the index of the link they leave through; that of lo for an own address
}

// WayTo asks how packets to an address would be routed. Where they would not, the error is the kernel's.
func (c *Conn) WayTo(ctx context.Context, addr netip.Addr) (Way, error) {
	m := &nl.RtMsg{RtMsg: unix.RtMsg{Family: uint8(family(addr)), Dst_len: uint8(addr.BitLen())}}
	data, err := c.get(ctx, unix.RTM_GETROUTE, m, nl.NewRtAttr(unix.RTA_DST, addr.AsSlice()))
	if err != nil {
		return Way{}, fmt.Errorf("route to %s: %w", addr, err)
	}
	if len(data) < unix.SizeofRtMsg {
		return Way{}, fmt.Errorf("route to %s: %w", addr, ErrNotFound)
	}
	w := Way{Local: data[7] == unix.RTN_LOCAL}
	each(data[unix.SizeofRtMsg:], func(kind int, value []byte) {
		if kind == unix.RTA_OIF {
			w.Link = int(number(value))
		}
	})
	return w, nil
}

// OwnAddresses lists the host's addresses of the family of example, without those of link scope. Its cost grows with the
// number of links.
func (c *Conn) OwnAddresses(ctx context.Context, example netip.Addr) ([]netip.Addr, error) {
	var own []netip.Addr
	err := c.dump(ctx, unix.RTM_GETADDR, nl.NewIfAddrmsg(family(example)), nil, func(data []byte) {
		if a, _ := parseAddress(data); a.Prefix.IsValid() && !a.LinkLocal {
			own = append(own, a.Prefix.Addr())
		}
	})
	if err != nil {
		return nil, fmt.Errorf("addresses: %w", err)
	}
	return own, nil
}
