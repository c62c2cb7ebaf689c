package nft

import (
	"encoding/binary"
	"net/netip"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/xt"

	"github.com/libcni/libcni/core/internal/host/netlink"
	"github.com/libcni/libcni/core/internal/host/nft/wire"
)

// IptablesRule is a rule of a chain that iptables keeps, as far as it can be read and made without
// iptables. Every iptables can print such a rule and read it back.
type IptablesRule struct {
	Handle   uint64 // of one that was read
	Src, Dst netip.Prefix
	States   IptablesStates // none for any
	Comment  string         // at most 255 bytes
	Verdict  VerdictOf      // of a rule that rejects, drops, or does neither of the known, see there
	Rejects  bool           // the packet, with an answer to its sender

	// links that the packets come in and leave through, for a rule with Other; a name that ends with
	// "+" stands for all links whose names begin so
	In, Out string

	// the verdict may be one that is not listed here, such as that of a map
	Unknown bool

	// the rule has conditions that are not listed here, so it may not apply to all packets that it
	// seems to apply to
	Other bool
}

// IptablesStates are states of connections in the encoding of iptables, or-ed.
type IptablesStates uint16

// The states. StateInvalid is that of packets that belong to no connection, StateTranslated
// that of a connection whose destination was translated.
const (
	StateInvalid     IptablesStates = 1 << 0
	StateEstablished IptablesStates = 1 << 1
	StateRelated     IptablesStates = 1 << 2
	StateTranslated  IptablesStates = 1 << 7
)

// Always reports whether the rule applies to every packet.
func (r IptablesRule) Always() bool {
	return !r.Other && !r.Src.IsValid() && !r.Dst.IsValid() && r.States == 0
}

// Same reports whether the rules do the same and have the same comment. nft saves rules of iptables
// without their comments, so a rule without one may be any.
func (r IptablesRule) Same(other IptablesRule) bool {
	if r.Comment == "" || other.Comment == "" {
		r.Comment = other.Comment
	}
	r.Handle = other.Handle
	return r == other
}

// IptablesRules returns the rules of a chain in their order. Unlike Rules it accepts any
// expression.
func (r *Reader) IptablesRules(c Chain) ([]IptablesRule, error) {
	return list(r, fact{ofIptables, c.Table, c.Name}, func(rules *[]IptablesRule) *wire.Question {
		return wire.ListRules(byte(c.Table.Family), c.Table.Name, c.Name, func(d netlink.Decoder) error {
			rule, err := decodeIptables(c.Table.Family, d)
			*rules = append(*rules, rule)
			return err
		})
	})
}

// AddIptablesRule adds a rule before the one with that handle, at the end of the chain for 0. The
// comment goes to the rule's user data, which iptables prints like its match "comment": nft loses
// that match when it saves a rule, or, from 1.1 on, prints what it cannot load.
func (tx *Tx) AddIptablesRule(c Chain, rule IptablesRule, before uint64) {
	n := Rule{Chain: c, Comment: rule.Comment, Exprs: rule.exprs(c.Table.Family)}.encoded()
	if n.Position = before; before == 0 {
		tx.encode(func(e *nftables.Conn) error { e.AddRule(n); return nil })
	} else {
		tx.encode(func(e *nftables.Conn) error { e.InsertRule(n); return nil })
	}
	tx.changeRules(c)
}

// DeleteIptablesRules deletes rules that IptablesRules has returned.
func (tx *Tx) DeleteIptablesRules(c Chain, rules ...IptablesRule) {
	for _, r := range rules {
		tx.DeleteRules(Rule{Chain: c, Handle: r.Handle})
	}
}

// Sizes and places in struct xt_conntrack_mtinfo3 of the kernel, padded to 8 bytes.
const (
	conntrackName, conntrackRevision      = "conntrack", 3
	conntrackSize                         = 168
	conntrackFlags, conntrackInvert       = 146, 148
	conntrackStates, conntrackMatchStates = 150, 1
	commentName                           = "comment"
)

// exprs encodes the rule but its comment as iptables does: addresses natively, the rest by its own
// extensions.
func (r IptablesRule) exprs(f Family) []Expr {
	var steps []Expr
	if r.Src.IsValid() {
		steps = append(steps, InNetwork(SrcAddr(f), r.Src)...)
	}
	if r.Dst.IsValid() {
		steps = append(steps, InNetwork(DstAddr(f), r.Dst)...)
	}
	if r.States != 0 {
		info := make([]byte, conntrackSize)
		binary.NativeEndian.PutUint16(info[conntrackFlags:], conntrackMatchStates)
		binary.NativeEndian.PutUint16(info[conntrackStates:], uint16(r.States))
		steps = append(steps, extension(conntrackName, conntrackRevision, info))
	}
	return Do(steps, CountPackets(), end(r.Verdict))
}

func extension(name string, revision uint32, info []byte) Expr {
	unknown := xt.Unknown(info)
	return &expr.Match{Name: name, Rev: revision, Info: &unknown}
}
