package nft

import (
	"bytes"
	"encoding/binary"
	"slices"

	"github.com/google/nftables/userdata"
	"golang.org/x/sys/unix"
)

// kernelElement is an element as the kernel keeps it: of a range of single fields, its start or what comes after its end.
type kernelElement struct {
	key, last []byte
	data      []byte
	verdict   []byte // attributes
	end       bool   // of a range
	open      bool   // a range that ends with the highest key
	passing   bool   // it has a time to live
	comment   string
}

const (
	elementEntry    = 1  // NFTA_LIST_ELEM
	elementKeyEnd   = 10 // NFTA_SET_ELEM_KEY_END
	maxElementBytes = 1<<16 - 1024
)

func appendElement(b []byte, e kernelElement) []byte {
	b, entry := openNested(b, elementEntry)
	if e.end {
		b = appendNumber(b, unix.NFTA_SET_ELEM_FLAGS, unix.NFT_SET_ELEM_INTERVAL_END)
	}
	b = appendValue(b, unix.NFTA_SET_ELEM_KEY, unix.NFTA_DATA_VALUE, e.key)
	if len(e.last) > 0 {
		b = appendValue(b, elementKeyEnd, unix.NFTA_DATA_VALUE, e.last)
	}
	if e.verdict != nil {
		b = appendValue(b, unix.NFTA_SET_ELEM_DATA, unix.NFTA_DATA_VERDICT|unix.NLA_F_NESTED, e.verdict)
	} else if len(e.data) > 0 {
		b = appendValue(b, unix.NFTA_SET_ELEM_DATA, unix.NFTA_DATA_VALUE, e.data)
	}
	var user []byte
	if e.comment != "" {
		user = userdata.AppendString(user, userdata.NFTNL_UDATA_SET_ELEM_COMMENT, e.comment)
	}
	if e.open {
		user = userdata.AppendUint32(user, userdata.NFTNL_UDATA_SET_ELEM_FLAGS, userdata.NFTNL_UDATA_SET_ELEM_F_INTERVAL_OPEN)
	}
	if len(user) > 0 {
		b = appendAttribute(b, unix.NFTA_SET_ELEM_USERDATA, user)
	}
	closeNested(b, entry)
	return b
}

func appendValue(b []byte, kind, inner uint16, value []byte) []byte {
	b, at := openNested(b, kind)
	b = appendAttribute(b, inner, value)
	closeNested(b, at)
	return b
}

func (v VerdictOf) attributes() []byte {
	e := v.encoded()
	b := appendNumber(nil, unix.NFTA_VERDICT_CODE, uint32(e.Kind))
	if e.Chain != "" {
		b = appendName(b, unix.NFTA_VERDICT_CHAIN, e.Chain)
	}
	return b
}

// elementLists are the attributes of the messages that are about elements: several if there are more than a message holds.
func (s Set) elementLists(elements []kernelElement) [][]byte {
	var lists [][]byte
	for rest := elements; len(rest) > 0; {
		b := appendName(nil, unix.NFTA_SET_ELEM_LIST_TABLE, s.Table.Name)
		b = appendName(b, unix.NFTA_SET_ELEM_LIST_SET, s.Name)
		b, list := openNested(b, unix.NFTA_SET_ELEM_LIST_ELEMENTS)
		for len(rest) > 0 && len(b)-list < maxElementBytes {
			b, rest = appendElement(b, rest[0]), rest[1:]
		}
		closeNested(b, list)
		lists = append(lists, b)
	}
	return lists
}

// kernelElements returns what the kernel keeps.
func (s Set) kernelElements(elements []Element) []kernelElement {
	encoded := make([]kernelElement, 0, len(elements))
	for _, e := range elements {
		n := kernelElement{key: e.Key, comment: e.Comment, data: e.Data}
		if e.Verdict.Code != NoVerdict {
			n.verdict = e.Verdict.attributes()
		}
		switch {
		case !s.Interval:
			encoded = append(encoded, n)
		case len(s.Key) > 1:
			if n.last = e.Last; e.Last == nil {
				n.last = e.Key
			}
			encoded = append(encoded, n)
		default:
			end := after(e.Last, e.Key)
			n.open = end == nil
			if encoded = append(encoded, n); end != nil {
				encoded = append(encoded, kernelElement{key: end, end: true})
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

// elementsIn adds the elements of an answer.
func elementsIn(found *[]kernelElement) func(attributes []byte) error {
	return func(attributes []byte) error {
		return eachAttribute(attributes, func(kind uint16, value []byte) error {
			if kind != unix.NFTA_SET_ELEM_LIST_ELEMENTS {
				return nil
			}
			return eachAttribute(value, func(_ uint16, value []byte) error {
				e, err := parseElement(value)
				*found = append(*found, e)
				return err
			})
		})
	}
}

func parseElement(data []byte) (e kernelElement, failed error) {
	failed = eachAttribute(data, func(kind uint16, value []byte) (err error) {
		switch kind {
		case unix.NFTA_SET_ELEM_KEY:
			e.key, err = inside(value, unix.NFTA_DATA_VALUE)
		case elementKeyEnd:
			e.last, err = inside(value, unix.NFTA_DATA_VALUE)
		case unix.NFTA_SET_ELEM_DATA:
			if e.verdict, err = inside(value, unix.NFTA_DATA_VERDICT); err == nil {
				e.data, err = inside(value, unix.NFTA_DATA_VALUE)
			}
		case unix.NFTA_SET_ELEM_FLAGS:
			e.end = len(value) == 4 && binary.BigEndian.Uint32(value)&unix.NFT_SET_ELEM_INTERVAL_END != 0
		case unix.NFTA_SET_ELEM_TIMEOUT, unix.NFTA_SET_ELEM_EXPIRATION:
			e.passing = true
		case unix.NFTA_SET_ELEM_USERDATA:
			e.comment, _ = userdata.GetString(value, userdata.NFTNL_UDATA_SET_ELEM_COMMENT)
		}
		return err
	})
	return e, failed
}

// decodeElements is the opposite of kernelElements.
func (s Set) decodeElements(raw []kernelElement) ([]Element, error) {
	single := s.Interval && len(s.Key) == 1
	if single {
		slices.SortFunc(raw, func(a, b kernelElement) int {
			if order := bytes.Compare(a.key, b.key); order != 0 || a.end == b.end {
				return order
			}
			if a.end { // the end of one range may be the start of the next
				return -1
			}
			return 1
		})
	}
	var elements []Element
	for i, r := range raw {
		if single && r.end {
			continue
		}
		e := Element{Key: r.key, Comment: r.comment, Last: r.last, Data: r.data}
		if r.verdict != nil {
			v, err := parseVerdict(r.verdict)
			if err != nil {
				return nil, err
			}
			e.Verdict = v
		}
		if single {
			if i+1 < len(raw) && raw[i+1].end {
				e.Last = before(raw[i+1].key)
			} else {
				e.Last = bytes.Repeat([]byte{0xff}, len(r.key))
			}
		}
		elements = append(elements, e)
	}
	return elements, nil
}

func parseVerdict(data []byte) (v VerdictOf, err error) {
	err = eachAttribute(data, func(kind uint16, value []byte) error {
		switch {
		case kind == unix.NFTA_VERDICT_CODE && len(value) == 4:
			v.Code = verdictCode(int32(binary.BigEndian.Uint32(value)))
		case kind == unix.NFTA_VERDICT_CHAIN:
			v.Chain = text(value)
		}
		return nil
	})
	return v, err
}
