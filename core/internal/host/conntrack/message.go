package conntrack

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/libcni/libcni/core/internal/host/netlink"
)

// Numbers of linux/netfilter/nfnetlink_conntrack.h that x/sys/unix lacks.
const (
	getMessage    = unix.NFNL_SUBSYS_CTNETLINK<<8 | 1 // IPCTNL_MSG_CT_GET
	deleteMessage = unix.NFNL_SUBSYS_CTNETLINK<<8 | 2 // IPCTNL_MSG_CT_DELETE

	attrOriginal = 1  // CTA_TUPLE_ORIG
	attrReply    = 2  // CTA_TUPLE_REPLY
	attrID       = 12 // CTA_ID
	attrZone     = 18 // CTA_ZONE
	attrFilter   = 25 // CTA_FILTER

	filterOriginal = 1 // CTA_FILTER_ORIG_FLAGS
	filterReply    = 2 // CTA_FILTER_REPLY_FLAGS
	bySource       = 1 << 0
	byDestination  = 1 << 1
	byProto        = 1 << 3
	bySourcePort   = 1 << 4
	byPort         = 1 << 5

	tupleIP, tupleProto = 1, 2 // CTA_TUPLE_*
	source4, dest4      = 1, 2 // CTA_IP_V4_*
	source6, dest6      = 3, 4 // CTA_IP_V6_*

	protoNumber         = 1    // CTA_PROTO_NUM
	sourcePort, dstPort = 2, 3 // CTA_PROTO_*_PORT

	headerSize = 4 // struct nfgenmsg
)

// conn asks the kernel about the connections of one network namespace.
type conn struct{ *netlink.Conn }

func open() (conn, error) {
	socket, err := netlink.Open(unix.NETLINK_NETFILTER, 0)
	if err != nil {
		return conn{}, fmt.Errorf("conntrack: %w", err)
	}
	return conn{netlink.NewConn(socket, new(netlink.Buffer))}, nil
}

// entry is a connection with the request that deletes it.
type entry struct {
	Flow
	identity *netlink.Encoder
}

func (c conn) list(ctx context.Context, d Destination) ([]entry, error) {
	family := uint8(unix.AF_INET)
	if d.Addr.Is6() {
		family = unix.AF_INET6
	}
	e := message(family)
	d.tuple(e)
	e.Open(attrFilter)
	e.Uint32(filterOriginal, d.flags())
	e.Close()

	var found []entry
	err := c.Dump(ctx, getMessage, e.Encoded(), func(data []byte) {
		if e, ok := parse(data); ok {
			found = append(found, e)
		}
	})
	if isUnsupported(err) {
		err = errors.Join(ErrUnsupported, err)
	}
	if err != nil {
		return nil, fmt.Errorf("conntrack: list: %w", err)
	}
	return found, nil
}

// delete succeeds if nothing matches the request.
func (c conn) delete(ctx context.Context, request []byte) error {
	if err := c.Change(ctx, deleteMessage, 0, request); err != nil && !errors.Is(err, syscall.ENOENT) {
		return fmt.Errorf("conntrack: delete: %w", err)
	}
	return nil
}

// isUnsupported recognises a kernel without the subsystem, or without a part of it.
func isUnsupported(err error) bool {
	return errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.EOPNOTSUPP)
}

func message(family uint8) *netlink.Encoder {
	e := &netlink.Encoder{}
	e.Fixed(family, unix.NFNETLINK_V0, 0, 0)
	return e
}

// tuple appends what the kernel compares, since Linux 5.8. An older one returns everything, which
// Forget compares.
func (d Destination) tuple(e *netlink.Encoder) {
	e.Open(attrOriginal)
	e.Open(tupleProto)
	e.Uint8(protoNumber, d.Proto)
	if d.Port != 0 {
		e.BigUint16(dstPort, d.Port)
	}
	e.Close()
	if d.comparable() {
		e.Open(tupleIP)
		e.Bytes(dest4, d.Addr.AsSlice())
		e.Close()
	}
	e.Close()
}

// flags say which parts of the tuple count.
func (d Destination) flags() uint32 {
	flags := uint32(byProto)
	if d.Port != 0 {
		flags |= byPort
	}
	if d.comparable() {
		flags |= byDestination
	}
	return flags
}

func parse(data []byte) (entry, bool) {
	if len(data) < headerSize {
		return entry{}, false
	}

	e := entry{identity: message(data[0])}
	for d := netlink.DecodeAfter(data, headerSize); d.Next(); {
		switch d.Kind() {
		case attrOriginal:
			t := parseTuple(d.Bytes())
			e.Proto, e.To = t.proto, t.to()
			e.identity.Bytes(attrOriginal|unix.NLA_F_NESTED, d.Bytes())
		case attrReply:
			e.Answers = parseTuple(d.Bytes()).from()
		case attrID, attrZone:
			e.identity.Bytes(d.Kind(), d.Bytes())
		}
	}
	return e, e.To.IsValid()
}

// tuple is one direction of a connection.
type tuple struct {
	proto            uint8
	source, dest     netip.Addr
	fromPort, toPort uint16
}

func (t tuple) from() netip.AddrPort { return netip.AddrPortFrom(t.source, t.fromPort) }
func (t tuple) to() netip.AddrPort   { return netip.AddrPortFrom(t.dest, t.toPort) }

func parseTuple(data []byte) (t tuple) {
	for d := netlink.Decode(data); d.Next(); {
		switch d.Kind() {
		case tupleIP:
			t.parseAddresses(d.Bytes())
		case tupleProto:
			t.parseProto(d.Bytes())
		}
	}
	return t
}

func (t *tuple) parseAddresses(data []byte) {
	for d := netlink.Decode(data); d.Next(); {
		switch d.Kind() {
		case source4, source6:
			t.source, _ = netip.AddrFromSlice(d.Bytes())
		case dest4, dest6:
			t.dest, _ = netip.AddrFromSlice(d.Bytes())
		}
	}
}

func (t *tuple) parseProto(data []byte) {
	for d := netlink.Decode(data); d.Next(); {
		switch d.Kind() {
		case protoNumber:
			t.proto = uint8(d.Uint32())
		case sourcePort:
			t.fromPort = d.BigUint16()
		case dstPort:
			t.toPort = d.BigUint16()
		}
	}
}
