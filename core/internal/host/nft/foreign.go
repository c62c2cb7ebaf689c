package nft

import (
	"encoding/binary"
	"net/netip"
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/xt"
	"golang.org/x/sys/unix"
)

// ForeignRule is a rule of a chain that iptables keeps, in what can be told of it and made without iptables: its fields
// are what every iptables can print and read back.
type ForeignRule struct {
	Handle   uint64 // of one that was read
	Src, Dst netip.Prefix
	States   ForeignStates // none for any
	Comment  string        // at most 255 bytes
	Verdict  VerdictOf     // of a rule that rejects, drops, or does neither of the known, see there
	Rejects  bool          // the packet, with an answer to its sender
	Other    bool          // there is more to it than is told here: it may not apply to all packets that it seems to
}

// ForeignStates are states of connections as iptables has them, or-ed.
type ForeignStates uint16

// The states. ForeignTranslated is a connection whose destination was translated.
const (
	ForeignEstablished ForeignStates = 1 << 1
	ForeignRelated     ForeignStates = 1 << 2
	ForeignTranslated  ForeignStates = 1 << 7
)

// Always says that the rule applies to every packet.
func (r ForeignRule) Always() bool {
	return !r.Other && !r.Src.IsValid() && !r.Dst.IsValid() && r.States == 0
}

// Same says that the rules do the same and have the same comment.
func (r ForeignRule) Same(other ForeignRule) bool {
	r.Handle = other.Handle
	return r == other
}

// ForeignRules returns the rules of a chain in their order. Unlike Rules it understands whatever others put there.
func (r *Reader) ForeignRules(c Chain) ([]ForeignRule, error) {
	f := fact{ofForeign, c.Table, c.Name}
	if value, known, err := r.recall(f); known || err != nil {
		rules, _ := value.([]ForeignRule)
		return slices.Clone(rules), err
	}
	var rules []ForeignRule
	body := appendName(appendName(nil, unix.NFTA_RULE_TABLE, c.Table.Name), unix.NFTA_RULE_CHAIN, c.Name)
	_, told, err := r.consult(c.Table, &question{kind: unix.NFT_MSG_GETRULE, family: c.Table.Family, list: true, body: body,
		answer: func(attributes []byte) error {
			rule, err := decodeForeign(c.Table.Family, attributes)
			rules = append(rules, rule)
			return err
		}})
	if err != nil {
		return nil, err
	}
	r.keep(f, rules, rules == nil, told)
	return slices.Clone(rules), nil
}

// AddForeign puts a rule before the one with that handle, at the end of the chain for 0.
func (tx *Tx) AddForeign(c Chain, rule ForeignRule, before uint64) {
	n := Rule{Chain: c, Exprs: rule.exprs(c.Table.Family)}.encoded()
	if n.Position = before; before == 0 {
		tx.encode(func(e *nftables.Conn) error { e.AddRule(n); return nil })
	} else {
		tx.encode(func(e *nftables.Conn) error { e.InsertRule(n); return nil })
	}
	tx.touchRules(c)
}

// DeleteForeign removes rules that were returned by ForeignRules.
func (tx *Tx) DeleteForeign(c Chain, rules ...ForeignRule) {
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
	commentName, commentSize              = "comment", 256
)

// exprs encodes the rule as iptables does: addresses natively, the rest as its own extensions.
func (r ForeignRule) exprs(f Family) []Expr {
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
	if r.Comment != "" {
		info := make([]byte, commentSize)
		copy(info[:commentSize-1], r.Comment)
		steps = append(steps, extension(commentName, 0, info))
	}
	return Do(steps, CountPackets(), end(r.Verdict))
}

func extension(name string, revision uint32, info []byte) Expr {
	unknown := xt.Unknown(info)
	return &expr.Match{Name: name, Rev: revision, Info: &unknown}
}
