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

	"github.com/libcni/libcni/core/internal/host/netlinksock"
)

// Selector selects connections to a destination, and of those only what is answered by Answers, if that is valid.
type Selector struct {
	Destination
	Answers netip.AddrPort
}

// Remove makes the kernel forget the selected connections. Those of IPv4 it compares in the kernel, which goes through all
// connections once for each selector, but many times faster than a listing. Kernels before 6.11 cannot, and none can for
// IPv6: there it does what Forget does. It works in the network namespace of the calling thread.
func Remove(ctx context.Context, selectors []Selector) error {
	var four, listed []Selector
	for _, s := range selectors {
		if s.Addr.Is4() {
			four = append(four, s)
		} else {
			listed = append(listed, s)
		}
	}
	err := removeIn(ctx, four)
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.EOPNOTSUPP) {
		err, listed = nil, selectors
	}
	return errors.Join(err, removeListed(ctx, listed))
}

// removeIn has the kernel compare.
func removeIn(ctx context.Context, selectors []Selector) error {
	if len(selectors) == 0 {
		return nil
	}
	s, err := netlinksock.Open(unix.NETLINK_NETFILTER)
	if err != nil {
		return fmt.Errorf("conntrack: %w", err)
	}
	defer s.Close()
	for _, selector := range selectors {
		err := s.Ask(ctx, messageType(deleteMessage), unix.NLM_F_ACK, selector.request(), nil)
		if err != nil && !errors.Is(err, syscall.ENOENT) {
			return fmt.Errorf("conntrack: forget: %w", err)
		}
	}
	return nil
}

func removeListed(ctx context.Context, selectors []Selector) error {
	var destinations []Destination
	for _, s := range selectors {
		destinations = append(destinations, s.Destination)
	}
	_, err := Forget(ctx, destinations, func(f Flow) bool {
		for _, s := range selectors {
			if s.selects(f) {
				return true
			}
		}
		return false
	})
	return err
}

func (s Selector) selects(f Flow) bool {
	return s.Proto == f.Proto && s.Port == f.To.Port() && (s.Addr == f.To.Addr() || s.Addr.IsUnspecified() && s.Addr.Is4() == f.To.Addr().Is4()) &&
		(!s.Answers.IsValid() || s.Answers == f.Answers)
}

// request always has an incomplete tuple of the original direction, which a kernel that does not know the filter refuses:
// without one, it would take the request for one to forget everything.
func (s Selector) request() []byte {
	flags := []*nl.RtAttr{nl.NewRtAttr(filterOriginal, binary.NativeEndian.AppendUint32(nil, s.flags()))}
	data := append(header(unix.AF_INET), s.tuple().Serialize()...)
	if s.Answers.IsValid() {
		reply := nest(attrReply, nest(tupleIP, nl.NewRtAttr(source4, s.Answers.Addr().AsSlice())),
			nest(tupleProto, nl.NewRtAttr(protoNumber, []byte{s.Proto}), nl.NewRtAttr(fromPort, binary.BigEndian.AppendUint16(nil, s.Answers.Port()))))
		data = append(data, reply.Serialize()...)
		flags = append(flags, nl.NewRtAttr(filterReply, binary.NativeEndian.AppendUint32(nil, bySource|byProto|bySourcePort)))
	}
	return append(data, nest(attrFilter, flags...).Serialize()...)
}
