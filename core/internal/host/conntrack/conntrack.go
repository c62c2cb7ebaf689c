// Package conntrack makes the kernel forget connections, so that the next packet of each meets the rules as they are
// now.
package conntrack

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"syscall"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/libcni/libcni/core/internal/host/netlinksock"
)

// ErrUnsupported says that the kernel does not let its connections be listed or forgotten.
var ErrUnsupported = errors.New("not supported by the kernel")

// Destination is what connections were made to.
type Destination struct {
	Addr  netip.Addr // unspecified for any address of its family
	Port  uint16
	Proto byte // IPPROTO_*
}

// Flow is a connection: where its first packet was sent to, and who answers.
type Flow struct {
	Proto   byte
	To      netip.AddrPort
	Answers netip.AddrPort // differs from To where the destination is translated
}

// The kernel's numbers that x/sys/unix lacks.
const (
	getMessage    = 1 // IPCTNL_MSG_CT_GET
	deleteMessage = 2 // IPCTNL_MSG_CT_DELETE

	attrOriginal = 1  // CTA_TUPLE_ORIG
	attrReply    = 2  // CTA_TUPLE_REPLY
	attrID       = 12 // CTA_ID
	attrZone     = 18 // CTA_ZONE
	attrFilter   = 25 // CTA_FILTER

	filterOriginal = 1 // CTA_FILTER_ORIG_FLAGS
	filterReply    = 2 // CTA_FILTER_REPLY_FLAGS
	bySource       = 1 << 0
	bySourcePort   = 1 << 4
	byAddr         = 1 << 1
	byProto        = 1 << 3
	byPort         = 1 << 5

	tupleIP, tupleProto          = 1, 2 // CTA_TUPLE_*
	source4, dest4, source6, to6 = 1, 2, 3, 4
	protoNumber, fromPort, port  = 1, 2, 3
)

// few is up to how many destinations the kernel is asked for one by one: each time it goes through all connections.
const few = 4

// Forget makes the kernel forget the connections to the destinations that unwanted says so of, and returns how many
// those were. It works in the network namespace of the calling thread.
func Forget(ctx context.Context, destinations []Destination, unwanted func(Flow) bool) (int, error) {
	if len(destinations) == 0 {
		return 0, nil
	}
	s, err := netlinksock.Open(unix.NETLINK_NETFILTER)
	if err != nil {
		return 0, fmt.Errorf("conntrack: %w", err)
	}
	defer s.Close()
	wanted := map[Destination]bool{}
	for _, d := range destinations {
		wanted[d] = true
	}
	count := 0
	for _, q := range questions(destinations) {
		found, err := list(ctx, s, q)
		if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.EOPNOTSUPP) { // no such subsystem
			err = errors.Join(ErrUnsupported, err)
		}
		if err != nil {
			return count, fmt.Errorf("conntrack: list: %w", err)
		}
		for _, e := range found {
			if !matches(wanted, e.Flow) || !unwanted(e.Flow) {
				continue
			}
			if err := s.Ask(ctx, messageType(deleteMessage), unix.NLM_F_ACK, e.identity, nil); err != nil && !errors.Is(err, syscall.ENOENT) {
				return count, fmt.Errorf("conntrack: forget: %w", err)
			}
			count++
		}
	}
	return count, nil
}

func matches(wanted map[Destination]bool, f Flow) bool {
	return wanted[Destination{f.To.Addr(), f.To.Port(), f.Proto}] || wanted[Destination{unspecified(f.To.Addr()), f.To.Port(), f.Proto}]
}

// questions are what to ask the kernel for, each once: the destinations as far as it can compare, or where they are many
// all there is of their protocols.
func questions(destinations []Destination) []Destination {
	var all []Destination
	ask := func(narrow bool) {
		all = nil
		for _, d := range destinations {
			if !d.comparable() || !narrow {
				d.Addr = unspecified(d.Addr)
			}
			if !narrow {
				d.Port = 0
			}
			if !slices.Contains(all, d) {
				all = append(all, d)
			}
		}
	}
	if ask(true); len(all) > few {
		ask(false)
	}
	return all
}

func unspecified(a netip.Addr) netip.Addr {
	if a.Is6() {
		return netip.IPv6Unspecified()
	}
	return netip.IPv4Unspecified()
}

type entry struct {
	Flow
	identity []byte // the request that removes it
}

func list(ctx context.Context, s *netlinksock.Socket, d Destination) ([]entry, error) {
	family := byte(unix.AF_INET)
	if d.Addr.Is6() {
		family = unix.AF_INET6
	}
	var found []entry
	err := s.Ask(ctx, messageType(getMessage), unix.NLM_F_DUMP, append(header(family), d.filter()...), func(data []byte) {
		if e, ok := parse(data); ok {
			found = append(found, e)
		}
	})
	return found, err
}

func messageType(number int) int { return unix.NFNL_SUBSYS_CTNETLINK<<8 | number }

func header(family byte) []byte { return []byte{family, unix.NFNETLINK_V0, 0, 0} }

// filter is what the kernel compares, since Linux 5.8. An older one returns everything, which is compared again here.
func (d Destination) filter() []byte {
	filter := nest(attrFilter, nl.NewRtAttr(filterOriginal, binary.NativeEndian.AppendUint32(nil, d.flags())))
	return append(d.tuple().Serialize(), filter.Serialize()...)
}

// flags say which parts of the tuple count.
func (d Destination) flags() uint32 {
	flags := uint32(byProto)
	if d.Port != 0 {
		flags |= byPort
	}
	if d.comparable() {
		flags |= byAddr
	}
	return flags
}

func (d Destination) tuple() *nl.RtAttr {
	proto := nest(tupleProto, nl.NewRtAttr(protoNumber, []byte{d.Proto}))
	if d.Port != 0 {
		proto.AddChild(nl.NewRtAttr(port, binary.BigEndian.AppendUint16(nil, d.Port)))
	}
	tuple := nest(attrOriginal, proto)
	if d.comparable() {
		tuple.AddChild(nest(tupleIP, nl.NewRtAttr(dest4, d.Addr.AsSlice())))
	}
	return tuple
}

// comparable says whether the kernel can compare the address. It compares those of IPv6 the wrong way round: seen in
// Linux 6.18, whose ctnetlink_filter_match_tuple skips what is equal.
func (d Destination) comparable() bool { return d.Addr.Is4() && !d.Addr.IsUnspecified() }

func nest(kind int, children ...*nl.RtAttr) *nl.RtAttr {
	a := nl.NewRtAttr(kind|unix.NLA_F_NESTED, nil)
	for _, c := range children {
		a.AddChild(c)
	}
	return a
}

func parse(data []byte) (entry, bool) {
	if len(data) < 4 {
		return entry{}, false
	}
	attributes, err := nl.ParseRouteAttr(data[4:])
	if err != nil {
		return entry{}, false
	}
	e := entry{identity: header(data[0])}
	for _, a := range attributes {
		kind := int(a.Attr.Type &^ unix.NLA_F_NESTED)
		switch kind {
		case attrOriginal:
			e.Proto, _, e.To = parseTuple(a.Value)
		case attrReply:
			_, e.Answers, _ = parseTuple(a.Value)
		}
		if kind == attrOriginal || kind == attrID || kind == attrZone {
			e.identity = append(e.identity, nl.NewRtAttr(int(a.Attr.Type), a.Value).Serialize()...)
		}
	}
	return e, e.To.IsValid()
}

func parseTuple(data []byte) (proto byte, from, to netip.AddrPort) {
	var source, dest netip.Addr
	var ports [2]uint16
	attributes, _ := nl.ParseRouteAttr(data)
	for _, a := range attributes {
		inner, _ := nl.ParseRouteAttr(a.Value)
		for _, i := range inner {
			ofProto := a.Attr.Type&^unix.NLA_F_NESTED == tupleProto
			switch kind := i.Attr.Type; {
			case !ofProto && (kind == source4 || kind == source6):
				source, _ = netip.AddrFromSlice(i.Value)
			case !ofProto && (kind == dest4 || kind == to6):
				dest, _ = netip.AddrFromSlice(i.Value)
			case ofProto && kind == protoNumber && len(i.Value) == 1:
				proto = i.Value[0]
			case ofProto && (kind == fromPort || kind == port) && len(i.Value) == 2:
				ports[kind-fromPort] = binary.BigEndian.Uint16(i.Value)
			}
		}
	}
	return proto, netip.AddrPortFrom(source, ports[0]), netip.AddrPortFrom(dest, ports[1])
}
