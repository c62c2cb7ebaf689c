package portmap

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/host/nft"
)

// condition is a conjunction of matches. A list of values in the configuration makes one condition
// per value, and one of them must hold.
type condition []match

// match compares a field of a packet with a value or a range of values.
type match struct {
	field string // such as "ip saddr"
	not   bool
	value value
}

type value struct {
	first, last []byte       // last is nil for a single value
	network     netip.Prefix // instead, for an address field
}

// fields are the supported fields, by their names in nft.
func fields() map[string]struct {
	load   func() nft.Field
	read   func(word string) (value, bool)
	family family   // 0 for both
	proto  protocol // must match first; 0 for none
} {
	type entry = struct {
		load   func() nft.Field
		read   func(word string) (value, bool)
		family family
		proto  protocol
	}
	return map[string]entry{
		"ip saddr":     {nft.SrcAddr4, readAddress4, v4, 0},
		"ip daddr":     {nft.DstAddr4, readAddress4, v4, 0},
		"ip protocol":  {nft.L4Proto, readProtocol, v4, 0},
		"ip6 saddr":    {nft.SrcAddr6, readAddress6, v6, 0},
		"ip6 daddr":    {nft.DstAddr6, readAddress6, v6, 0},
		"meta l4proto": {nft.L4Proto, readProtocol, 0, 0},
		"iifname":      {nft.InLink, readLink, 0, 0},
		"meta iifname": {nft.InLink, readLink, 0, 0},
		"mark":         {nft.PacketMark, readMark, 0, 0},
		"meta mark":    {nft.PacketMark, readMark, 0, 0},
		"ether saddr":  {nft.SrcMAC, readMAC, 0, 0},
		"tcp dport":    {nft.DstPort, readPort, 0, tcp},
		"tcp sport":    {nft.SrcPort, readPort, 0, tcp},
		"udp dport":    {nft.DstPort, readPort, 0, udp},
		"udp sport":    {nft.SrcPort, readPort, 0, udp},
		"sctp dport":   {nft.DstPort, readPort, 0, sctp},
		"sctp sport":   {nft.SrcPort, readPort, 0, sctp},
		"th dport":     {nft.DstPort, readPort, 0, 0},
		"th sport":     {nft.SrcPort, readPort, 0, 0},
	}
}

// Limits of the conditions of a configuration.
const (
	maxWords        = 1000
	maxAlternatives = 64
)

// ofIPTables reports whether conditions are in iptables syntax, by the rule of the reference
// plugin.
func ofIPTables(words *[]string) bool {
	return words != nil && len(*words) > 0 &&
		(strings.HasPrefix((*words)[0], "-") || strings.HasPrefix((*words)[0], "!"))
}

// parseConditions parses matches in nft syntax: a field, optionally == or !=, and a value, a range
// or a list of them in braces.
func parseConditions(key string, f family, lines []string) ([]condition, error) {
	if ofIPTables(&lines) {
		return nil, fault.InvalidConfig(key,
			"%s: %q is in iptables syntax, and the backend is nftables", key, lines[0])
	}
	p := parser{key: key, family: f, words: split(lines)}
	if len(p.words) > maxWords {
		return nil, fault.InvalidConfig(key, "%s: %d words; at most %d are supported", key,
			len(p.words), maxWords)
	}
	if len(p.words) == 0 {
		return nil, nil
	}
	all := []condition{nil}
	for len(p.words) > 0 {
		alternatives, err := p.match()
		if err != nil {
			return nil, err
		}
		if all = product(all, alternatives); len(all) > maxAlternatives {
			return nil, fault.InvalidConfig(key, "%s: the lists have more than %d combinations",
				key, maxAlternatives)
		}
	}
	return all, nil
}

func product(some []condition, more []condition) []condition {
	var all []condition
	for _, a := range some {
		for _, b := range more {
			all = append(all, append(slices.Clone(a), b...))
		}
	}
	return all
}

// split splits lines into words. Braces, commas and comparisons are words of their own.
func split(lines []string) []string {
	text := strings.Join(lines, " ")
	for _, mark := range []string{"{", "}", ",", "==", "!="} {
		text = strings.ReplaceAll(text, mark, " "+mark+" ")
	}
	return strings.Fields(text)
}

type parser struct {
	key    string
	family family
	words  []string
}

func (p *parser) next() string {
	if len(p.words) == 0 {
		return ""
	}
	word := p.words[0]
	p.words = p.words[1:]
	return word
}

// match parses one match and returns its alternatives.
func (p *parser) match() ([]condition, error) {
	name := p.next()
	known := fields()
	field, found := known[name]
	if !found && len(p.words) > 0 {
		name += " " + p.next()
		field, found = known[name]
	}
	if !found {
		return nil, p.refuse(
			name,
			"is not supported; use ip or ip6 saddr or daddr; "+
				"tcp, udp, sctp or th sport or dport; "+
				"meta l4proto, ip protocol, iifname, mark or ether saddr",
		)
	}
	if field.family != 0 && field.family != p.family {
		return nil, p.refuse(name, "never matches here")
	}
	not := p.operator()
	values, err := p.values(name, field.read)
	if err != nil {
		return nil, err
	}
	var before condition
	if field.proto != 0 {
		before = condition{{field: "meta l4proto", value: value{first: []byte{byte(field.proto)}}}}
	}
	return alternatives(name, not, before, values), nil
}

func alternatives(name string, not bool, before condition, values []value) []condition {
	if not { // none of the values may match
		for _, v := range values {
			before = append(before, match{name, true, v})
		}
		return []condition{before}
	}
	var all []condition
	for _, v := range values {
		all = append(all, append(slices.Clone(before), match{name, false, v}))
	}
	return all
}

func (p *parser) operator() (not bool) {
	if len(p.words) > 0 && (p.words[0] == "==" || p.words[0] == "!=") {
		return p.next() == "!="
	}
	return false
}

func (p *parser) values(name string, read func(string) (value, bool)) ([]value, error) {
	one := func() (value, error) {
		word := p.next()
		v, ok := read(word)
		if word == "" {
			return v, p.refuse(name, "needs a value")
		}
		if !ok {
			return v, p.refuse(word, "is not a valid value of "+name)
		}
		return v, nil
	}
	if len(p.words) == 0 || p.words[0] != "{" {
		v, err := one()
		return []value{v}, err
	}
	p.next()
	var all []value
	for {
		v, err := one()
		if err != nil {
			return nil, err
		}
		all = append(all, v)
		switch word := p.next(); word {
		case "}":
			return all, nil
		case ",":
			if len(p.words) > 0 && p.words[0] == "}" { // nft accepts a trailing comma
				p.next()
				return all, nil
			}
		default:
			return nil, p.refuse(word, "found instead of a comma or a closing brace after "+name)
		}
	}
}

func (p *parser) refuse(word, why string) error {
	return fault.InvalidConfig(p.key, "%s: %q %s", p.key, word, why)
}

// expressions converts the condition for a rule.
func (c condition) expressions() []nft.Expr {
	var steps []nft.Expr
	known := fields()
	for _, m := range c {
		steps = append(steps, m.expressions(known[m.field].load())...)
	}
	return steps
}

func (m match) expressions(f nft.Field) []nft.Expr {
	switch v := m.value; {
	case v.network.IsValid() && m.not:
		return nft.NotInNetwork(f, v.network)
	case v.network.IsValid():
		return nft.InNetwork(f, v.network)
	case v.last != nil && m.not:
		return nft.NotBetween(f, v.first, v.last)
	case v.last != nil:
		return nft.Between(f, v.first, v.last)
	case m.not:
		return nft.IsNot(f, v.first)
	default:
		return nft.Is(f, v.first)
	}
}

func readAddress4(word string) (value, bool) { return readAddress(word, netip.Addr.Is4) }
func readAddress6(word string) (value, bool) { return readAddress(word, netip.Addr.Is6) }

func readAddress(word string, right func(netip.Addr) bool) (value, bool) {
	if from, to, found := strings.Cut(word, "-"); found {
		first, err := netip.ParseAddr(from)
		last, also := netip.ParseAddr(to)
		ok := err == nil && also == nil && right(first) && right(last) &&
			first.Zone()+last.Zone() == "" &&
			first.Less(last)
		return value{first: first.AsSlice(), last: last.AsSlice()}, ok
	}
	if addr, err := netip.ParseAddr(word); err == nil {
		return value{first: addr.AsSlice()}, right(addr) && addr.Zone() == ""
	}
	network, err := netip.ParsePrefix(word)
	if err != nil || !right(network.Addr()) {
		return value{}, false
	}
	if network.IsSingleIP() {
		return value{first: network.Addr().AsSlice()}, true
	}
	return value{network: network.Masked()}, true
}

func readPort(word string) (value, bool) {
	number := func(text string) ([]byte, uint64, bool) {
		n, err := strconv.ParseUint(text, 10, 16)
		return binary.BigEndian.AppendUint16(nil, uint16(n)), n, err == nil
	}
	from, to, found := strings.Cut(word, "-")
	first, low, ok := number(from)
	if !found || !ok {
		return value{first: first}, ok
	}
	last, high, ok := number(to)
	return value{first: first, last: last}, ok && low < high
}

func readProtocol(word string) (value, bool) {
	numbers := map[string]byte{"tcp": 6, "udp": 17, "sctp": 132, "udplite": 136, "dccp": 33}
	number, found := numbers[word]
	if !found {
		n, err := strconv.ParseUint(word, 10, 8)
		number, found = byte(n), err == nil
	}
	return value{first: []byte{number}}, found
}

func readMark(word string) (value, bool) {
	n, err := strconv.ParseUint(word, 0, 32)
	return value{first: binary.NativeEndian.AppendUint32(nil, uint32(n))}, err == nil
}

func readMAC(word string) (value, bool) {
	parts := strings.Split(word, ":")
	mac := make([]byte, 0, 6)
	for _, p := range parts {
		n, err := strconv.ParseUint(p, 16, 8)
		if err != nil || len(p) > 2 {
			return value{}, false
		}
		mac = append(mac, byte(n))
	}
	return value{first: mac}, len(mac) == 6
}

// readLink parses the name of a link, quoted or not. A trailing star matches any suffix.
func readLink(word string) (value, bool) {
	if unquoted, found := strings.CutPrefix(word, `"`); found {
		if word, found = strings.CutSuffix(unquoted, `"`); !found {
			return value{}, false
		}
	}
	name, wild := strings.CutSuffix(word, "*")
	if name == "" || len(name) > 15 || strings.ContainsAny(name, "\"'\\*/\x00{}();") {
		return value{}, false
	}
	if wild {
		return value{first: []byte(name)}, true
	}
	return value{first: nft.Name(name)}, true
}
