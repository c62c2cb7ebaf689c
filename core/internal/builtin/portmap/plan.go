package portmap

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"

	types100 "github.com/containernetworking/cni/pkg/types/100"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/host/nft"
	"github.com/libcni/libcni/core/internal/kit/filter"
	"github.com/libcni/libcni/core/internal/kit/ipam"
	"github.com/libcni/libcni/core/plugin"
)

// plan holds every decision of an ADD.
type plan struct {
	owner   nft.Owner
	targets []target
	ports   []port
	suffix  map[family]string // of the maps
	rules   map[family][]condition
	link    []byte // the record of the host's end of the interface

	// earlier: version 0.1 attached, which made an element of each port of a range, and no records of
	// links.
	earlier bool

	exists bool // it is attached, so that its elements are not remains of an interrupted ADD
}

// target is the container's address in a family.
type target struct {
	family  family
	addr    netip.Addr
	sources []netip.Prefix // connections from these get the host's address
}

// port is a port of the host, or a run of consecutive ones, with the port of the container to which
// the first is forwarded.
type port struct {
	family family
	proto  protocol
	hostIP netip.Addr // invalid: all addresses
	number uint16
	to     netip.AddrPort
	count  int // 1 or more
}

// item is an element of a set.
type item struct {
	set     *set
	element nft.Element
}

func pointer(s set) *set { return &s }

func newPlan(c *config, inv *plugin.Invocation) (*plan, error) {
	p := &plan{owner: filter.Owner(inv), suffix: map[family]string{}, rules: c.conditions}
	prefixes, err := containerAddresses(inv)
	if err != nil {
		return nil, err
	}
	for _, f := range families() {
		if len(c.conditions[f]) > 0 {
			p.suffix[f] = suffixOf(inv.Network)
		}
		if prefix, found := prefixes[f]; found {
			p.targets = append(p.targets, target{f, prefix.Addr(), sourcesOf(c, f, prefix)})
		}
	}
	for _, m := range c.mappings {
		if m.only != 0 && !prefixes[m.only].IsValid() {
			return nil, fault.InvalidConfig(m.key+".hostIP",
				"%s.hostIP: %s cannot be translated: the container has no IPv%d address", m.key,
				m.address(), m.only)
		}
		for _, t := range p.targets {
			p.publish(m, t)
		}
	}
	p.ports = joined(p.ports)
	return p, nil
}

func (p *plan) publish(m mapping, t target) {
	if !m.in(t.family) {
		return
	}
	p.ports = append(p.ports, port{t.family, m.proto, m.hostIP, uint16(m.hostPort),
		netip.AddrPortFrom(t.addr, uint16(m.containerPort)), m.count})
}

// joined sorts ports, and joins those that are consecutive on both sides.
func joined(ports []port) []port {
	slices.SortStableFunc(ports, func(a, b port) int {
		return cmp.Or(cmp.Compare(a.family, b.family), cmp.Compare(a.proto, b.proto),
			a.hostIP.Compare(b.hostIP), cmp.Compare(a.number, b.number))
	})
	var all []port
	for _, p := range ports {
		if last := len(all) - 1; last >= 0 && all[last].at(all[last].count) == p.at(0) {
			all[last].count += p.count
			continue
		}
		all = append(all, p)
	}
	return all
}

// at returns one port of a run.
func (p port) at(i int) port {
	p.number, p.count = p.number+uint16(i), 1
	p.to = netip.AddrPortFrom(p.to.Addr(), p.to.Port()+uint16(i))
	return p
}

// last is the number of the last port of a run.
func (p port) last() uint16 { return p.number + uint16(p.count-1) }

// sourcesOf are the sources to which the container's replies would not pass the host again.
func sourcesOf(c *config, f family, container netip.Prefix) []netip.Prefix {
	switch {
	case !c.masquerades():
		return nil
	case c.MasqAll:
		return []netip.Prefix{netip.PrefixFrom(container.Masked().Addr(), 0).Masked()}
	case f == v4:
		return []netip.Prefix{container.Masked(), loopbackNetwork()}
	default:
		return []netip.Prefix{container.Masked()}
	}
}

// containerAddresses returns the first address of each family that the previous result has for the
// container.
func containerAddresses(inv *plugin.Invocation) (map[family]netip.Prefix, error) {
	if inv.PrevResult == nil {
		return nil, fault.InvalidConfig(
			"prevResult",
			"prevResult: portmap needs the result of an earlier plugin; "+
				"put it after the plugin that makes the interface",
		)
	}
	value, err := inv.PrevResult.Value()
	if err != nil {
		return nil, fault.InvalidConfig("prevResult", "prevResult: %v", err)
	}
	found := map[family]netip.Prefix{}
	for _, ip := range value.IPs {
		prefix, ok := ipam.Prefix(ip.Address)
		f := familyOf(prefix.Addr())
		if ok && ofContainer(value, ip, inv.IfName) && !found[f].IsValid() {
			found[f] = prefix
		}
	}
	if len(found) == 0 {
		return nil, fault.InvalidConfig("prevResult",
			"prevResult: it has no address of the container's interface %s", inv.IfName)
	}
	return found, nil
}

func ofContainer(r *types100.Result, ip *types100.IPConfig, ifName string) bool {
	if ip.Interface == nil || *ip.Interface < 0 || *ip.Interface >= len(r.Interfaces) {
		return true
	}
	link := r.Interfaces[*ip.Interface]
	return link.Sandbox != "" && link.Name == ifName
}

// claims are the elements that claim the ports: one for a range, but in the earlier form one for
// each port.
func (p port) claims(earlier bool) []item {
	if p.count == 1 {
		return []item{p.claim()}
	}
	if !earlier {
		return []item{p.rangeClaim()}
	}
	return p.each(p.at(0).claim())
}

// redirects are the elements that translate the ports: one for a range that keeps its numbers. The
// kernel cannot add an offset to a port, so that another range has an element for each.
func (p port) redirects(suffix string, earlier bool) []item {
	if p.isRange() && !earlier {
		return []item{p.rangeRedirect(suffix)}
	}
	return p.each(p.at(0).redirect(suffix))
}

func (p port) isRange() bool { return p.count > 1 && p.to.Port() == p.number }

// each returns the elements of single ports, which are like that of the first.
func (p port) each(first item) []item {
	all := make([]item, p.count)
	size, withTo := len(first.element.Key), len(first.element.Data) > 0
	for i := range all {
		one := p.at(i)
		all[i] = first
		key := bytes.Clone(first.element.Key)
		binary.BigEndian.PutUint16(key[size-4:], one.number)
		if all[i].element.Key = key; withTo {
			all[i].element.Data = nft.Key(nft.Addr(one.to.Addr()), nft.Port(one.to.Port()))
		}
	}
	return all
}

// claim is the element that claims a single port.
func (p port) claim() item {
	number := nft.Port(p.number)
	proto := nft.Proto(byte(p.proto))
	if p.hostIP.IsValid() {
		return item{
			pointer(hostClaims(p.family)),
			nft.Element{Key: nft.Key(nft.Addr(p.hostIP), proto, number)},
		}
	}
	return item{pointer(claims(p.family)), nft.Element{Key: nft.Key(proto, number)}}
}

// rangeClaim is the element that claims a range.
func (p port) rangeClaim() item {
	first, last := nft.Port(p.number), nft.Port(p.last())
	if p.hostIP.IsValid() {
		addr := nft.Addr(p.hostIP)
		return item{pointer(hostRangeClaims(p.family, p.proto)),
			nft.Element{Key: nft.Key(addr, first), Last: nft.Key(addr, last)}}
	}
	return item{pointer(rangeClaims(p.family, p.proto)), nft.Element{Key: first, Last: last}}
}

// redirect is the element that translates a single port.
func (p port) redirect(suffix string) item {
	i := p.claim()
	if i.set = pointer(anyHost(p.family, suffix)); p.hostIP.IsValid() {
		i.set = pointer(oneHost(p.family, suffix))
	}
	i.element.Data = nft.Key(nft.Addr(p.to.Addr()), nft.Port(p.to.Port()))
	return i
}

// rangeRedirect is the element that translates a range.
func (p port) rangeRedirect(suffix string) item {
	i := p.rangeClaim()
	if i.set = pointer(anyHostRanges(p.family, p.proto, suffix)); p.hostIP.IsValid() {
		i.set = pointer(oneHostRanges(p.family, p.proto, suffix))
	}
	i.element.Data = nft.Addr(p.to.Addr())
	return i
}

// decoded returns the ports of an element of a set of claims or of a map.
func decoded(i item) (p port, ok bool) {
	p.family, p.proto, p.count = i.set.family, i.set.proto, 1
	key, last := i.element.Key, i.element.Last
	fields := len(i.set.Key)
	if i.set.Key[0] == p.family.addrType() { // the host's address comes first
		size := p.addrSize()
		if len(key) < size {
			return p, false
		}
		p.hostIP, _ = netip.AddrFromSlice(key[:size])
		key, last, fields = key[size:], last[min(size, len(last)):], fields-1
	}
	if fields == 2 {
		if len(key) < 6 {
			return p, false
		}
		p.proto, key = protocol(key[0]), key[4:]
	}
	if len(key) < 2 {
		return p, false
	}
	p.number = binary.BigEndian.Uint16(key)
	if len(last) >= 2 {
		p.count = int(binary.BigEndian.Uint16(last)) - int(p.number) + 1
	}
	return p, p.count > 0
}

func (p port) addrSize() int {
	if p.family == v6 {
		return 16
	}
	return 4
}

// redirected decodes ports from an element of a map; it is the inverse of redirect and
// rangeRedirect.
func redirected(i item) (p port, ok bool) {
	if i.set.role != redirects {
		return p, false
	}
	p, ok = decoded(i)
	data, size := i.element.Data, p.addrSize()
	if !ok || len(data) < size {
		return p, false
	}
	to := p.number
	if len(data) >= size+2 {
		to = binary.BigEndian.Uint16(data[size:])
	}
	addr, _ := netip.AddrFromSlice(data[:size])
	p.to = netip.AddrPortFrom(addr, to)
	return p, true
}

// String is the host's side, such as "tcp 192.0.2.1:80", "tcp 80" or "tcp 80-89".
func (p port) String() string {
	s := fmt.Sprintf("%s %d", p.proto, p.number)
	if p.hostIP.IsValid() {
		s = p.proto.String() + " " + netip.AddrPortFrom(p.hostIP, p.number).String()
	}
	if p.count > 1 {
		s += fmt.Sprintf("-%d", p.last())
	}
	return s
}

// items are the elements of the owner. The claims come first.
func (p *plan) items() []item {
	all := make([]item, 0, 2*len(p.ports)+2*len(p.targets))
	for _, port := range p.ports {
		all = append(all, port.claims(p.earlier)...)
	}
	for _, port := range p.ports {
		all = append(all, port.redirects(p.suffix[port.family], p.earlier)...)
	}
	for _, t := range p.used() {
		if len(t.sources) > 0 {
			all = append(
				all,
				item{
					pointer(masqueraded(t.family, p.owner.Network, t.sources)),
					nft.Element{Key: nft.Addr(t.addr)},
				},
			)
		}
		if !p.earlier {
			all = append(all, item{
				pointer(linked(t.family)),
				nft.Element{Key: nft.Addr(t.addr), Data: p.link},
			})
		}
	}
	comment := p.owner.Comment()
	for i := range all {
		all[i].element.Comment = comment
	}
	return all
}

// owns reports whether a comment is the owner's. To compare it with the owner's own comment first
// saves two hashes for each of perhaps thousands of elements.
func (p *plan) owns(comment, own string) bool { return comment == own || p.owner.Owns(comment) }

// used are the targets with a port.
func (p *plan) used() []target {
	var all []target
	for _, t := range p.targets {
		for _, port := range p.ports {
			if port.family == t.family {
				all = append(all, t)
				break
			}
		}
	}
	return all
}

// servesLoopback reports whether a port is published on 127.0.0.1.
func (p *plan) servesLoopback() bool {
	return slices.ContainsFunc(p.ports, func(port port) bool {
		return port.family == v4 && (!port.hostIP.IsValid() || port.hostIP.IsLoopback())
	})
}

// address4 is the container's address of IPv4, or invalid.
func (p *plan) address4() netip.Addr {
	for _, t := range p.used() {
		if t.family == v4 {
			return t.addr
		}
	}
	return netip.Addr{}
}

// counter is the element that counts the owner's others.
func (p *plan) counter(elements int) item {
	count := uint32(elements)
	if !p.earlier {
		count |= laterForm
	}
	return item{
		pointer(owners()),
		nft.Element{
			Key:     ownerKey(p.owner),
			Data:    binary.NativeEndian.AppendUint32(nil, count),
			Comment: p.owner.Comment(),
		},
	}
}

// laterForm marks the counter of an attachment that has not the form of version 0.1. An attachment
// has fewer elements.
const laterForm = 1 << 24

// elementCount decodes a counter.
func elementCount(e nft.Element) (elements int, earlier bool) {
	if len(e.Data) != 4 {
		return -1, false
	}
	count := binary.NativeEndian.Uint32(e.Data)
	return int(count &^ laterForm), count&laterForm == 0
}
