package rtnl

import (
	"context"
	"encoding/binary"
	"fmt"
	"syscall"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// bufferSize is what the kernel fills at most with one datagram of a dump.
const bufferSize = 32 << 10

// Conn is a connection to rtnetlink in one network namespace. Not safe for concurrent use.
type Conn struct {
	sock     *socket
	open     opener // further sockets in the same namespace
	deleter  *Deleter
	buf      []byte // one of the deleter's
	seq      uint32
	requests int
	strict   bool
}

func newConn(ctx context.Context, deleter *Deleter, open opener) (*Conn, error) {
	sock, err := open(ctx, 0)
	if err != nil {
		return nil, err
	}
	return &Conn{sock: sock, open: open, deleter: deleter, buf: deleter.buffers.Get().(*[bufferSize]byte)[:]}, nil
}

// close ends the connection. What it returned last is not valid any more.
func (c *Conn) close() {
	c.sock.release()
	c.deleter.buffers.Put((*[bufferSize]byte)(c.buf))
	c.buf = nil
}

// Requests returns how many requests were sent over the connection.
func (c *Conn) Requests() int { return c.requests }

// build makes a request. Its sequence number is new to the connection.
func (c *Conn) build(kind, flags int, parts []nl.NetlinkRequestData) (request []byte, seq uint32) {
	c.seq++
	c.requests++
	r := nl.NetlinkRequest{NlMsghdr: unix.NlMsghdr{
		Type: uint16(kind), Flags: unix.NLM_F_REQUEST | uint16(flags), Seq: c.seq,
	}, Data: parts}
	return r.Serialize(), c.seq
}

// request is one that changes something.
type request struct {
	kind, flags int
	parts       []nl.NetlinkRequestData
	doing       string // for its error: the object, and what is done to it
}

// change sends a request that changes something and waits for the kernel's verdict.
func (c *Conn) change(ctx context.Context, kind, flags int, parts ...nl.NetlinkRequestData) error {
	request, seq := c.build(kind, flags|unix.NLM_F_ACK, parts)
	return c.exchange(ctx, request, seq, func(syscall.NetlinkMessage) bool { return false })
}

// changeAll sends requests at once, which the kernel carries out in their order, and returns the error of the first one
// that failed. Those after it are carried out all the same.
func (c *Conn) changeAll(ctx context.Context, requests []request) error {
	var datagram []byte
	first := c.seq + 1
	for i, r := range requests {
		if i == len(requests)-1 {
			r.flags |= unix.NLM_F_ACK // errors come without
		}
		message, _ := c.build(r.kind, r.flags, r.parts)
		datagram = append(datagram, message...)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := c.sock.send(datagram); err != nil {
		return err
	}
	var failed error
	for {
		messages, err := c.sock.receive(ctx, c.buf)
		if err != nil {
			return err
		}
		for _, m := range messages {
			if m.Header.Type != unix.NLMSG_ERROR || m.Header.Seq-first >= uint32(len(requests)) {
				continue
			}
			if err := verdict(m); err != nil && failed == nil {
				failed = fmt.Errorf("%s: %w", requests[m.Header.Seq-first].doing, err)
			}
			if m.Header.Seq == c.seq {
				return failed
			}
		}
	}
}

// get asks for one object. The answer is only valid until the connection is used again.
func (c *Conn) get(ctx context.Context, kind int, parts ...nl.NetlinkRequestData) (answer []byte, err error) {
	request, seq := c.build(kind, 0, parts)
	err = c.exchange(ctx, request, seq, func(m syscall.NetlinkMessage) bool {
		answer = m.Data
		return true
	})
	return answer, err
}

// dump asks for all objects of a kind that match the request, as far as the kernel filters, and calls each with them.
func (c *Conn) dump(ctx context.Context, kind int, part nl.NetlinkRequestData, attrs []nl.NetlinkRequestData, each func([]byte)) error {
	if !c.strict {
		// Makes the kernel filter by the request's fields, so that one link's addresses are not found among all. The
		// callers filter too, for kernels before 4.20.
		_ = unix.SetsockoptInt(c.sock.fd, unix.SOL_NETLINK, unix.NETLINK_GET_STRICT_CHK, 1)
		c.strict = true
	}
	parts := append([]nl.NetlinkRequestData{part}, attrs...)
	for tries := 0; ; tries++ {
		var found [][]byte
		interrupted := false
		request, seq := c.build(kind, unix.NLM_F_DUMP, parts)
		err := c.exchange(ctx, request, seq, func(m syscall.NetlinkMessage) bool {
			interrupted = interrupted || m.Header.Flags&unix.NLM_F_DUMP_INTR != 0
			found = append(found, append([]byte(nil), m.Data...))
			return false
		})
		if err != nil {
			return err
		}
		if interrupted && tries < 10 {
			continue // something changed meanwhile and the list may lack entries
		}
		for _, data := range found {
			each(data)
		}
		return nil
	}
}

// exchange sends a request and hands every answer to it to visit, until visit says that this was the last one, or
// the kernel says so.
func (c *Conn) exchange(ctx context.Context, request []byte, seq uint32, visit func(syscall.NetlinkMessage) bool) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := c.sock.send(request); err != nil {
		return err
	}
	for {
		messages, err := c.sock.receive(ctx, c.buf)
		if err != nil {
			return err
		}
		for _, m := range messages {
			if m.Header.Seq != seq {
				continue // an answer that an earlier, cancelled request did not wait for
			}
			switch m.Header.Type {
			case unix.NLMSG_DONE, unix.NLMSG_ERROR:
				return verdict(m)
			default:
				if visit(m) {
					return nil
				}
			}
		}
	}
}

// verdict reads an acknowledgement: nil, or an *Error.
func verdict(m syscall.NetlinkMessage) error {
	if len(m.Data) < 4 {
		if m.Header.Type == unix.NLMSG_DONE {
			return nil
		}
		return fmt.Errorf("acknowledgement of %d bytes: %w", len(m.Data), unix.EBADMSG)
	}
	number := int32(binary.NativeEndian.Uint32(m.Data))
	if number == 0 {
		return nil
	}
	return &Error{Errno: syscall.Errno(-number), Message: explanation(m)}
}

// explanation takes the text out of an extended acknowledgement.
func explanation(m syscall.NetlinkMessage) string {
	if m.Header.Flags&unix.NLM_F_ACK_TLVS == 0 || len(m.Data) < 4+unix.SizeofNlMsghdr {
		return ""
	}
	skip := unix.SizeofNlMsghdr
	if m.Header.Flags&unix.NLM_F_CAPPED == 0 { // the request is repeated in full
		skip = (int(binary.NativeEndian.Uint32(m.Data[4:])) + 3) &^ 3
	}
	if len(m.Data) < 4+skip {
		return ""
	}
	attributes, err := nl.ParseRouteAttr(m.Data[4+skip:])
	if err != nil {
		return ""
	}
	for _, a := range attributes {
		if a.Attr.Type == nl.NLMSGERR_ATTR_MSG {
			return text(a.Value)
		}
	}
	return ""
}
