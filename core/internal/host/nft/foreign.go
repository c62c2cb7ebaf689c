package nft

import (
	"encoding/binary"
	"net/netip"

	"github.com/google/nftables/expr"
	"github.com/google/nftables/xt"
	"github.com/mdlayher/netlink"
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
	attributes, err := netlink.MarshalAttributes([]netlink.Attribute{
		{Type: unix.NFTA_RULE_TABLE, Data: []byte(c.Table.Name + "\x00")},
		{Type: unix.NFTA_RULE_CHAIN, Data: []byte(c.Name + "\x00")},
	})
	if err != nil {
		return nil, err
	}
	request := netlink.Message{
		Header: netlink.Header{Type: subsystem | unix.NFT_MSG_GETRULE, Flags: netlink.Request | netlink.Dump, Sequence: 1},
		Data:   append([]byte{byte(c.Table.Family), unix.NFNETLINK_V0, 0, 0}, attributes...),
	}
	request.Header.Length = uint32(unix.SizeofNlMsghdr + len(request.Data))
	replies, err := r.c.talk([]netlink.Message{request})
	r.c.failed = err
	if found, err := r.outcome(err); !found {
		return nil, err
	}
	var rules []ForeignRule
	for _, reply := range replies {
		if int(reply.Header.Type) != subsystem|unix.NFT_MSG_NEWRULE || len(reply.Data) < 4 {
			continue
		}
		rule, err := decodeForeign(c.Table.Family, reply.Data[4:])
		if err != nil {
			return nil, err
		}
		rules = append(rules, rule)
	}
	return rules, nil
}

// DroppingForwards returns the chains of any table that drop what the host forwards if no rule of theirs accepts it. It
// reads all chains there are.
func (r *Reader) DroppingForwards() ([]Chain, error) {
	all, err := r.c.nft.ListChains()
	if found, err := r.outcome(err); !found {
		return nil, err
	}
	var dropping []Chain
	for _, c := range all {
		if c.Table == nil {
			continue
		}
		table := Table{Family(c.Table.Family), c.Table.Name}
		chain := decodeChain(c, table)
		if routed := table.Family == IPv4 || table.Family == IPv6 || table.Family == Inet; routed && chain.Hook == Forward && chain.Drop {
			dropping = append(dropping, chain)
		}
	}
	return dropping, nil
}

// AddForeign puts a rule before the one with that handle, at the end of the chain for 0.
func (tx *Tx) AddForeign(c Chain, rule ForeignRule, before uint64) {
	n := Rule{Chain: c, Exprs: rule.exprs(c.Table.Family)}.encoded()
	if n.Position = before; before == 0 {
		tx.c.nft.AddRule(n)
	} else {
		tx.c.nft.InsertRule(n)
	}
	tx.note(nil)
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
