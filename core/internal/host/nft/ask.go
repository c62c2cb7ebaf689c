package nft

import (
	"encoding/binary"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// question is a request that changes nothing. Unless it asks for a list, the kernel sends one answer, or an error.
type question struct {
	kind   uint16 // NFT_MSG_GET*
	family Family
	list   bool
	body   []byte                                  // attributes
	answer func(attributes []byte) error           // called with each; what it is given is valid during the call
	inAny  func(f Family, attributes []byte) error // instead of it, where the family is not known
	failed error                                   // the kernel's, or the answer's
	done   bool
}

// maxQuestions in one datagram have answers that the default buffer of a socket holds.
const maxQuestions = 32

// ask sends the questions as one datagram and has their answers read. Only the last may be for a list: there is one at a
// time. What it returns is that they were not answered.
func (c *conn) ask(questions ...*question) error {
	if err := c.ctx.Err(); err != nil {
		return err
	}
	first := c.sequence
	c.sequence += uint32(len(questions))
	if err := c.send(encodeQuestions(questions, first), len(questions)); err != nil {
		return err
	}
	c.unfinished = true
	for open := len(questions); open > 0; {
		datagram, err := c.receive()
		if err != nil {
			return err
		}
		for _, m := range datagram {
			if i := m.Header.Seq - first; i < uint32(len(questions)) && c.answered(questions[i], m) {
				open--
			}
		}
	}
	c.unfinished = false
	return nil
}

func encodeQuestions(questions []*question, sequence uint32) []byte {
	b := make([]byte, 0, 128*len(questions))
	for i, q := range questions {
		flags := uint16(unix.NLM_F_REQUEST)
		if q.list {
			flags |= unix.NLM_F_DUMP
		}
		b = appendHeader(b, len(q.body), subsystem|q.kind, flags, sequence+uint32(i), q.family)
		b = append(b, q.body...)
	}
	return b
}

// appendHeader appends what comes before the attributes of a message.
func appendHeader(b []byte, size int, kind, flags uint16, sequence uint32, f Family) []byte {
	b = binary.NativeEndian.AppendUint32(b, uint32(unix.SizeofNlMsghdr+genericHeader+size))
	b = binary.NativeEndian.AppendUint16(b, kind)
	b = binary.NativeEndian.AppendUint16(b, flags)
	b = binary.NativeEndian.AppendUint32(b, sequence)
	b = binary.NativeEndian.AppendUint32(b, 0)
	return append(b, byte(f), unix.NFNETLINK_V0, 0, 0)
}

// genericHeader is the size of struct nfgenmsg.
const genericHeader = 4

// answered reads one message and says whether it is the last for the question.
func (c *conn) answered(q *question, m syscall.NetlinkMessage) (last bool) {
	switch {
	case q.done:
		return false
	case m.Header.Type == unix.NLMSG_ERROR || m.Header.Type == unix.NLMSG_DONE:
		q.done = true
		if err := refusal(m, int(q.kind)); err != nil {
			q.failed = err
		}
		return true
	case m.Header.Type != subsystem|(q.kind-1): // NFT_MSG_NEW* is one less than NFT_MSG_GET*
		return false
	case len(m.Data) < genericHeader:
		q.failed = errMalformed
	case q.failed == nil && q.inAny != nil:
		q.failed = q.inAny(Family(m.Data[0]), m.Data[genericHeader:])
	case q.failed == nil:
		q.failed = q.answer(m.Data[genericHeader:])
	}
	q.done = !q.list
	return q.done
}

// receive returns the messages of a datagram that the kernel sent, which are valid until the next one.
func (c *conn) receive() ([]syscall.NetlinkMessage, error) {
	for {
		n, from, err := unix.Recvfrom(c.fd, c.buf, unix.MSG_TRUNC)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return nil, os.NewSyscallError("recvfrom", err)
		case n > len(c.buf):
			return nil, os.NewSyscallError("recvfrom", unix.EMSGSIZE)
		}
		if address, ok := from.(*unix.SockaddrNetlink); !ok || address.Pid != 0 {
			continue
		}
		return c.split(c.buf[:n])
	}
}

func (c *conn) split(datagram []byte) ([]syscall.NetlinkMessage, error) {
	messages := c.messages[:0]
	for len(datagram) >= unix.SizeofNlMsghdr {
		m := syscall.NetlinkMessage{Header: syscall.NlMsghdr{
			Len: binary.NativeEndian.Uint32(datagram), Type: binary.NativeEndian.Uint16(datagram[4:]),
			Flags: binary.NativeEndian.Uint16(datagram[6:]), Seq: binary.NativeEndian.Uint32(datagram[8:])}}
		size := int(m.Header.Len)
		if size < unix.SizeofNlMsghdr || size > len(datagram) {
			return nil, os.NewSyscallError("recvfrom", unix.EINVAL)
		}
		m.Data = datagram[unix.SizeofNlMsghdr:size]
		if m.Header.Flags&unix.NLM_F_DUMP_INTR != 0 {
			c.interrupted = true
		}
		messages = append(messages, m)
		datagram = datagram[min((size+unix.NLMSG_ALIGNTO-1)&^(unix.NLMSG_ALIGNTO-1), len(datagram)):]
	}
	c.messages = messages
	return messages, nil
}

// The questions.

func askGeneration(number *uint32) *question {
	return &question{kind: unix.NFT_MSG_GETGEN, answer: func(attributes []byte) error {
		return eachAttribute(attributes, func(kind uint16, value []byte) error {
			if kind == unix.NFTA_GEN_ID && len(value) == 4 {
				*number = binary.BigEndian.Uint32(value)
			}
			return nil
		})
	}}
}

func askTable(t Table, found *tableFact) *question {
	return &question{kind: unix.NFT_MSG_GETTABLE, family: t.Family, body: appendName(nil, unix.NFTA_TABLE_NAME, t.Name),
		answer: func(attributes []byte) error {
			found.there = true
			return eachAttribute(attributes, func(kind uint16, value []byte) error {
				if kind == unix.NFTA_TABLE_FLAGS && len(value) == 4 {
					found.owned = binary.BigEndian.Uint32(value)&tableOwned != 0
				}
				return nil
			})
		}}
}

// tableOwned is NFT_TABLE_F_OWNER: the table goes with the socket of the process that made it.
const tableOwned = 2

func askElement(s Set, key []byte, answer func([]byte) error) *question {
	b := appendName(nil, unix.NFTA_SET_ELEM_LIST_TABLE, s.Table.Name)
	b = appendName(b, unix.NFTA_SET_ELEM_LIST_SET, s.Name)
	b, list := openNested(b, unix.NFTA_SET_ELEM_LIST_ELEMENTS)
	b = appendElement(b, kernelElement{key: key})
	closeNested(b, list)
	return &question{kind: unix.NFT_MSG_GETSETELEM, family: s.Table.Family, body: b, answer: answer}
}

func askElements(s Set, answer func([]byte) error) *question {
	b := appendName(nil, unix.NFTA_SET_ELEM_LIST_TABLE, s.Table.Name)
	b = appendName(b, unix.NFTA_SET_ELEM_LIST_SET, s.Name)
	return &question{kind: unix.NFT_MSG_GETSETELEM, family: s.Table.Family, list: true, body: b, answer: answer}
}

// unknownCount says that the kernel does not count.
const unknownCount = -1

// setElementCount is NFTA_SET_COUNT, which newer kernels tell.
const setElementCount = 20

func askSet(s Set, count *int) *question {
	b := appendName(nil, unix.NFTA_SET_TABLE, s.Table.Name)
	b = appendName(b, unix.NFTA_SET_NAME, s.Name)
	return &question{kind: unix.NFT_MSG_GETSET, family: s.Table.Family, body: b, answer: func(attributes []byte) error {
		*count = unknownCount
		return eachAttribute(attributes, func(kind uint16, value []byte) error {
			if kind == setElementCount && len(value) == 4 {
				*count = int(binary.BigEndian.Uint32(value))
			}
			return nil
		})
	}}
}

// describe adds what was asked to an error that is not the kernel's.
func (q *question) describe(err error) error {
	if _, kernels := err.(*Error); kernels || err == nil {
		return err
	}
	return fmt.Errorf("nftables: %s: %w", requestName(int(q.kind)), err)
}
