package nft

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"net/netip"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// loaded is what a register holds while a rule is read.
type loaded struct {
	known        bool
	base, offset uint32
	mask         []byte // nil for all
}

// foreignDecoder reads a rule step by step. What it does not know makes the rule Other.
type foreignDecoder struct {
	family   Family
	rule     ForeignRule
	register loaded // iptables loads one thing at a time
}

// decodeForeign reads the attributes of a rule.
func decodeForeign(f Family, data []byte) (ForeignRule, error) {
	d := &foreignDecoder{family: f}
	attributes, err := netlink.NewAttributeDecoder(data)
	if err != nil {
		return d.rule, err
	}
	attributes.ByteOrder = binary.BigEndian
	for attributes.Next() {
		switch attributes.Type() {
		case unix.NFTA_RULE_HANDLE:
			d.rule.Handle = attributes.Uint64()
		case unix.NFTA_RULE_USERDATA: // where some versions of iptables put the comment
			if c := ruleComment(attributes.Bytes()); c != "" {
				d.rule.Comment = c
			}
		case unix.NFTA_RULE_EXPRESSIONS:
			attributes.Nested(d.expressions)
		}
	}
	return d.rule, attributes.Err()
}

func (d *foreignDecoder) expressions(list *netlink.AttributeDecoder) error {
	for list.Next() {
		list.Nested(func(e *netlink.AttributeDecoder) error {
			name := ""
			for e.Next() {
				switch e.Type() {
				case unix.NFTA_EXPR_NAME:
					name = e.String()
				case unix.NFTA_EXPR_DATA:
					e.Nested(func(data *netlink.AttributeDecoder) error {
						d.step(name, data)
						return nil
					})
				}
			}
			return nil
		})
	}
	return nil
}

// step reads one expression.
func (d *foreignDecoder) step(name string, data *netlink.AttributeDecoder) {
	at := map[uint16][]byte{}
	for data.Next() {
		at[data.Type()] = bytes.Clone(data.Bytes())
	}
	switch name {
	case "counter", "log":
	case "immediate":
		d.verdict(at[unix.NFTA_IMMEDIATE_DATA])
	case "reject":
		d.rule.Rejects = true
	case "target":
		d.target(text(at[unix.NFTA_TARGET_NAME]))
	case "match":
		d.match(text(at[unix.NFTA_MATCH_NAME]), number(at[unix.NFTA_MATCH_REV]), at[unix.NFTA_MATCH_INFO])
	case "payload":
		d.register = loaded{known: true, base: number(at[unix.NFTA_PAYLOAD_BASE]), offset: number(at[unix.NFTA_PAYLOAD_OFFSET])}
	case "bitwise":
		d.register.mask = value(at[unix.NFTA_BITWISE_MASK])
		d.register.known = d.register.known && len(bytes.Trim(value(at[unix.NFTA_BITWISE_XOR]), "\x00")) == 0
	case "cmp":
		d.compare(number(at[unix.NFTA_CMP_OP]), value(at[unix.NFTA_CMP_DATA]))
	default:
		d.rule.Other = true
	}
}

func text(b []byte) string { return string(bytes.TrimRight(b, "\x00")) }

func number(b []byte) uint32 {
	if len(b) != 4 {
		return 0
	}
	return binary.BigEndian.Uint32(b)
}

// value returns the bytes in a data attribute, whose length does not count what pads it.
func value(b []byte) []byte {
	if len(b) < 4 {
		return nil
	}
	size := int(binary.NativeEndian.Uint16(b))
	return b[4:max(4, min(size, len(b)))]
}

func (d *foreignDecoder) verdict(data []byte) {
	attributes, err := netlink.NewAttributeDecoder(data)
	if err != nil {
		d.rule.Other = true
		return
	}
	attributes.ByteOrder = binary.BigEndian
	for attributes.Next() {
		if attributes.Type() != unix.NFTA_DATA_VERDICT {
			continue
		}
		attributes.Nested(func(v *netlink.AttributeDecoder) error {
			for v.Next() {
				switch v.Type() {
				case unix.NFTA_VERDICT_CODE:
					d.rule.Verdict.Code = verdictCode(int32(v.Uint32()))
				case unix.NFTA_VERDICT_CHAIN:
					d.rule.Verdict.Chain = v.String()
				}
			}
			return nil
		})
	}
}

func (d *foreignDecoder) target(name string) {
	switch name {
	case "REJECT":
		d.rule.Rejects = true
	case "DROP":
		d.rule.Verdict.Code = DropVerdict
	case "LOG", "NFLOG":
	default:
		d.rule.Other = true
	}
}

func (d *foreignDecoder) match(name string, revision uint32, info []byte) {
	switch {
	case name == commentName:
		comment, _, _ := bytes.Cut(info, []byte{0})
		d.rule.Comment = string(comment)
	case name == conntrackName && revision == conntrackRevision && len(info) == conntrackSize &&
		binary.NativeEndian.Uint16(info[conntrackFlags:])&^(1<<13) == conntrackMatchStates && // beside the mark of "-m state"
		binary.NativeEndian.Uint16(info[conntrackInvert:]) == 0:
		d.rule.States |= ForeignStates(binary.NativeEndian.Uint16(info[conntrackStates:]))
	default:
		d.rule.Other = true
	}
}

// compare reads the comparison of an address. A prefix of whole bytes may be compared without a mask, by loading fewer.
func (d *foreignDecoder) compare(op uint32, data []byte) {
	size, src, dst := 4, uint32(12), uint32(16)
	if d.family == IPv6 {
		size, src, dst = 16, 8, 24
	}
	ones := 8 * len(data)
	if mask := d.register.mask; mask != nil {
		if ones = leadingOnes(mask); len(mask) != len(data) || ones < 0 {
			d.rule.Other = true
			return
		}
	}
	address, ok := netip.AddrFromSlice(append(bytes.Clone(data), make([]byte, max(0, size-len(data)))...))
	if !ok || !d.register.known || d.register.base != unix.NFT_PAYLOAD_NETWORK_HEADER || op != unix.NFT_CMP_EQ || len(data) > size {
		d.rule.Other = true
		return
	}
	switch prefix := netip.PrefixFrom(address, ones); d.register.offset {
	case src:
		d.rule.Src = prefix
	case dst:
		d.rule.Dst = prefix
	default:
		d.rule.Other = true
	}
}

// leadingOnes counts the ones of a mask, -1 if they are not all in front.
func leadingOnes(mask []byte) int {
	ones, total := 0, 0
	for i, b := range mask {
		total += bits.OnesCount8(b)
		if ones == 8*i {
			ones += bits.LeadingZeros8(^b)
		}
	}
	if ones != total {
		return -1
	}
	return ones
}
