package nft

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/bits"
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/libcni/libcni/core/internal/host/netlink"
	"github.com/libcni/libcni/core/internal/host/nft/wire"
)

// loaded is the content of a register while a rule is read.
type loaded struct {
	known        bool
	base, offset uint32
	connection   bool    // a property of the packet's connection, in place of a part of the packet
	key          uint32  // of the property
	link         *string // the rule's, if a link's name is compared
	mask         []byte  // nil for all
}

// iptablesDecoder reads a rule step by step. An unknown step makes the rule Other.
type iptablesDecoder struct {
	family   Family
	rule     IptablesRule
	register loaded // iptables loads one thing at a time
}

// decodeIptables reads the attributes of a rule.
func decodeIptables(f Family, attributes netlink.Decoder) (IptablesRule, error) {
	d := &iptablesDecoder{family: f}
	for attributes.Next() {
		switch attributes.Kind() {
		case unix.NFTA_RULE_HANDLE:
			d.rule.Handle = attributes.BigUint64()
		case unix.NFTA_RULE_USERDATA: // where some versions of iptables put the comment
			if c := ruleComment(attributes.Bytes()); c != "" {
				d.rule.Comment = c
			}
		case unix.NFTA_RULE_EXPRESSIONS:
			if err := eachStep(attributes.Bytes(), d.step); err != nil {
				return d.rule, err
			}
		}
	}
	return d.rule, attributes.Err()
}

// step reads one expression.
func (d *iptablesDecoder) step(name string, at *parts) {
	switch name {
	case "counter", "log":
	case "immediate":
		if v := wire.DataVerdict(at[unix.NFTA_IMMEDIATE_DATA]); v != nil {
			d.rule.Verdict = decodeVerdict(v)
		}
	case "reject":
		d.rule.Rejects = true
	case "target":
		d.target(netlink.Text(at[unix.NFTA_TARGET_NAME]))
	case "match":
		d.match(netlink.Text(at[unix.NFTA_MATCH_NAME]), number(at[unix.NFTA_MATCH_REV]),
			at[unix.NFTA_MATCH_INFO])
	case "payload":
		d.register = loaded{known: true, base: number(at[unix.NFTA_PAYLOAD_BASE]),
			offset: number(at[unix.NFTA_PAYLOAD_OFFSET])}
	case "lookup":
		d.rule.Other = true
		d.rule.Unknown = d.rule.Unknown || len(at[unix.NFTA_LOOKUP_DREG]) > 0
	case "queue":
		d.rule.Unknown = true
	case "meta":
		d.rule.Other = true
		d.register = loaded{link: d.link(number(at[unix.NFTA_META_KEY]))}
	case "ct":
		d.register = loaded{known: len(at[unix.NFTA_CT_DIRECTION]) == 0, connection: true,
			key: number(at[unix.NFTA_CT_KEY])}
	case "bitwise":
		d.register.mask = value(at[unix.NFTA_BITWISE_MASK])
		d.register.known = d.register.known && len(bytes.Trim(value(at[unix.NFTA_BITWISE_XOR]),
			"\x00")) == 0
	case "cmp":
		compare := d.compare
		switch {
		case d.register.link != nil:
			compare = d.compareLink
		case d.register.connection:
			compare = d.compareState
		}
		compare(number(at[unix.NFTA_CMP_OP]), value(at[unix.NFTA_CMP_DATA]))
	default:
		d.rule.Other = true
	}
}

func (d *iptablesDecoder) target(name string) {
	switch name {
	case "REJECT":
		d.rule.Rejects = true
	case "DROP":
		d.rule.Verdict.Code = DropVerdict
	case "LOG", "NFLOG":
	default:
		d.rule.Other, d.rule.Unknown = true, true
	}
}

func (d *iptablesDecoder) match(name string, revision uint32, info []byte) {
	switch {
	case name == commentName:
		comment, _, _ := bytes.Cut(info, []byte{0})
		d.rule.Comment = string(comment)
	case name == conntrackName && revision == conntrackRevision && len(info) == conntrackSize &&
		// beside the mark of "-m state"
		binary.NativeEndian.Uint16(info[conntrackFlags:])&^(1<<13) == conntrackMatchStates &&
		binary.NativeEndian.Uint16(info[conntrackInvert:]) == 0:
		d.rule.States |= IptablesStates(binary.NativeEndian.Uint16(info[conntrackStates:]))
	default:
		d.rule.Other = true
	}
}

// compare reads the comparison of an address. A prefix of whole bytes may be compared without a
// mask, by loading fewer bytes.
func (d *iptablesDecoder) compare(op uint32, data []byte) {
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
	var whole [16]byte
	copy(whole[:], data)
	address, ok := netip.AddrFromSlice(whole[:size])
	if !ok || !d.register.known || d.register.base != unix.NFT_PAYLOAD_NETWORK_HEADER ||
		op != unix.NFT_CMP_EQ || len(data) > size {
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

// link returns where the rule keeps the link that a property of the packet names, or nil.
func (d *iptablesDecoder) link(key uint32) *string {
	switch key {
	case unix.NFT_META_IIFNAME:
		return &d.rule.In
	case unix.NFT_META_OIFNAME:
		return &d.rule.Out
	}
	return nil
}

// compareLink reads the comparison of a link's name; without a NUL byte it is that of a beginning.
func (d *iptablesDecoder) compareLink(op uint32, data []byte) {
	if op != unix.NFT_CMP_EQ {
		return
	}
	name, _, whole := bytes.Cut(data, []byte{0})
	if *d.register.link = string(name); !whole && len(data) < unix.IFNAMSIZ {
		*d.register.link += "+"
	}
}

// compareState reads a comparison of a connection's state or status, as nft writes the states of a
// rule of iptables that it saved.
func (d *iptablesDecoder) compareState(op uint32, data []byte) {
	const dstNAT = 0x20 // IPS_DST_NAT
	mask := d.register.mask
	if !d.register.known || op != unix.NFT_CMP_NEQ || len(mask) != 4 || !isZero(data) {
		d.rule.Other = true
		return
	}
	switch bits := binary.NativeEndian.Uint32(mask); {
	case d.register.key == unix.NFT_CT_STATE && bits <= math.MaxUint8>>1:
		d.rule.States |= IptablesStates(bits)
	case d.register.key == unix.NFT_CT_STATUS && bits == dstNAT && d.rule.States == 0:
		d.rule.States = StateTranslated
	default:
		d.rule.Other = true
	}
}

// leadingOnes counts the ones of a mask. It returns -1 if they are not all in front.
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
