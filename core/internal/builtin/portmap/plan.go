package portmap

import (
	"encoding/binary"
	"fmt"
	"net/netip"

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
}

// target is the container's address in a family.
type target struct {
	family  family
	addr    netip.Addr
	sources []netip.Prefix // connections from these get the host's address
}

// port is one port of the host with the port of the container to which it is forwarded.
type port struct {
	family family
	proto  protocol
	hostIP netip.Addr // invalid: all addresses
	number uint16
	to     netip.AddrPort
}

// item is an element of a set.
type item struct {
	set     set
	element nft.Element
}

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
		if m.hostIP.IsValid() && !prefixes[m.only].IsValid() {
			return nil, fault.InvalidConfig(m.key+".hostIP",
				"%s.hostIP: %s cannot be translated: the container has no IPv%d address", m.key,
				m.hostIP, m.only)
		}
		for _, t := range p.targets {
			p.publish(m, t)
		}
	}
	return p, nil
}

func (p *plan) publish(m mapping, t target) {
	if !m.in(t.family) {
		return
	}
	for i := range m.count {
		p.ports = append(p.ports, port{t.family, m.proto, m.hostIP, uint16(m.hostPort + i),
			netip.AddrPortFrom(t.addr, uint16(m.containerPort+i))})
	}
}

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

// claim is the element that claims the port.
func (p port) claim() item {
	number := nft.Port(p.number)
	proto := nft.Proto(byte(p.proto))
	if p.hostIP.IsValid() {
		return item{
			hostClaims(p.family),
			nft.Element{Key: nft.Key(nft.Addr(p.hostIP), proto, number)},
		}
	}
	return item{claims(p.family), nft.Element{Key: nft.Key(proto, number)}}
}

// redirect is the element that translates the port.
func (p port) redirect(suffix string) item {
	i := p.claim()
	if i.set = anyHost(p.family, suffix); p.hostIP.IsValid() {
		i.set = oneHost(p.family, suffix)
	}
	i.element.Data = nft.Key(nft.Addr(p.to.Addr()), nft.Port(p.to.Port()))
	return i
}

// redirected decodes a port from an element of a map; it is the inverse of redirect.
func redirected(i item) (p port, ok bool) {
	if i.set.role != redirects {
		return p, false
	}
	size := 4
	if p.family = i.set.family; p.family == v6 {
		size = 16
	}
	key, data := i.element.Key, i.element.Data
	if len(i.set.Key) == 3 && len(key) >= size { // the host's address comes first
		p.hostIP, _ = netip.AddrFromSlice(key[:size])
		key = key[size:]
	}
	if len(key) < 6 || len(data) < size+2 {
		return p, false
	}
	p.proto, p.number = protocol(key[0]), binary.BigEndian.Uint16(key[4:])
	addr, _ := netip.AddrFromSlice(data[:size])
	p.to = netip.AddrPortFrom(addr, binary.BigEndian.Uint16(data[size:]))
	return p, true
}

// String is the host's side, such as "tcp 192.0.2.1:80", or "tcp 80".
func (p port) String() string {
	if p.hostIP.IsValid() {
		return p.proto.String() + " " + netip.AddrPortFrom(p.hostIP, p.number).String()
	}
	return fmt.Sprintf("%s %d", p.proto, p.number)
}

// items are the elements of the owner but those of localnets. The claims come first.
func (p *plan) items() []item {
	var all []item
	for _, port := range p.ports {
		all = append(all, port.claim())
	}
	for _, port := range p.ports {
		all = append(all, port.redirect(p.suffix[port.family]))
	}
	for _, t := range p.used() {
		if len(t.sources) > 0 {
			all = append(
				all,
				item{
					masqueraded(t.family, p.owner.Network, t.sources),
					nft.Element{Key: nft.Addr(t.addr)},
				},
			)
		}
	}
	comment := p.owner.Comment()
	for i := range all {
		all[i].element.Comment = comment
	}
	return all
}

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

// localAddress is the address that must be reachable from 127.0.0.0/8, or invalid.
func (p *plan) localAddress() netip.Addr {
	for _, t := range p.used() {
		for _, port := range p.ports {
			if t.family == v4 && port.family == v4 && len(t.sources) > 0 &&
				(!port.hostIP.IsValid() || port.hostIP.IsLoopback()) {
				return t.addr
			}
		}
	}
	return netip.Addr{}
}

// counter is the element that counts the owner's others.
func (p *plan) counter(elements int) item {
	return item{
		owners(),
		nft.Element{
			Key:     ownerKey(p.owner),
			Data:    binary.NativeEndian.AppendUint32(nil, uint32(elements)),
			Comment: p.owner.Comment(),
		},
	}
}
