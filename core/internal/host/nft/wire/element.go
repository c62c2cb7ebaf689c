package wire

import (
	"github.com/google/nftables/userdata"
	"golang.org/x/sys/unix"

	"github.com/libcni/libcni/core/internal/host/netlink"
)

// Element is an element as the kernel keeps it: of a range of single fields, its start or what
// follows its end.
type Element struct {
	Key, Last []byte
	Data      []byte
	Verdict   *Verdict
	End       bool // of a range
	Open      bool // a range that ends with the highest key
	Expires   bool // it has a timeout
	Comment   string
}

// Verdict is the data of a map of verdicts, or the end of a rule.
type Verdict struct {
	Code  int32  // NF_* or NFT_*
	Chain string // that it leads to
}

const (
	elementEntry    = unix.NFTA_LIST_ELEM
	elementKeyEnd   = 10 // NFTA_SET_ELEM_KEY_END
	maxElementBytes = 1<<16 - 1024
)

// GetElement asks for the element with a key.
func GetElement(s SetName, key []byte, found *[]Element) *Question {
	e := s.elements()
	e.Open(unix.NFTA_SET_ELEM_LIST_ELEMENTS)
	Element{Key: key}.append(&e)
	e.Close()
	return newQuestion(unix.NFT_MSG_GETSETELEM, e,
		elements(func(e Element) { *found = append(*found, e) }))
}

// ListElements asks for all elements of a set.
func ListElements(s SetName, found *[]Element) *Question {
	return newList(unix.NFT_MSG_GETSETELEM, s.elements(),
		elements(func(e Element) { *found = append(*found, e) }))
}

// elements begins a message about elements of the set.
func (s SetName) elements() netlink.Encoder {
	e := body(s.Family, 0)
	e.String(unix.NFTA_SET_ELEM_LIST_TABLE, s.Table)
	e.String(unix.NFTA_SET_ELEM_LIST_SET, s.Name)
	return e
}

// elementLists returns the bodies of the messages about elements: several if there are more than
// one attribute holds.
func (s SetName) elementLists(all []Element) [][]byte {
	var lists [][]byte
	for rest := all; len(rest) > 0; {
		e := s.elements()
		start := len(e.Encoded())
		e.Open(unix.NFTA_SET_ELEM_LIST_ELEMENTS)
		for len(rest) > 0 && len(e.Encoded())-start < maxElementBytes {
			rest[0].append(&e)
			rest = rest[1:]
		}
		e.Close()
		lists = append(lists, e.Encoded())
	}
	return lists
}

func (el Element) append(e *netlink.Encoder) {
	e.Open(elementEntry)
	if el.End {
		e.BigUint32(unix.NFTA_SET_ELEM_FLAGS, unix.NFT_SET_ELEM_INTERVAL_END)
	}
	appendValue(e, unix.NFTA_SET_ELEM_KEY, el.Key)
	if len(el.Last) > 0 {
		appendValue(e, elementKeyEnd, el.Last)
	}
	if el.Verdict != nil {
		el.Verdict.append(e)
	} else if len(el.Data) > 0 {
		appendValue(e, unix.NFTA_SET_ELEM_DATA, el.Data)
	}
	if user := el.userData(); len(user) > 0 {
		e.Bytes(unix.NFTA_SET_ELEM_USERDATA, user)
	}
	e.Close()
}

func appendValue(e *netlink.Encoder, kind uint16, value []byte) {
	e.Open(kind)
	e.Bytes(unix.NFTA_DATA_VALUE, value)
	e.Close()
}

func (v *Verdict) append(e *netlink.Encoder) {
	e.Open(unix.NFTA_SET_ELEM_DATA)
	e.Open(unix.NFTA_DATA_VERDICT)
	e.BigUint32(unix.NFTA_VERDICT_CODE, uint32(v.Code))
	if v.Chain != "" {
		e.String(unix.NFTA_VERDICT_CHAIN, v.Chain)
	}
	e.Close()
	e.Close()
}

func (el Element) userData() (user []byte) {
	if el.Comment != "" {
		user = userdata.AppendString(user, userdata.NFTNL_UDATA_SET_ELEM_COMMENT, el.Comment)
	}
	if el.Open {
		user = userdata.AppendUint32(user, userdata.NFTNL_UDATA_SET_ELEM_FLAGS,
			userdata.NFTNL_UDATA_SET_ELEM_F_INTERVAL_OPEN)
	}
	return user
}

// elements calls each with the elements of an answer.
func elements(each func(Element)) answers {
	return func(_ uint8, d netlink.Decoder) error {
		for d.Next() {
			if d.Kind() != unix.NFTA_SET_ELEM_LIST_ELEMENTS {
				continue
			}
			list := netlink.Decode(d.Bytes())
			for list.Next() {
				e, err := parseElement(netlink.Decode(list.Bytes()))
				if err != nil {
					return err
				}
				each(e)
			}
			if err := list.Err(); err != nil {
				return err
			}
		}
		return d.Err()
	}
}

func parseElement(d netlink.Decoder) (e Element, err error) {
	for d.Next() {
		switch d.Kind() {
		case unix.NFTA_SET_ELEM_KEY:
			e.Key = dataValue(d.Bytes())
		case elementKeyEnd:
			e.Last = dataValue(d.Bytes())
		case unix.NFTA_SET_ELEM_DATA:
			e.Data, e.Verdict = dataValue(d.Bytes()), DataVerdict(d.Bytes())
		case unix.NFTA_SET_ELEM_FLAGS:
			e.End = d.BigUint32()&unix.NFT_SET_ELEM_INTERVAL_END != 0
		case unix.NFTA_SET_ELEM_TIMEOUT, unix.NFTA_SET_ELEM_EXPIRATION:
			e.Expires = true
		case unix.NFTA_SET_ELEM_USERDATA:
			e.Comment, _ = userdata.GetString(d.Bytes(), userdata.NFTNL_UDATA_SET_ELEM_COMMENT)
		}
	}
	return e, d.Err()
}

// dataValue returns a copy of the bytes in a data attribute, nil if it holds a verdict.
func dataValue(data []byte) []byte {
	for d := netlink.Decode(data); d.Next(); {
		if d.Kind() == unix.NFTA_DATA_VALUE {
			return append([]byte{}, d.Bytes()...)
		}
	}
	return nil
}

// DataVerdict returns the verdict in a data attribute, nil if it holds bytes.
func DataVerdict(data []byte) *Verdict {
	for d := netlink.Decode(data); d.Next(); {
		if d.Kind() == unix.NFTA_DATA_VERDICT {
			return parseVerdict(netlink.Decode(d.Bytes()))
		}
	}
	return nil
}

func parseVerdict(d netlink.Decoder) *Verdict {
	v := &Verdict{}
	for d.Next() {
		switch d.Kind() {
		case unix.NFTA_VERDICT_CODE:
			v.Code = int32(d.BigUint32())
		case unix.NFTA_VERDICT_CHAIN:
			v.Chain = d.String()
		}
	}
	return v
}

// CountSome counts the elements in the first datagram of a list, which are some dozens at most. The
// rest of a large set is dropped with the socket, so that the cost does not depend on the size. It
// is for kernels that do not count elements. The connection is of no other use afterwards.
func (c *Conn) CountSome(s SetName) (int, error) {
	const few = 10 // so many certainly fit one datagram
	count := 0
	q := newList(unix.NFT_MSG_GETSETELEM, s.elements(), elements(func(Element) { count++ }))
	err := c.conn.Begin(c.ctx, &q.request)
	for ended := false; err == nil && !ended && count < few; {
		ended, err = c.conn.Continue(c.ctx)
	}
	if err != nil {
		return 0, err
	}
	if found, err := q.Outcome(); !found {
		return 0, err
	}
	return count, nil
}
