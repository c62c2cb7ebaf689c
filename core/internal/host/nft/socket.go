package nft

import (
	"bytes"
	"context"
	"errors"
	"fmt"
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
	pool        *Sockets
	ctx         context.Context         // of the call that this connection serves
	failed      error                   // of the encoder's last exchange
	interrupted bool                    // a dump met a change
	unfinished  bool                    // there is more to receive
	taker       func([]netlink.Message) // gets what the encoder sends instead of the kernel
}

func open(ctx context.Context) (*conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	call := callOf(ctx)
	s, err := call.take()
	if err != nil {
		return nil, err
	}
	return &conn{socket: s, pool: call.Sockets, ctx: ctx}, nil
}

// newEncoder returns what encodes and decodes rules, and encodes objects. It takes longer to make than a question to be
// answered.
func (c *conn) newEncoder() (*nftables.Conn, error) {
	return nftables.New(nftables.WithTestDial(c.exchange), nftables.AsLasting())
}

func (c *conn) done() {
	if c.unfinished {
		time.AfterFunc(idleTime, c.socket.close)
		return
	}
	c.pool.give(c.socket)
}

// outcome settles the error of a reading through the encoder: the kernel's goes before the decoder's, and what is not
// there is no error.
func (c *conn) outcome(err error) (found bool, failed error) {
	switch {
	case c.interrupted:
		return false, ErrChanged
	case errors.Is(c.failed, ErrNotFound):
		return false, nil
	case c.failed != nil:
		return false, c.failed
	case err != nil:
		return false, fmt.Errorf("nftables: %w", err)
	}
	return true, nil
}

// exchange sends the requests as one datagram and returns the replies. An error is kept in failed, as the encoder would
// lose its number. Without requests the encoder asks for more replies, of which there are none.
func (c *conn) exchange(requests []netlink.Message) ([]netlink.Message, error) {
	if len(requests) == 0 {
		return nil, io.EOF
	}
	if c.taker != nil {
		c.taker(requests)
		return nil, io.EOF
	}
	replies, err := c.talk(requests)
	if c.failed = err; err != nil || len(replies) == 0 {
		return nil, io.EOF
	}
	return replies, nil
}

func (c *conn) talk(requests []netlink.Message) ([]netlink.Message, error) {
	if err := c.sendMessages(requests); err != nil {
		return nil, err
	}
	return c.drain(requests)
}

func (c *conn) sendMessages(requests []netlink.Message) error {
	if err := c.ctx.Err(); err != nil {
		return err
	}
	var datagram []byte
	for _, m := range requests {
		m.Header.PID = 0
		encoded, err := m.MarshalBinary()
		if err != nil {
			return err
		}
		datagram = append(datagram, encoded...)
	}
	return c.send(datagram, len(requests))
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
		messages, err := c.receive()
		switch {
		case errors.Is(err, unix.EAGAIN):
			c.unfinished = false
			return replies, failed
		case errors.Is(err, unix.ENOBUFS): // of messages that were applied; those of an error come first
			continue
		case err != nil:
			return nil, err
		}
		for _, m := range messages {
			if m.Header.Type != unix.NLMSG_ERROR && m.Header.Type != unix.NLMSG_DONE {
				replies = append(replies, reply(m))
			} else if err := parseError(m, requests); err != nil && failed == nil {
				failed = err
			}
		}
	}
}

func reply(m syscall.NetlinkMessage) netlink.Message {
	return netlink.Message{
		Header: netlink.Header{
			Length:   m.Header.Len,
			Type:     netlink.HeaderType(m.Header.Type),
			Flags:    netlink.HeaderFlags(m.Header.Flags) &^ netlink.Multi, // they are all here
			Sequence: m.Header.Seq,
		},
		Data: bytes.Clone(m.Data),
	}
}
