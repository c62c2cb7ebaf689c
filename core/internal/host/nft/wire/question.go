package wire

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/libcni/libcni/core/internal/host/netlink"
)

// Question is a request that changes nothing. Unless it asks for a list, the kernel sends one
// answer, or an error.
type Question struct {
	request netlink.Request
	kind    int   // NFT_MSG_GET*
	failed  error // of reading an answer
}

// answers reads an answer: the family and the attributes, which are valid during the call.
type answers func(family uint8, attributes netlink.Decoder) error

func newQuestion(kind int, e netlink.Encoder, answer answers) *Question {
	q := &Question{kind: kind}
	q.request = netlink.Request{Kind: subsystem | uint16(kind), Body: e.Encoded(),
		Answer: func(m netlink.Message) {
			isAnswer := m.Kind == subsystem|uint16(kind-1) // NFT_MSG_NEW* is one less than NFT_MSG_GET*
			switch {
			case !isAnswer || q.failed != nil:
			case len(m.Data) < headerSize:
				q.failed = netlink.ErrMalformed
			default:
				q.failed = answer(m.Data[0], netlink.Decode(m.Data[headerSize:]))
			}
		}}
	return q
}

func newList(kind int, e netlink.Encoder, answer answers) *Question {
	q := newQuestion(kind, e, answer)
	q.request.Flags = unix.NLM_F_DUMP
	return q
}

// IsList reports whether the question is for a list.
func (q *Question) IsList() bool { return q.request.Flags&unix.NLM_F_DUMP != 0 }

// Outcome reports, after Ask, whether the kernel has the object. A missing object is not
// an error.
func (q *Question) Outcome() (found bool, failed error) {
	err := q.Err()
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// Err returns, after Ask, the kernel's refusal, or the error of an answer that was malformed.
func (q *Question) Err() error {
	if q.request.Err != nil {
		return q.explain(refusal(q.request.Err, q.kind))
	}
	return q.explain(q.failed)
}

// explain adds the question to an error that is not the kernel's refusal.
func (q *Question) explain(err error) error {
	if _, refused := err.(*Error); refused || err == nil {
		return err
	}
	return fmt.Errorf("nftables: %s: %w", requestName(q.kind), err)
}

// GetGeneration asks for the number of changes of rules so far, of all processes in the network
// namespace.
func GetGeneration(number *uint32) *Question {
	return newQuestion(unix.NFT_MSG_GETGEN, body(unix.AF_UNSPEC, 0),
		func(_ uint8, d netlink.Decoder) error {
			*number = parseGeneration(d)
			return d.Err()
		})
}

func parseGeneration(d netlink.Decoder) (number uint32) {
	for d.Next() {
		if d.Kind() == unix.NFTA_GEN_ID {
			number = d.BigUint32()
		}
	}
	return number
}

// GetTable asks for a table.
func GetTable(family uint8, name string, found *Table) *Question {
	const dormant, owned = 1, 2 // NFT_TABLE_F_*
	e := body(family, 0)
	e.String(unix.NFTA_TABLE_NAME, name)
	return newQuestion(unix.NFT_MSG_GETTABLE, e, func(_ uint8, d netlink.Decoder) error {
		found.Exists = true
		for d.Next() {
			if d.Kind() == unix.NFTA_TABLE_FLAGS {
				flags := d.BigUint32()
				found.Owned, found.Dormant = flags&owned != 0, flags&dormant != 0
			}
		}
		return d.Err()
	})
}

// UnknownCount is the number of elements if the kernel does not count them.
const UnknownCount = -1

// GetSet asks for a set and for the number of its elements.
func GetSet(s SetName, count *int) *Question {
	const elementCount = 20 // NFTA_SET_COUNT, of newer kernels
	e := body(s.Family, 0)
	e.String(unix.NFTA_SET_TABLE, s.Table)
	e.String(unix.NFTA_SET_NAME, s.Name)
	return newQuestion(unix.NFT_MSG_GETSET, e, func(_ uint8, d netlink.Decoder) error {
		*count = UnknownCount
		for d.Next() {
			if d.Kind() == elementCount {
				*count = int(d.BigUint32())
			}
		}
		return d.Err()
	})
}

// ListSets asks for the names of the sets and maps of a table.
func ListSets(family uint8, table string, names *[]string) *Question {
	e := body(family, 0)
	e.String(unix.NFTA_SET_TABLE, table)
	return newList(unix.NFT_MSG_GETSET, e, func(_ uint8, d netlink.Decoder) error {
		for d.Next() {
			if d.Kind() == unix.NFTA_SET_NAME {
				*names = append(*names, d.String())
			}
		}
		return d.Err()
	})
}

// GetChain asks for a chain.
func GetChain(family uint8, table, name string, each func(Chain)) *Question {
	e := body(family, 0)
	e.String(unix.NFTA_CHAIN_TABLE, table)
	e.String(unix.NFTA_CHAIN_NAME, name)
	return newQuestion(unix.NFT_MSG_GETCHAIN, e, chains(each))
}

// ListChains asks for the chains of a family, of all families if it is 0.
func ListChains(family uint8, each func(Chain)) *Question {
	return newList(unix.NFT_MSG_GETCHAIN, body(family, 0), chains(each))
}

func chains(each func(Chain)) answers {
	return func(family uint8, d netlink.Decoder) error {
		c := Chain{Family: family}
		for d.Next() {
			switch d.Kind() {
			case unix.NFTA_CHAIN_TABLE:
				c.Table = d.String()
			case unix.NFTA_CHAIN_NAME:
				c.Name = d.String()
			case unix.NFTA_CHAIN_TYPE:
				c.Type = d.String()
			case unix.NFTA_CHAIN_POLICY:
				const drop = 0 // NF_DROP
				c.Drop = len(d.Bytes()) == 4 && d.BigUint32() == drop
			case unix.NFTA_CHAIN_USE:
				c.Uses = int(d.BigUint32())
			case unix.NFTA_CHAIN_HOOK:
				c.parseHook(netlink.Decode(d.Bytes()))
			}
		}
		if d.Err() == nil {
			each(c)
		}
		return d.Err()
	}
}

func (c *Chain) parseHook(d netlink.Decoder) {
	for d.Next() {
		switch d.Kind() {
		case unix.NFTA_HOOK_HOOKNUM:
			c.Base, c.Hook = true, d.BigUint32()
		case unix.NFTA_HOOK_PRIORITY:
			c.Priority = int(int32(d.BigUint32()))
		}
	}
}

// ListRules asks for the rules of a chain, in their order. each reads the attributes of one
// (NFTA_RULE_*).
func ListRules(family uint8, table, chain string, each func(netlink.Decoder) error) *Question {
	e := body(family, 0)
	e.String(unix.NFTA_RULE_TABLE, table)
	e.String(unix.NFTA_RULE_CHAIN, chain)
	return newList(unix.NFT_MSG_GETRULE, e, func(_ uint8, d netlink.Decoder) error { return each(d) })
}
