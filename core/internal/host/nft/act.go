package nft

import (
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
)

// Accept ends a rule: the packet passes.
func Accept() []Expr { return end(VerdictOf{Code: AcceptVerdict}) }

// Drop ends a rule: the packet is dropped, and counted, so that an administrator sees what a rule
// does.
func Drop() []Expr { return Do(CountPackets(), end(VerdictOf{Code: DropVerdict})) }

// Return ends a rule: the calling chain goes on.
func Return() []Expr { return end(VerdictOf{Code: ReturnVerdict}) }

// Jump ends a rule: the chain is called.
func Jump(c Chain) []Expr { return end(VerdictOf{JumpVerdict, c.Name}) }

// Goto ends a rule: the chain takes over, and returns to the caller of this one.
func Goto(c Chain) []Expr { return end(VerdictOf{GotoVerdict, c.Name}) }

// Masquerade ends a rule: the source becomes the address of the link that the packet leaves
// through.
func Masquerade() []Expr { return []Expr{&expr.Masq{}} }

// CountPackets counts packets and bytes.
func CountPackets() []Expr { return []Expr{&expr.Counter{}} }

//go:noinline
func end(v VerdictOf) []Expr { return []Expr{v.encoded()} }

// VerdictFrom applies the verdict that the map has for the fields. Packets whose fields the map
// lacks pass.
func VerdictFrom(s Set, fields ...Field) []Expr {
	return append(load(fields), &expr.Lookup{SourceRegister: register(0), DestRegister: 0,
		IsDestRegSet: true, SetName: s.Name})
}

// RedirectFrom changes the destination to the data that the map has for the fields: an address of
// the family, and a port if the data has two fields.
func RedirectFrom(s Set, f Family, fields ...Field) []Expr {
	nat := &expr.NAT{Type: expr.NATTypeDestNAT, Family: uint32(f), RegAddrMin: register(0)}
	if len(s.Data) > 1 {
		nat.RegProtoMin = register(4)
		if f == IPv6 {
			nat.RegProtoMin = register(16)
		}
		nat.Specified = true
	}
	return append(load(fields), &expr.Lookup{SourceRegister: register(0), DestRegister: register(0),
		IsDestRegSet: true, SetName: s.Name}, nat)
}

// SetMark sets bits of a packet's mark.
func SetMark(bits uint32) []Expr {
	return []Expr{&expr.Meta{Key: expr.MetaKeyMARK, Register: register(0)},
		&expr.Bitwise{SourceRegister: register(0), DestRegister: register(0), Len: 4,
			Mask: binaryutil.NativeEndian.PutUint32(^bits), Xor: binaryutil.NativeEndian.PutUint32(bits)},
		&expr.Meta{Key: expr.MetaKeyMARK, SourceRegister: true, Register: register(0)}}
}

// HasMark passes packets that have all of the mark's bits set.
func HasMark(bits uint32) []Expr {
	value := binaryutil.NativeEndian.PutUint32(bits)
	return append(PacketMark().load(register(0)), bitwise(value),
		&expr.Cmp{Op: expr.CmpOpEq, Register: register(0), Data: value})
}
