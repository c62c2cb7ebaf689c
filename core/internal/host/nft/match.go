package nft

import (
	"net/netip"

	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// Field is a part of a packet that can be compared, or looked up in a set.
type Field struct {
	size int
	load func(register uint32) []Expr
}

// The functions that build expressions are not inlined: rules are built rarely, and inlining adds
// 30 kB to libcni.so.

// SrcAddr4 is the source address of IPv4. In tables of the family Inet, fields of IPv4 and IPv6
// come after IsFamily.
func SrcAddr4() Field { return payload(expr.PayloadBaseNetworkHeader, 12, 4) }

// DstAddr4 is the destination address of IPv4.
func DstAddr4() Field { return payload(expr.PayloadBaseNetworkHeader, 16, 4) }

// SrcAddr6 is the source address of IPv6.
func SrcAddr6() Field { return payload(expr.PayloadBaseNetworkHeader, 8, 16) }

// DstAddr6 is the destination address of IPv6.
func DstAddr6() Field { return payload(expr.PayloadBaseNetworkHeader, 24, 16) }

// SrcPort is the source port. It comes after IsProto or with L4Proto.
func SrcPort() Field { return payload(expr.PayloadBaseTransportHeader, 0, 2) }

// DstPort is the destination port. It comes after IsProto or with L4Proto.
func DstPort() Field { return payload(expr.PayloadBaseTransportHeader, 2, 2) }

// SrcMAC is the source hardware address.
func SrcMAC() Field { return payload(expr.PayloadBaseLLHeader, 6, 6) }

// L4Proto is the transport protocol.
func L4Proto() Field { return meta(expr.MetaKeyL4PROTO, 1) }

// InLink is the name of the link that the packet came in through.
func InLink() Field { return meta(expr.MetaKeyIIFNAME, 16) }

// OutLink is the name of the link that the packet leaves through.
func OutLink() Field { return meta(expr.MetaKeyOIFNAME, 16) }

// PacketMark is the mark of the packet.
func PacketMark() Field { return meta(expr.MetaKeyMARK, 4) }

// SrcAddr is SrcAddr4 or SrcAddr6, depending on the family.
func SrcAddr(f Family) Field { return either(f, SrcAddr4(), SrcAddr6()) }

// DstAddr is DstAddr4 or DstAddr6, depending on the family.
func DstAddr(f Family) Field { return either(f, DstAddr4(), DstAddr6()) }

func either(f Family, four, six Field) Field {
	if f == IPv6 {
		return six
	}
	return four
}

//go:noinline
func payload(base expr.PayloadBase, offset, size int) Field {
	return Field{size, func(register uint32) []Expr {
		return []Expr{&expr.Payload{DestRegister: register, Base: base, Offset: uint32(offset),
			Len: uint32(size)}}
	}}
}

//go:noinline
func meta(key expr.MetaKey, size int) Field {
	return Field{size, func(register uint32) []Expr {
		return []Expr{&expr.Meta{Key: key, Register: register}}
	}}
}

// register returns the number of the register at an offset in bytes, as the kernel reports it.
func register(offset int) uint32 {
	if offset%16 == 0 {
		return uint32(unix.NFT_REG_1 + offset/16)
	}
	return uint32(unix.NFT_REG32_00 + offset/4)
}

// load loads the fields side by side, as a concatenation.
func load(fields []Field) []Expr {
	var steps []Expr
	offset := 0
	for _, f := range fields {
		steps = append(steps, f.load(register(offset))...)
		offset += (f.size + 3) &^ 3
	}
	return steps
}

// Is passes packets whose field has the value.
func Is(f Field, value []byte) []Expr { return compare(f, expr.CmpOpEq, value) }

// IsNot passes packets whose field has another value.
func IsNot(f Field, value []byte) []Expr { return compare(f, expr.CmpOpNeq, value) }

//go:noinline
func compare(f Field, op expr.CmpOp, value []byte) []Expr {
	return append(f.load(register(0)), &expr.Cmp{Op: op, Register: register(0), Data: value})
}

// InNetwork passes packets whose address is in the network.
func InNetwork(f Field, network netip.Prefix) []Expr { return masked(f, expr.CmpOpEq, network) }

// NotInNetwork passes packets whose address is not in the network.
func NotInNetwork(f Field, network netip.Prefix) []Expr { return masked(f, expr.CmpOpNeq, network) }

//go:noinline
func masked(f Field, op expr.CmpOp, network netip.Prefix) []Expr {
	mask := Range(netip.PrefixFrom(network.Addr(), network.Bits()))
	bits := make([]byte, len(mask.Key))
	for i := range bits {
		bits[i] = ^(mask.Key[i] ^ mask.Last[i])
	}
	return append(f.load(register(0)), bitwise(bits),
		&expr.Cmp{Op: op, Register: register(0), Data: mask.Key})
}

//go:noinline
func bitwise(mask []byte) Expr {
	return &expr.Bitwise{SourceRegister: register(0), DestRegister: register(0),
		Len: uint32(len(mask)), Mask: mask, Xor: make([]byte, len(mask))}
}

// IsFamily passes packets of IPv4 or IPv6, in a table of the family Inet.
func IsFamily(f Family) []Expr { return Is(meta(expr.MetaKeyNFPROTO, 1), []byte{byte(f)}) }

// IsProto passes packets of a transport protocol.
func IsProto(number byte) []Expr { return Is(L4Proto(), []byte{number}) }

// ToLocal passes packets to an address of the host.
func ToLocal() []Expr {
	return []Expr{&expr.Fib{Register: register(0), FlagDADDR: true, ResultADDRTYPE: true},
		&expr.Cmp{Op: expr.CmpOpEq, Register: register(0),
			Data: binaryutil.NativeEndian.PutUint32(unix.RTN_LOCAL)}}
}

// The states of connections, for InState.
const (
	Invalid     = expr.CtStateBitINVALID
	Established = expr.CtStateBitESTABLISHED
	Related     = expr.CtStateBitRELATED
	New         = expr.CtStateBitNEW
)

// InState passes packets whose connection is in one of the states, or-ed.
func InState(states uint32) []Expr { return anyBit(expr.CtKeySTATE, states) }

// The status bits of connections, for WithStatus.
const (
	SourceTranslated      = 0x10 // IPS_SRC_NAT
	DestinationTranslated = 0x20 // IPS_DST_NAT
)

// WithStatus passes packets whose connection has one of the status bits.
func WithStatus(bits uint32) []Expr { return anyBit(expr.CtKeySTATUS, bits) }

// IsReply passes packets from the side that did not open the connection.
func IsReply() []Expr {
	const reply = 1 // IP_CT_DIR_REPLY
	return []Expr{&expr.Ct{Register: register(0), Key: expr.CtKeyDIRECTION},
		&expr.Cmp{Op: expr.CmpOpEq, Register: register(0), Data: []byte{reply}}}
}

//go:noinline
func anyBit(key expr.CtKey, bits uint32) []Expr {
	return []Expr{&expr.Ct{Register: register(0), Key: key},
		bitwise(binaryutil.NativeEndian.PutUint32(bits)),
		&expr.Cmp{Op: expr.CmpOpNeq, Register: register(0), Data: make([]byte, 4)}}
}

// In passes packets whose fields, concatenated, are in the set.
func In(s Set, fields ...Field) []Expr { return inSet(s, fields, false) }

// NotIn passes packets whose fields, concatenated, are not in the set.
func NotIn(s Set, fields ...Field) []Expr { return inSet(s, fields, true) }

//go:noinline
func inSet(s Set, fields []Field, invert bool) []Expr {
	return append(load(fields), &expr.Lookup{SourceRegister: register(0), SetName: s.Name,
		Invert: invert})
}

// Between passes packets whose field is in the range from first to last.
func Between(f Field, first, last []byte) []Expr { return between(f, expr.CmpOpEq, first, last) }

// NotBetween passes packets whose field is not in the range from first to last.
func NotBetween(f Field, first, last []byte) []Expr {
	return between(f, expr.CmpOpNeq, first, last)
}

//go:noinline
func between(f Field, op expr.CmpOp, first, last []byte) []Expr {
	return append(f.load(register(0)), &expr.Range{Op: op, Register: register(0), FromData: first,
		ToData: last})
}
