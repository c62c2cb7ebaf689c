package hostlocal

import (
	"fmt"
	"net/netip"

	"github.com/libcni/libcni/core/internal/builtin/ipamconfig"
	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/kit/ipam"
)

// addressRange is the part of a subnet from which addresses are allocated, except the gateway.
type addressRange struct {
	subnet     netip.Prefix
	start, end netip.Addr // both inclusive
	gateway    netip.Addr
}

// newRange validates a range and sets defaults: the first host address for start and gateway, and
// the last one for end.
func newRange(key string, raw rawRange) (addressRange, error) {
	var r addressRange
	var err error
	if r.subnet, err = parseSubnet(key+".subnet", raw.Subnet); err != nil {
		return r, err
	}
	first, last := hosts(r.subnet)
	if r.gateway, err = addressOr(first, key+".gateway", raw.Gateway); err != nil {
		return r, err
	}
	if r.start, err = addressOr(first, key+".rangeStart", raw.RangeStart); err != nil {
		return r, err
	}
	if r.end, err = addressOr(last, key+".rangeEnd", raw.RangeEnd); err != nil {
		return r, err
	}
	return r, r.check(key, raw)
}

// check compares the addresses of the range with each other.
func (r addressRange) check(key string, raw rawRange) error {
	switch {
	case !r.subnet.Contains(r.gateway):
		return fault.InvalidConfig(key+".gateway", "host-local: gateway %s not in network %s", r.gateway,
			r.subnet)
	case !r.subnet.Contains(r.start):
		return fault.InvalidConfig(key+".rangeStart",
			"host-local: RangeStart %s not in network %s", r.start, r.subnet)
	case !r.subnet.Contains(r.end):
		return fault.InvalidConfig(key+".rangeEnd", "host-local: RangeEnd %s not in network %s",
			r.end, r.subnet)
	case r.end.Less(r.start) && raw.RangeEnd == "":
		return fault.InvalidConfig(key+".rangeStart",
			"host-local: RangeStart %s is after %s, the last address to allocate in network %s", r.start,
			r.end, r.subnet)
	case r.end.Less(r.start):
		return fault.InvalidConfig(key+".rangeEnd",
			"host-local: RangeEnd %s is before RangeStart %s", r.end, r.start)
	}
	return nil
}

func parseSubnet(key, text string) (netip.Prefix, error) {
	if text == "" {
		return netip.Prefix{}, fault.InvalidConfig(key, "host-local: %s is missing", key)
	}
	subnet, err := ipamconfig.Prefix(key, text)
	switch {
	case err != nil:
		return subnet, err
	case subnet.IsSingleIP():
		return subnet, fault.InvalidConfig(key, "host-local: Network %s too small to allocate from",
			subnet)
	case subnet != subnet.Masked():
		return subnet, fault.InvalidConfig(
			key,
			"host-local: Network has host bits set. For a subnet mask of length %d "+
				"the network address is %s",
			subnet.Bits(),
			subnet.Masked().Addr(),
		)
	}
	if err := ipam.CheckNetwork(subnet); err != nil {
		return subnet, fault.InvalidConfig(key, "host-local: %s: %v", key, err)
	}
	return subnet, nil
}

// hosts returns the first and the last host address of a subnet: all addresses but the first, which
// denotes the subnet, and for IPv4 the last, the broadcast address. Both addresses of a subnet of
// two are hosts (RFC 3021, RFC 6164).
func hosts(subnet netip.Prefix) (first, last netip.Addr) {
	first, last = subnet.Addr(), ipam.Last(subnet)
	if subnet.Bits() == first.BitLen()-1 {
		return first, last
	}
	if last.Is4() {
		last = last.Prev()
	}
	return first.Next(), last
}

func addressOr(otherwise netip.Addr, key, text string) (netip.Addr, error) {
	if text == "" {
		return otherwise, nil
	}
	addr, err := ipamconfig.Address(key, text)
	if err != nil {
		return addr, err
	}
	if err := ipam.CheckUnicast(addr); err != nil {
		return addr, fault.InvalidConfig(key, "host-local: %s: %v", key, err)
	}
	return addr, nil
}

func (r addressRange) contains(addr netip.Addr) bool {
	return addr.BitLen() == r.start.BitLen() && !addr.Less(r.start) && !r.end.Less(addr)
}

func (r addressRange) String() string { return r.start.String() + "-" + r.end.String() }

// rangeSet are the ranges from which one address is given. They are of one family and do not
// overlap.
type rangeSet []addressRange

func newRangeSet(key string, raw []rawRange) (rangeSet, error) {
	if len(raw) == 0 {
		return nil, fault.InvalidConfig(key, "host-local: %s: empty range set", key)
	}
	var set rangeSet
	for i, item := range raw {
		r, err := newRange(fmt.Sprintf("%s[%d]", key, i), item)
		if err != nil {
			return nil, err
		}
		if i > 0 && r.start.BitLen() != set[0].start.BitLen() {
			return nil, fault.InvalidConfig(key, "host-local: %s: mixed address families", key)
		}
		set = append(set, r)
	}
	if a, b, found := overlap([]rangeSet{set}); found {
		return nil, fault.InvalidConfig(key, "host-local: %s: subnets %s and %s overlap", key, a, b)
	}
	return set, set.checkAllocatable(key)
}

// checkAllocatable refuses a set whose ranges have only their gateways.
func (s rangeSet) checkAllocatable(key string) error {
	for _, r := range s {
		if r.start != r.end || r.start != r.gateway {
			return nil
		}
	}
	return fault.InvalidConfig(key,
		"host-local: %s: no address to allocate: the range %s has only the gateway; enlarge the range, "+
			"or set another gateway", key, s)
}

func (s rangeSet) rangeOf(addr netip.Addr) (addressRange, bool) {
	for _, r := range s {
		if r.contains(addr) {
			return r, true
		}
	}
	return addressRange{}, false
}

func (s rangeSet) contains(addr netip.Addr) bool {
	_, found := s.rangeOf(addr)
	return found
}

func (s rangeSet) String() string { return joined(s, ",") }

// span is a run of addresses that are tried in order.
type span struct {
	from, to netip.Addr // both inclusive
	in       addressRange
}

// spans returns the order in which the addresses of the set are tried. It begins after the last one
// given, so that an address that was just released is not given again at once. last may be any
// address, or invalid.
func (s rangeSet) spans(last netip.Addr) []span {
	at := -1
	for i, r := range s {
		if last.IsValid() && r.contains(last) {
			at = i
		}
	}
	if at < 0 {
		return s.whole(0, len(s))
	}
	var spans []span
	if in := s[at]; last.Less(in.end) {
		spans = append(spans, span{last.Next(), in.end, in})
	}
	spans = append(spans, s.whole(at+1, len(s))...)
	spans = append(spans, s.whole(0, at)...)
	return append(spans, span{s[at].start, last, s[at]})
}

func (s rangeSet) whole(from, to int) []span {
	var spans []span
	for _, r := range s[from:to] {
		spans = append(spans, span{r.start, r.end, r})
	}
	return spans
}

// firstFree returns the first free address of the span that is not the gateway.
func (s span) firstFree(
	nextFree func(from, to netip.Addr) (netip.Addr, error),
) (netip.Addr, error) {
	addr, err := nextFree(s.from, s.to)
	if err != nil || addr != s.in.gateway {
		return addr, err
	}
	if addr == s.to {
		return netip.Addr{}, nil
	}
	return nextFree(addr.Next(), s.to)
}
