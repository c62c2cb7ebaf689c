package nft

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/google/nftables/expr"
)

// Counter returns what the rule has matched. ok reports whether it counts.
func (r Rule) Counter() (packets, bytes uint64, ok bool) {
	for _, step := range r.Exprs {
		if c, counts := step.(*expr.Counter); counts {
			return c.Packets, c.Bytes, true
		}
	}
	return 0, 0, false
}

// Text returns the rule as "nft list" shows it, without counter and comment, for people to read. A
// step that libcni does not use is named in parentheses.
func (r Rule) Text() string {
	t := &ruleText{registers: map[uint32]operand{}}
	for _, step := range r.Exprs {
		t.step(step)
	}
	return strings.Join(t.words, " ")
}

// ruleText writes a rule step by step.
type ruleText struct {
	words     []string
	registers map[uint32]operand
	loaded    []uint32 // registers since the last use, in their order
	proto     string   // the transport protocol, if the rule has compared it
}

// operand is what a register holds, with the form of its values.
type operand struct {
	text  string
	value func([]byte) string
	mask  []byte // of the last step
	sets  string // the value that was written to the register
}

func (t *ruleText) step(step Expr) {
	switch n := step.(type) {
	case *expr.Meta:
		t.meta(n)
	case *expr.Payload:
		t.load(n.DestRegister, t.payload(n))
	case *expr.Fib:
		t.load(n.Register, operand{text: "fib daddr type", value: addressType})
	case *expr.Ct:
		t.load(n.Register, connection(n.Key))
	case *expr.Immediate:
		t.load(n.Register, operand{sets: address(n.Data)})
	case *expr.Bitwise:
		t.bitwise(n)
	case *expr.Cmp:
		t.compare(n)
	case *expr.Range:
		t.compareRange(n)
	case *expr.Lookup:
		t.lookup(n)
	default:
		t.end(step)
	}
}

// end writes a step that uses no field of the packet.
func (t *ruleText) end(step Expr) {
	switch n := step.(type) {
	case *expr.Counter:
	case *expr.NAT:
		kind := "dnat"
		if n.Type == expr.NATTypeSourceNAT {
			kind = "snat"
		}
		t.add(kind+" "+Family(n.Family).String()+" to", t.registers[n.RegAddrMin].sets)
	case *expr.Masq:
		t.add("masquerade")
	case *expr.Reject:
		t.add("reject")
	case *expr.Log:
		t.add("log")
	case *expr.Verdict:
		t.add(verdictText(n))
	default:
		t.add("(" + strings.TrimPrefix(fmt.Sprintf("%T", step), "*expr.") + ")")
	}
}

func (t *ruleText) add(words ...string) { t.words = append(t.words, words...) }

func (t *ruleText) load(register uint32, o operand) {
	t.registers[register] = o
	if o.sets == "" && !slices.Contains(t.loaded, register) {
		t.loaded = append(t.loaded, register)
	}
}

// use returns what was loaded since the last use.
func (t *ruleText) use() string {
	var fields []string
	for _, register := range t.loaded {
		fields = append(fields, t.registers[register].text)
	}
	t.loaded = nil
	return strings.Join(fields, " . ")
}

func (t *ruleText) meta(n *expr.Meta) {
	if n.SourceRegister {
		t.loaded = nil
		t.add("meta mark set", t.registers[n.Register].text)
		return
	}
	t.load(n.Register, metaOperand(n.Key))
}

func metaOperand(key expr.MetaKey) operand {
	switch key {
	case expr.MetaKeyNFPROTO:
		return operand{text: "meta nfproto", value: func(b []byte) string {
			if len(b) == 1 && Family(b[0]) == IPv4 {
				return "ipv4"
			}
			return "ipv6"
		}}
	case expr.MetaKeyL4PROTO:
		return operand{text: "meta l4proto", value: protocolName}
	case expr.MetaKeyIIFNAME:
		return operand{text: "iifname", value: quotedName}
	case expr.MetaKeyOIFNAME:
		return operand{text: "oifname", value: quotedName}
	case expr.MetaKeyMARK:
		return operand{text: "meta mark", value: hostNumber}
	default:
		return operand{text: fmt.Sprintf("meta %d", key), value: hexadecimal}
	}
}

// payload is a field of the packet. It implies the family or protocol that the rule has compared
// immediately before.
func (t *ruleText) payload(n *expr.Payload) operand {
	switch n.Base {
	case expr.PayloadBaseNetworkHeader:
		t.imply("meta nfproto ")
		return networkField(n)
	case expr.PayloadBaseTransportHeader:
		t.imply("meta l4proto ")
		proto := t.proto
		if proto == "" {
			proto = "th"
		}
		field := " sport"
		if n.Offset == 2 {
			field = " dport"
		}
		return operand{text: proto + field, value: func(b []byte) string {
			if len(b) == 4 { // nft loads both ports at once
				return port(b[:2]) + " " + proto + " dport " + port(b[2:])
			}
			return port(b)
		}}
	default:
		return operand{text: "ether saddr", value: func(b []byte) string {
			return net.HardwareAddr(b).String()
		}}
	}
}

// imply leaves out a comparison for equality that the next step implies.
func (t *ruleText) imply(comparison string) {
	last := len(t.words) - 1
	if last < 0 {
		return
	}
	if value, is := strings.CutPrefix(t.words[last], comparison); is && !strings.Contains(value, " ") {
		t.words = t.words[:last]
	}
}

// networkField is an address of the packet. nft compares a network of whole bytes by a shorter
// load.
func networkField(n *expr.Payload) operand {
	text, size := "ip saddr", 4
	switch {
	case n.Offset == 16 && n.Len <= 4:
		text = "ip daddr"
	case n.Offset == 8:
		text, size = "ip6 saddr", 16
	case n.Offset == 24:
		text, size = "ip6 daddr", 16
	}
	return operand{text: text, value: func(b []byte) string {
		if len(b) >= size {
			return address(b)
		}
		whole, _ := netip.AddrFromSlice(append(bytes.Clone(b), make([]byte, size-len(b))...))
		return netip.PrefixFrom(whole, 8*len(b)).String()
	}}
}

func connection(key expr.CtKey) operand {
	switch key {
	case expr.CtKeySTATE:
		return operand{text: "ct state", value: bitNames([]bitName{{Invalid, "invalid"},
			{Established, "established"}, {Related, "related"}, {New, "new"}})}
	case expr.CtKeySTATUS:
		return operand{text: "ct status", value: bitNames([]bitName{{SourceTranslated, "snat"},
			{DestinationTranslated, "dnat"}})}
	case expr.CtKeyDIRECTION:
		return operand{text: "ct direction", value: func(b []byte) string {
			if bytes.Equal(b, []byte{1}) {
				return "reply"
			}
			return "original"
		}}
	default:
		return operand{text: fmt.Sprintf("ct %d", key), value: hexadecimal}
	}
}

func (t *ruleText) bitwise(n *expr.Bitwise) {
	o := t.registers[n.SourceRegister]
	if !isZero(n.Xor) { // a mark that is set
		o.text += " | " + hostNumber(n.Xor)
	}
	o.mask = n.Mask
	t.registers[n.DestRegister] = o
}

// compare writes a comparison. The bits of a connection are compared as "not none of them", a
// network as masked addresses.
func (t *ruleText) compare(n *expr.Cmp) {
	o := t.registers[n.Register]
	if o.value == nil {
		o.value = hexadecimal
	}
	field, value, operator := t.use(), o.value(n.Data), ""
	if field == "" { // the register was compared before
		field = o.text
	}
	inverted := n.Op == expr.CmpOpNeq
	switch {
	case o.mask != nil && strings.HasPrefix(o.text, "ct "):
		value, inverted = o.value(o.mask), !inverted
	case o.mask != nil && o.text == "meta mark":
		field += " & " + hostNumber(o.mask)
		operator = "== "
	case o.mask != nil:
		value = network(n.Data, o.mask)
	}
	switch {
	case inverted:
		operator = "!= "
	case n.Op != expr.CmpOpEq && n.Op != expr.CmpOpNeq:
		operator = comparisons[n.Op] + " "
	}
	if o.text == "meta l4proto" && n.Op == expr.CmpOpEq {
		t.proto = value
	}
	t.add(field + " " + operator + value)
}

func (t *ruleText) compareRange(n *expr.Range) {
	o := t.registers[n.Register]
	if o.value == nil {
		o.value = hexadecimal
	}
	operator := " "
	if n.Op == expr.CmpOpNeq {
		operator = " != "
	}
	t.add(t.use() + operator + o.value(n.FromData) + "-" + o.value(n.ToData))
}

// lookup writes a search in a set, or keeps what a map gives for what uses it.
func (t *ruleText) lookup(n *expr.Lookup) {
	fields := t.use()
	switch {
	case n.IsDestRegSet && n.DestRegister == 0:
		t.add(fields + " vmap @" + n.SetName)
	case n.IsDestRegSet:
		t.registers[n.DestRegister] = operand{sets: fields + " map @" + n.SetName}
	case n.Invert:
		t.add(fields + " != @" + n.SetName)
	default:
		t.add(fields + " @" + n.SetName)
	}
}

func verdictText(v *expr.Verdict) string {
	switch v.Kind {
	case expr.VerdictAccept:
		return "accept"
	case expr.VerdictDrop:
		return "drop"
	case expr.VerdictReturn:
		return "return"
	case expr.VerdictJump:
		return "jump " + v.Chain
	case expr.VerdictGoto:
		return "goto " + v.Chain
	default:
		return fmt.Sprintf("(verdict %d)", v.Kind)
	}
}
