package nft

import (
	"bytes"
	"context"
	"io"
	"os"
	"syscall"
	"time"

	"github.com/google/nftables"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// conn is a socket in use, and the encoder that writes to it. The kernel carries out a request before sendto returns, so
// that all replies are there and nothing ever waits.
//
// The encoder's own socket is not used: it would be watched with select(2), which knows no descriptors above 1,023, and
// a process that libcni is a guest of may have more.
type conn struct {
	*socket
	ctx         context.Context // of the call that this connection serves
	nft         *nftables.Conn
	failed      error // of the last exchange
	interrupted bool  // a dump met a change
	unfinished  bool  // there is more to receive
}

func open(ctx context.Context) (*conn, error) {
	c, err := openPlain(ctx)
	if err != nil {
		return nil, err
	}
	c.nft, err = nftables.New(nftables.WithTestDial(c.exchange), nftables.AsLasting())
	if err != nil {
		c.done()
		return nil, err
	}
	return c, nil
}

// openPlain goes without the encoder, which takes longer to make than a question takes to be answered.
func openPlain(ctx context.Context) (*conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s, err := socketsOf(ctx).take()
	if err != nil {
		return nil, err
	}
	return &conn{socket: s, ctx: ctx}, nil
}

func (c *conn) done() {
	if c.unfinished {
		time.AfterFunc(idleTime, c.socket.close)
		return
	}
	socketsOf(c.ctx).give(c.socket)
}

// exchange sends the requests as one datagram and returns the replies. An error is kept in failed, as the encoder would
// lose its number. Without requests the encoder asks for more replies, of which there are none.
func (c *conn) exchange(requests []netlink.Message) ([]netlink.Message, error) {
	if len(requests) == 0 {
		return nil, io.EOF
	}
	replies, err := c.talk(requests)
	if c.failed = err; err != nil || len(replies) == 0 {
		return nil, io.EOF
	}
	return replies, nil
}

func (c *conn) talk(requests []netlink.Message) ([]netlink.Message, error) {
	if err := c.ctx.Err(); err != nil {
		return nil, err
	}
	var datagram []byte
	for _, m := range requests {
		m.Header.PID = 0
		encoded, err := m.MarshalBinary()
		if err != nil {
			return nil, err
		}
		datagram = append(datagram, encoded...)
	}
	if err := c.send(datagram, len(requests)); err != nil {
		return nil, err
	}
	return c.drain(requests)
}

// Sizes of the socket's buffers where the default might not do.
const (
	manyBytes, manyMessages = 64 << 10, 64
	largeBuffer             = 32 << 20
)

func (c *conn) send(datagram []byte, messages int) error {
	if !c.large && (len(datagram) > manyBytes || messages > manyMessages) {
		c.large = true
		for _, option := range []int{unix.SO_SNDBUFFORCE, unix.SO_RCVBUFFORCE} {
			if err := unix.SetsockoptInt(c.fd, unix.SOL_SOCKET, option, largeBuffer); err != nil {
				// Without CAP_NET_ADMIN in the first user namespace, as much as is allowed.
				plain := map[int]int{unix.SO_SNDBUFFORCE: unix.SO_SNDBUF, unix.SO_RCVBUFFORCE: unix.SO_RCVBUF}[option]
				_ = unix.SetsockoptInt(c.fd, unix.SOL_SOCKET, plain, largeBuffer)
			}
		}
	}
	for {
		err := unix.Sendto(c.fd, datagram, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
		if err != unix.EINTR {
			return os.NewSyscallError("sendto", err)
		}
	}
}

// drain receives until there is nothing left, and returns the first error among the replies.
func (c *conn) drain(requests []netlink.Message) (replies []netlink.Message, failed error) {
	c.unfinished = true
	for {
		n, from, err := unix.Recvfrom(c.fd, c.buf, unix.MSG_TRUNC)
		switch {
		case err == unix.EINTR:
			continue
		case err == unix.EAGAIN:
			c.unfinished = false
			return replies, failed
		case err == unix.ENOBUFS: // of messages that were applied; those of an error come first
			continue
		case err != nil:
			return nil, os.NewSyscallError("recvfrom", err)
		case n > len(c.buf):
			return nil, os.NewSyscallError("recvfrom", unix.EMSGSIZE)
		}
		if address, ok := from.(*unix.SockaddrNetlink); !ok || address.Pid != 0 {
			continue // not from the kernel
		}
		got, err := c.parse(c.buf[:n], requests)
		if replies = append(replies, got...); failed == nil {
			failed = err
		}
	}
}

func (c *conn) parse(datagram []byte, requests []netlink.Message) (replies []netlink.Message, failed error) {
	messages, err := syscall.ParseNetlinkMessage(datagram)
	if err != nil {
		return nil, os.NewSyscallError("recvfrom", err)
	}
	for _, m := range messages {
		if m.Header.Flags&unix.NLM_F_DUMP_INTR != 0 {
			c.interrupted = true
		}
		switch m.Header.Type {
		case unix.NLMSG_ERROR, unix.NLMSG_DONE:
			if err := parseError(m, requests); err != nil && failed == nil {
				failed = err
			}
		default:
			replies = append(replies, netlink.Message{
				Header: netlink.Header{
					Length:   m.Header.Len,
					Type:     netlink.HeaderType(m.Header.Type),
					Flags:    netlink.HeaderFlags(m.Header.Flags) &^ netlink.Multi, // they are all here
					Sequence: m.Header.Seq,
				},
				Data: bytes.Clone(m.Data),
			})
		}
	}
	return replies, failed
}
