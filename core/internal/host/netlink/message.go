package netlink

import (
	"encoding/binary"
	"syscall"

	"golang.org/x/sys/unix"
)

// Message is a message from the kernel. Data is a part of the buffer that it was received in.
type Message struct {
	Kind, Flags uint16
	Seq         uint32
	Data        []byte
}

// Error is the kernel's refusal of a request. It wraps its error number.
type Error struct {
	Errno   syscall.Errno
	Message string // the kernel's own explanation, if it gave one
}

func (e *Error) Error() string {
	if e.Message == "" {
		return e.Errno.Error()
	}
	return e.Errno.Error() + " (" + e.Message + ")"
}

func (e *Error) Unwrap() error { return e.Errno }

// MessageSize returns the size of a message with a body of the given size, padded.
func MessageSize(body int) int { return align(unix.SizeofNlMsghdr + body) }

// AppendMessage appends a message with the body to a datagram.
func AppendMessage(datagram []byte, kind, flags uint16, seq uint32, body []byte) []byte {
	datagram = binary.NativeEndian.AppendUint32(datagram, uint32(unix.SizeofNlMsghdr+len(body)))
	datagram = binary.NativeEndian.AppendUint16(datagram, kind)
	datagram = binary.NativeEndian.AppendUint16(datagram, flags)
	datagram = binary.NativeEndian.AppendUint32(datagram, seq)
	datagram = binary.NativeEndian.AppendUint32(datagram, 0) // the kernel knows the port
	datagram = append(datagram, body...)
	for len(datagram)%unix.NLMSG_ALIGNTO != 0 {
		datagram = append(datagram, 0)
	}
	return datagram
}

// split appends the messages of a datagram.
func split(messages []Message, datagram []byte) ([]Message, error) {
	for len(datagram) >= unix.SizeofNlMsghdr {
		size := int(binary.NativeEndian.Uint32(datagram))
		if size < unix.SizeofNlMsghdr || size > len(datagram) {
			return nil, ErrMalformed
		}
		messages = append(messages, Message{
			Kind:  binary.NativeEndian.Uint16(datagram[4:]),
			Flags: binary.NativeEndian.Uint16(datagram[6:]),
			Seq:   binary.NativeEndian.Uint32(datagram[8:]),
			Data:  datagram[unix.SizeofNlMsghdr:size],
		})
		datagram = datagram[min(align(size), len(datagram)):]
	}
	return messages, nil
}

// Outcome reads an NLMSG_ERROR or NLMSG_DONE: nil for success, else an *Error.
func (m Message) Outcome() error {
	const numberSize = 4
	if len(m.Data) < numberSize {
		if m.Kind == unix.NLMSG_DONE {
			return nil
		}
		return ErrMalformed
	}

	number := int32(binary.NativeEndian.Uint32(m.Data))
	if number >= 0 { // the end of a dump may carry a count
		return nil
	}
	return &Error{Errno: syscall.Errno(-number), Message: m.explanation()}
}

// explanation returns the text of an extended acknowledgement.
func (m Message) explanation() string {
	const numberSize, explanationKind = 4, unix.NLMSGERR_ATTR_MSG
	if m.Flags&unix.NLM_F_ACK_TLVS == 0 {
		return ""
	}

	skip := numberSize
	if m.Kind == unix.NLMSG_ERROR {
		skip += m.repeatedRequest()
	}
	for d := DecodeAfter(m.Data, skip); d.Next(); {
		if d.Kind() == explanationKind {
			return d.String()
		}
	}
	return ""
}

// repeatedRequest returns the size of the request in an error: all of it, or its header alone.
func (m Message) repeatedRequest() int {
	const numberSize = 4
	if m.Flags&unix.NLM_F_CAPPED != 0 || len(m.Data) < numberSize+unix.SizeofNlMsghdr {
		return unix.SizeofNlMsghdr
	}
	return align(int(binary.NativeEndian.Uint32(m.Data[numberSize:])))
}
