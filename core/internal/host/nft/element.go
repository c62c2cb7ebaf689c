package nft

import (
	"bytes"
	"encoding/binary"
	"net"
	"net/netip"
	"slices"

	"github.com/google/nftables/expr"
)

// Element is an element of a set or map.
type Element struct {
	Key     []byte // made with Key
	Last    []byte // of an interval set: the last key of the range, which Key is the first of
	Data    []byte // of a map, made with Key
	Verdict VerdictOf
	Comment string
}

// VerdictOf is a verdict: the data of a map of type Verdict, or the end of a rule.
type VerdictOf struct {
	Code  VerdictCode
	Chain string // of Jump and Goto
}

// VerdictCode says what happens to a packet.
type VerdictCode int32

// The verdicts. The zero value means "no verdict".
const (
	NoVerdict VerdictCode = iota
	AcceptVerdict
	DropVerdict
	ReturnVerdict
	JumpVerdict
	GotoVerdict
)

// verdictKinds are the library's by VerdictCode.
var verdictKinds = [...]expr.VerdictKind{
	AcceptVerdict: expr.VerdictAccept,
	DropVerdict:   expr.VerdictDrop,
	ReturnVerdict: expr.VerdictReturn,
	JumpVerdict:   expr.VerdictJump,
	GotoVerdict:   expr.VerdictGoto,
}

func (v VerdictOf) encoded() *expr.Verdict {
	return &expr.Verdict{Kind: verdictKinds[v.Code], Chain: v.Chain}
}

// Equal reports whether both elements have the same value and comment.
func (e Element) Equal(other Element) bool {
	return e.Comment == other.Comment && e.SameValue(other)
}

// SameValue reports whether both elements map the key to the same.
func (e Element) SameValue(other Element) bool {
	return bytes.Equal(e.Data, other.Data) && e.Verdict == other.Verdict &&
		bytes.Equal(e.Last, other.Last)
}

// Key joins the fields of a key or of data. If there are several, each is padded to 4 bytes.
func Key(fields ...[]byte) []byte {
	if len(fields) == 1 {
		return fields[0]
	}
	var key []byte
	for _, f := range fields {
		key = append(key, f...)
		for len(key)%4 != 0 {
			key = append(key, 0)
		}
	}
	return key
}

// Addr is a field of type IPv4Addr or IPv6Addr.
func Addr(a netip.Addr) []byte { return a.Unmap().AsSlice() }

// Port is a field of type InetService.
func Port(port uint16) []byte { return binary.BigEndian.AppendUint16(nil, port) }

// Proto is a field of type InetProto: an IPPROTO_* number.
func Proto(number byte) []byte { return []byte{number} }

// MAC is a field of type EtherAddr.
func MAC(a net.HardwareAddr) []byte { return slices.Clone(a) }

// Name is a field of type IfName.
func Name(link string) []byte {
	return append([]byte(link), make([]byte, 16-min(16, len(link)))...)[:16]
}

// Range returns the element of an interval set for a network.
func Range(network netip.Prefix) Element {
	first := network.Masked().Addr()
	last := first.AsSlice()
	for i := range last {
		if bits := network.Bits() - 8*i; bits <= 0 {
			last[i] = 0xff
		} else if bits < 8 {
			last[i] |= 0xff >> bits
		}
	}
	return Element{Key: first.AsSlice(), Last: last}
}
