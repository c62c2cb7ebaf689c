package nft

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/mdlayher/netlink"
)

// Element is an element of a set or map.
type Element struct {
	Key     []byte // made with Key
	Last    []byte // of an interval set: the last key of the range, which Key is the first of
	Data    []byte // of a map, made with Key
	Verdict VerdictOf
	Comment string
}

// VerdictOf is a verdict, as the data of a map of type Verdict or the end of a rule.
type VerdictOf struct {
	Code  VerdictCode
	Chain string // of Jump and Goto
}

// VerdictCode says what happens to a packet.
type VerdictCode int32

// The verdicts. The zero value is none.
const (
	NoVerdict VerdictCode = iota
	AcceptVerdict
	DropVerdict
	ReturnVerdict
	JumpVerdict
	GotoVerdict
)

func (v VerdictOf) encoded() *expr.Verdict {
	kind := map[VerdictCode]expr.VerdictKind{AcceptVerdict: expr.VerdictAccept, DropVerdict: expr.VerdictDrop,
		ReturnVerdict: expr.VerdictReturn, JumpVerdict: expr.VerdictJump, GotoVerdict: expr.VerdictGoto}[v.Code]
	return &expr.Verdict{Kind: kind, Chain: v.Chain}
}

// sameValue says that both map the key to the same.
func (e Element) sameValue(other Element) bool {
	return bytes.Equal(e.Data, other.Data) && e.Verdict == other.Verdict && bytes.Equal(e.Last, other.Last)
}

// Key joins the fields of a key or of data: each is padded to 4 bytes if there are several.
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

// Range makes the element of an interval set that stands for a network.
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

// encoded returns what the kernel keeps: for a range of single fields, its start and what comes after its end.
func (s Set) encodedElements(elements []Element) []nftables.SetElement {
	var encoded []nftables.SetElement
	for _, e := range elements {
		n := nftables.SetElement{Key: e.Key, Comment: e.Comment, Val: e.Data}
		if e.Verdict.Code != NoVerdict {
			n.VerdictData = e.Verdict.encoded()
		}
		switch {
		case !s.Interval:
			encoded = append(encoded, n)
		case len(s.Key) > 1:
			if n.KeyEnd = e.Last; e.Last == nil {
				n.KeyEnd = e.Key
			}
			encoded = append(encoded, n)
		default:
			end := after(e.Last, e.Key)
			n.IntervalOpen = end == nil
			if encoded = append(encoded, n); end != nil {
				encoded = append(encoded, nftables.SetElement{Key: end, IntervalEnd: true})
			}
		}
	}
	return encoded
}

// after returns the key after last, or after only if last is nil; nil after the highest.
func after(last, only []byte) []byte {
	if last == nil {
		last = only
	}
	next := bytes.Clone(last)
	for i := len(next) - 1; i >= 0; i-- {
		if next[i]++; next[i] != 0 {
			return next
		}
	}
	return nil
}

// before is the opposite of after.
func before(key []byte) []byte {
	previous := bytes.Clone(key)
	for i := len(previous) - 1; i >= 0; i-- {
		if previous[i]--; previous[i] != 0xff {
			break
		}
	}
	return previous
}

// decodeElements is the opposite of encodedElements.
func (s Set) decodeElements(raw []nftables.SetElement) ([]Element, error) {
	single := s.Interval && len(s.Key) == 1
	if single {
		raw = slices.Clone(raw)
		slices.SortFunc(raw, func(a, b nftables.SetElement) int {
			if order := bytes.Compare(a.Key, b.Key); order != 0 || a.IntervalEnd == b.IntervalEnd {
				return order
			}
			if a.IntervalEnd { // the end of one range may be the start of the next
				return -1
			}
			return 1
		})
	}
	var elements []Element
	for i, r := range raw {
		if single && r.IntervalEnd {
			continue
		}
		e := Element{Key: r.Key, Comment: r.Comment, Last: r.KeyEnd}
		if err := s.decodeData(&e, r.Val); err != nil {
			return nil, err
		}
		if single {
			if i+1 < len(raw) && raw[i+1].IntervalEnd {
				e.Last = before(raw[i+1].Key)
			} else {
				e.Last = bytes.Repeat([]byte{0xff}, len(r.Key))
			}
		}
		elements = append(elements, e)
	}
	return elements, nil
}

func (s Set) decodeData(e *Element, data []byte) error {
	if !slices.Equal(s.Data, []Type{Verdict}) {
		e.Data = data
		return nil
	}
	attributes, err := netlink.NewAttributeDecoder(data)
	if err != nil {
		return fmt.Errorf("set %s: %w", s.Name, err)
	}
	attributes.ByteOrder = binary.BigEndian
	for attributes.Next() {
		switch attributes.Type() {
		case 1: // NFTA_VERDICT_CODE
			e.Verdict.Code = verdictCode(int32(attributes.Uint32()))
		case 2: // NFTA_VERDICT_CHAIN
			e.Verdict.Chain = attributes.String()
		}
	}
	return attributes.Err()
}

func verdictCode(kernel int32) VerdictCode {
	switch expr.VerdictKind(kernel) {
	case expr.VerdictAccept:
		return AcceptVerdict
	case expr.VerdictDrop:
		return DropVerdict
	case expr.VerdictReturn:
		return ReturnVerdict
	case expr.VerdictJump:
		return JumpVerdict
	case expr.VerdictGoto:
		return GotoVerdict
	default:
		return NoVerdict
	}
}
