package nft

import (
	"bytes"
	"slices"

	"github.com/google/nftables/expr"

	"github.com/libcni/libcni/core/internal/host/nft/wire"
)

func (s Set) wire() wire.SetName {
	return wire.SetName{Family: byte(s.Table.Family), Table: s.Table.Name, Name: s.Name}
}

// encode returns elements as the kernel keeps them. A range of single fields is two of them: its
// start, and what follows its end.
func (s Set) encode(elements []Element) []wire.Element {
	encoded := make([]wire.Element, 0, len(elements))
	for _, e := range elements {
		n := wire.Element{Key: e.Key, Comment: e.Comment, Data: e.Data}
		if e.Verdict.Code != NoVerdict {
			n.Verdict = e.Verdict.wire()
		}
		switch {
		case !s.Interval:
			encoded = append(encoded, n)
		case len(s.Key) > 1:
			n.Last = e.last()
			encoded = append(encoded, n)
		default:
			end := after(e.last())
			n.Open = end == nil
			if encoded = append(encoded, n); end != nil {
				encoded = append(encoded, wire.Element{Key: end, End: true})
			}
		}
	}
	return encoded
}

// last returns the last key of a range, which is the first if there is no other.
func (e Element) last() []byte {
	if e.Last == nil {
		return e.Key
	}
	return e.Last
}

// after returns the key that follows, nil after the highest.
func after(key []byte) []byte {
	next := bytes.Clone(key)
	for i := len(next) - 1; i >= 0; i-- {
		if next[i]++; next[i] != 0 {
			return next
		}
	}
	return nil
}

// before returns the key that precedes.
func before(key []byte) []byte {
	previous := bytes.Clone(key)
	for i := len(previous) - 1; i >= 0; i-- {
		if previous[i]--; previous[i] != 0xff {
			break
		}
	}
	return previous
}

// decode is the opposite of encode.
func (s Set) decode(sent []wire.Element) []Element {
	raw := make([]*wire.Element, len(sent))
	for i := range sent {
		raw[i] = &sent[i]
	}
	single := s.Interval && len(s.Key) == 1
	if single {
		slices.SortFunc(raw, inOrder)
	}
	var elements []Element
	for i, r := range raw {
		if single && r.End {
			continue
		}
		e := Element{Key: r.Key, Comment: r.Comment, Last: r.Last, Data: r.Data}
		if r.Verdict != nil {
			e.Verdict = decodeVerdict(r.Verdict)
		}
		switch {
		case !single:
		case i+1 < len(raw) && raw[i+1].End:
			e.Last = before(raw[i+1].Key)
		default:
			e.Last = bytes.Repeat([]byte{0xff}, len(r.Key))
		}
		elements = append(elements, e)
	}
	return elements
}

// inOrder puts the end of a range before the start of the next one, which may have the same key.
func inOrder(a, b *wire.Element) int {
	if order := bytes.Compare(a.Key, b.Key); order != 0 || a.End == b.End {
		return order
	}
	if a.End {
		return -1
	}
	return 1
}

func (v VerdictOf) wire() *wire.Verdict {
	e := v.encoded()
	return &wire.Verdict{Code: int32(e.Kind), Chain: e.Chain}
}

func decodeVerdict(v *wire.Verdict) VerdictOf {
	decoded := VerdictOf{Chain: v.Chain}
	for code, kind := range verdictKinds {
		if kind == expr.VerdictKind(v.Code) && VerdictCode(code) != NoVerdict {
			decoded.Code = VerdictCode(code)
		}
	}
	return decoded
}
