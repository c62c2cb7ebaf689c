// Package conntrack makes the kernel forget connections, so that the next packet of each meets the rules as they are
// now.
package conntrack

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"syscall"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"libcni/core/internal/host/netlinksock"
)

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
	any4or6 := netip.IPv4Unspecified()
	if f.To.Addr().Is6() {
		any4or6 = netip.IPv6Unspecified()
	}
	return wanted[Destination{f.To.Addr(), f.To.Port(), f.Proto}] || wanted[Destination{any4or6, f.To.Port(), f.Proto}]
}

// questions are what to ask the kernel for: the destinations, or where they are many all there is of their protocols.
func questions(destinations []Destination) []Destination {
	if len(destinations) <= few {
		return destinations
	}
	seen := map[Destination]bool{}
	var all []Destination
	for _, d := range destinations {
		wide := Destination{Addr: netip.IPv4Unspecified(), Proto: d.Proto}
		if d.Addr.Is6() {
			wide.Addr = netip.IPv6Unspecified()
		}
		if !seen[wide] {
			seen[wide] = true
			all = append(all, wide)
		}
	}
	return all
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
	flags := uint32(byProto)
	proto := nest(tupleProto, nl.NewRtAttr(protoNumber, []byte{d.Proto}))
	if d.Port != 0 {
		flags |= byPort
		proto.AddChild(nl.NewRtAttr(port, binary.BigEndian.AppendUint16(nil, d.Port)))
	}
	tuple := nest(attrOriginal, proto)
	if !d.Addr.IsUnspecified() {
		flags |= byAddr
		kind := dest4
		if d.Addr.Is6() {
			kind = to6
		}
		tuple.AddChild(nest(tupleIP, nl.NewRtAttr(kind, d.Addr.AsSlice())))
	}
	filter := nest(attrFilter, nl.NewRtAttr(filterOriginal, binary.NativeEndian.AppendUint32(nil, flags)))
	return append(tuple.Serialize(), filter.Serialize()...)
}

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
