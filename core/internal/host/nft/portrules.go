package nft

import (
	"encoding/binary"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/libcni/libcni/core/internal/host/netlink"
	"github.com/libcni/libcni/core/internal/host/nft/wire"
)

// PortRule is a rule of any tool that applies to packets to certain ports.
type PortRule struct {
	Proto   byte // IPPROTO_*; 0 for any
	Ports   []PortRange
	Comment string
}

// PortRange is a range of ports.
type PortRange struct{ First, Last uint16 }

// AppliesTo reports whether the rule may apply to a packet to the port.
func (r PortRule) AppliesTo(proto byte, port uint16) bool {
	return (r.Proto == 0 || r.Proto == proto) &&
		slices.ContainsFunc(r.Ports, func(p PortRange) bool { return p.First <= port && port <= p.Last })
}

// PortRules returns the rules of a chain that apply to certain ports, made by nft or by iptables.
// Rules that look ports up in sets are not among them.
func (r *Reader) PortRules(c Chain) ([]PortRule, error) {
	return list(r, fact{ofPortRules, c.Table, c.Name}, func(all *[]PortRule) *wire.Question {
		return wire.ListRules(byte(c.Table.Family), c.Table.Name, c.Name, func(d netlink.Decoder) error {
			p := portDecoder{}
			err := p.rule(d)
			if len(p.found.Ports) > 0 {
				*all = append(*all, p.found)
			}
			return err
		})
	})
}

// portDecoder reads a rule step by step, and ignores what is not about ports.
type portDecoder struct {
	found  PortRule
	loaded loadedField
}

// The offsets of the transport protocol in the headers of IP.
const (
	protocolOfIPv4   = 9
	nextHeaderOfIPv6 = 6
)

type loadedField byte

const (
	loadedOther loadedField = iota
	loadedProto
	loadedPort
)

func (p *portDecoder) rule(attributes netlink.Decoder) error {
	for attributes.Next() {
		switch attributes.Kind() {
		case unix.NFTA_RULE_USERDATA:
			if c := ruleComment(attributes.Bytes()); c != "" {
				p.found.Comment = c
			}
		case unix.NFTA_RULE_EXPRESSIONS:
			if err := eachStep(attributes.Bytes(), p.step); err != nil {
				return err
			}
		}
	}
	return attributes.Err()
}

func (p *portDecoder) step(name string, at *parts) {
	switch name {
	case "meta":
		p.loaded = loadedOther
		if number(at[unix.NFTA_META_KEY]) == unix.NFT_META_L4PROTO {
			p.loaded = loadedProto
		}
	case "payload":
		p.loaded = loadedOther
		base, offset := number(at[unix.NFTA_PAYLOAD_BASE]), number(at[unix.NFTA_PAYLOAD_OFFSET])
		size := number(at[unix.NFTA_PAYLOAD_LEN])
		switch {
		case base == unix.NFT_PAYLOAD_TRANSPORT_HEADER && offset == 2 && size == 2:
			p.loaded = loadedPort
		case base == unix.NFT_PAYLOAD_NETWORK_HEADER && size == 1 &&
			(offset == protocolOfIPv4 || offset == nextHeaderOfIPv6): // iptables 1.8.11
			p.loaded = loadedProto
		}
	case "cmp":
		p.compare(number(at[unix.NFTA_CMP_OP]), value(at[unix.NFTA_CMP_DATA]))
	case "range": // since nft 1.1.1; two comparisons before
		from, to := value(at[unix.NFTA_RANGE_FROM_DATA]), value(at[unix.NFTA_RANGE_TO_DATA])
		if number(at[unix.NFTA_RANGE_OP]) == unix.NFT_RANGE_EQ {
			p.compare(unix.NFT_CMP_GTE, from)
			p.compare(unix.NFT_CMP_LTE, to)
		}
	case "match":
		p.match(netlink.Text(at[unix.NFTA_MATCH_NAME]), at[unix.NFTA_MATCH_INFO])
	}
}

func (p *portDecoder) compare(op uint32, data []byte) {
	switch {
	case p.loaded == loadedProto && op == unix.NFT_CMP_EQ && len(data) == 1:
		p.found.Proto = data[0]
	case p.loaded != loadedPort || len(data) != 2:
	case op == unix.NFT_CMP_EQ:
		port := binary.BigEndian.Uint16(data)
		p.add(port, port)
	case op == unix.NFT_CMP_GTE:
		p.add(binary.BigEndian.Uint16(data), 1<<16-1)
	case op == unix.NFT_CMP_LTE && len(p.found.Ports) > 0:
		p.found.Ports[len(p.found.Ports)-1].Last = binary.BigEndian.Uint16(data)
	}
}

func (p *portDecoder) add(first, last uint16) {
	p.found.Ports = append(p.found.Ports, PortRange{first, last})
}

// match reads a match of iptables, a struct of the kernel: xt_tcp and xt_udp begin with ranges of
// source and destination ports, xt_multiport_v1 has a kind, a number of ports, 15 ports, and for
// each whether it begins a range.
func (p *portDecoder) match(name string, info []byte) {
	const mostPorts = 15
	at := func(i int) uint16 { return binary.NativeEndian.Uint16(info[i:]) }
	protocols := map[string]byte{"tcp": unix.IPPROTO_TCP, "udp": unix.IPPROTO_UDP}
	switch {
	case name == commentName:
		p.found.Comment = netlink.Text(info)
	case protocols[name] != 0 && len(info) >= 8:
		p.found.Proto = protocols[name]
		if first, last := at(4), at(6); first > 0 || last < 1<<16-1 {
			p.add(first, last)
		}
	case name == "multiport" && len(info) >= 2+3*mostPorts:
		for i := 0; i < min(int(info[1]), mostPorts); i++ {
			first, last := at(2+2*i), at(2+2*i)
			if begins := info[2+2*mostPorts+i] != 0; begins && i+1 < mostPorts {
				i++
				last = at(2 + 2*i)
			}
			p.add(first, last)
		}
	}
}
