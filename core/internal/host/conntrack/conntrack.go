// Package conntrack deletes connections from the kernel's table, so that the next packet of each
// meets the current rules.
package conntrack

import (
	"context"
	"errors"
	"net/netip"
)

// ErrUnsupported says that the kernel cannot list or delete connections.
var ErrUnsupported = errors.New("not supported by the kernel")

// Destination is what connections were made to.
type Destination struct {
	Addr  netip.Addr // unspecified for any address of its family
	Port  uint16     // 0 for any, of an unspecified address
	Proto byte       // IPPROTO_*
}

// Flow is a connection.
type Flow struct {
	Proto byte
	To    netip.AddrPort // the destination of its first packet
	// the source of the answers: differs from To if the destination is translated
	Answers netip.AddrPort
}

// maxQuestions is up to how many destinations the kernel is asked for one by one: each question
// makes it go through all connections.
const maxQuestions = 4

// Forget deletes the connections to the destinations that unwanted selects from the kernel's table,
// and returns how many those were. It works in the network namespace of the calling thread.
func Forget(
	ctx context.Context, destinations []Destination, unwanted func(Flow) bool,
) (int, error) {
	if len(destinations) == 0 {
		return 0, nil
	}
	c, err := open()
	if err != nil {
		return 0, err
	}
	defer c.Close()

	wanted := map[Destination]bool{}
	for _, d := range destinations {
		wanted[d] = true
	}
	count := 0
	for _, q := range questions(destinations) {
		found, err := c.list(ctx, q)
		if err != nil {
			return count, err
		}
		for _, e := range found {
			if !matches(wanted, e.Flow) || !unwanted(e.Flow) {
				continue
			}
			if err := c.delete(ctx, e.identity.Encoded()); err != nil {
				return count, err
			}
			count++
		}
	}
	return count, nil
}

func matches(wanted map[Destination]bool, f Flow) bool {
	anyAddress := Destination{unspecified(f.To.Addr()), f.To.Port(), f.Proto}
	anyPort := Destination{Addr: anyAddress.Addr, Proto: f.Proto}
	return wanted[Destination{f.To.Addr(), f.To.Port(), f.Proto}] || wanted[anyAddress] ||
		wanted[anyPort]
}

// questions returns what to ask the kernel for, each once: the destinations as far as it can
// compare them. If they are many, it returns a question for all connections of each protocol.
func questions(destinations []Destination) []Destination {
	var narrow, wide []Destination
	known, knownWide := map[Destination]bool{}, map[Destination]bool{}
	for _, d := range destinations {
		if !d.comparable() {
			d.Addr = unspecified(d.Addr)
		}
		narrow = appendNew(narrow, known, d)
		wide = appendNew(wide, knownWide, Destination{Addr: unspecified(d.Addr), Proto: d.Proto})
	}
	if len(narrow) > maxQuestions {
		return wide
	}
	return narrow
}

func appendNew(all []Destination, known map[Destination]bool, d Destination) []Destination {
	if known[d] {
		return all
	}
	known[d] = true
	return append(all, d)
}

func unspecified(a netip.Addr) netip.Addr {
	if a.Is6() {
		return netip.IPv6Unspecified()
	}
	return netip.IPv4Unspecified()
}

// comparable reports whether the kernel can compare the address. It compares IPv6 addresses the
// wrong way round: in Linux 6.18, ctnetlink_filter_match_tuple skips those that are equal.
func (d Destination) comparable() bool { return d.Addr.Is4() && !d.Addr.IsUnspecified() }
