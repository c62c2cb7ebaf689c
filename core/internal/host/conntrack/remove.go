package conntrack

import (
	"context"
	"errors"
	"net/netip"

	"golang.org/x/sys/unix"
)

// Selector selects connections to a destination. If Answers is valid, it selects only those that
// Answers replies to.
type Selector struct {
	Destination
	Answers netip.AddrPort
}

// Remove deletes the selected connections. The kernel compares those of IPv4 itself: it goes
// through all connections once for each selector, which is many times faster than a list. Kernels
// before 6.11 cannot do so, and none can for IPv6: for those, Remove does what Forget does. It
// works in the network namespace of the calling thread.
func Remove(ctx context.Context, selectors []Selector) error {
	var compared, listed []Selector
	for _, s := range selectors {
		if s.Addr.Is4() {
			compared = append(compared, s)
		} else {
			listed = append(listed, s)
		}
	}

	err := removeCompared(ctx, compared)
	if isUnsupported(err) {
		err, listed = nil, selectors
	}
	return errors.Join(err, removeListed(ctx, listed))
}

// removeCompared lets the kernel compare.
func removeCompared(ctx context.Context, selectors []Selector) error {
	if len(selectors) == 0 {
		return nil
	}
	c, err := open()
	if err != nil {
		return err
	}
	defer c.Close()

	for _, s := range selectors {
		if err := c.delete(ctx, s.request()); err != nil {
			return err
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
	to := f.To.Addr()
	toAddress := s.Addr == to || s.Addr.IsUnspecified() && s.Addr.Is4() == to.Is4()
	return s.Proto == f.Proto && s.Port == f.To.Port() && toAddress &&
		(!s.Answers.IsValid() || s.Answers == f.Answers)
}

// request always has an incomplete tuple of the original direction, which a kernel that does not
// know the filter refuses. Without a tuple such a kernel would delete everything.
func (s Selector) request() []byte {
	e := message(unix.AF_INET)
	s.tuple(e)
	if s.Answers.IsValid() {
		e.Open(attrReply)
		e.Open(tupleIP)
		e.Bytes(source4, s.Answers.Addr().AsSlice())
		e.Close()
		e.Open(tupleProto)
		e.Uint8(protoNumber, s.Proto)
		e.BigUint16(sourcePort, s.Answers.Port())
		e.Close()
		e.Close()
	}
	e.Open(attrFilter)
	e.Uint32(filterOriginal, s.flags())
	if s.Answers.IsValid() {
		e.Uint32(filterReply, bySource|byProto|bySourcePort)
	}
	e.Close()
	return e.Encoded()
}
