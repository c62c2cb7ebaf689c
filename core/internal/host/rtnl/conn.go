package rtnl

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/libcni/libcni/core/internal/host/netlink"
)

// Conn is a connection to rtnetlink in one network namespace. Not safe for concurrent use.
type Conn struct {
	netlink *netlink.Conn
	open    opener // further sockets in the same namespace
	deleter *Deleter
	strict  bool // the kernel filters lists
}

// opener opens a socket that is subscribed to groups (RTMGRP_* bits).
type opener func(ctx context.Context, groups uint32) (*netlink.Socket, error)

// openHere opens a socket in the network namespace of the calling thread.
func openHere(_ context.Context, groups uint32) (*netlink.Socket, error) {
	return netlink.Open(unix.NETLINK_ROUTE, groups)
}

func newConn(ctx context.Context, deleter *Deleter, open opener) (*Conn, error) {
	socket, err := open(ctx, 0)
	if err != nil {
		return nil, err
	}
	return &Conn{netlink: netlink.NewConn(socket, deleter.takeBuffer()), open: open,
		deleter: deleter}, nil
}

// close ends the connection. What it returned last is not valid any more.
func (c *Conn) close() {
	c.netlink.Close()
	c.deleter.giveBuffer(c.netlink.Buffer)
	c.netlink.Buffer = nil
}

// Requests returns how many requests were sent over the connection.
func (c *Conn) Requests() int { return c.netlink.Requests() }

func (c *Conn) change(ctx context.Context, kind, flags uint16, e *netlink.Encoder) error {
	return refusal(c.netlink.Change(ctx, kind, flags, e.Encoded()))
}

// get asks for one object. The answer is valid until the connection is used again.
func (c *Conn) get(ctx context.Context, kind uint16, e *netlink.Encoder) ([]byte, error) {
	answer, err := c.netlink.Get(ctx, kind, e.Encoded())
	return answer, refusal(err)
}

// dump lists objects that match the fields of the message. A kernel before 4.20 does not compare
// the fields, so that callers compare them too.
func (c *Conn) dump(ctx context.Context, kind uint16, e *netlink.Encoder,
	each func(data []byte)) error {
	if !c.strict {
		c.netlink.Enable(unix.NETLINK_GET_STRICT_CHK)
		c.strict = true
	}
	return refusal(c.netlink.Dump(ctx, kind, e.Encoded(), each))
}

// request is one of several that change something.
type request struct {
	kind, flags uint16
	body        *netlink.Encoder
	doing       string // for its error: the object, and what is done to it
}

// maxRequests is the number of requests in one datagram. The kernel takes no datagram that exceeds
// the socket's send buffer, and loses answers that exceed its receive buffer.
const maxRequests = 128

// changeAll sends the requests, many in one datagram, and returns the error of the first one that
// failed. Those after it in the same datagram are carried out too.
func (c *Conn) changeAll(ctx context.Context, requests []request) error {
	for some := range slices.Chunk(requests, maxRequests) {
		if err := c.changeSome(ctx, some); err != nil {
			return err
		}
	}
	return nil
}

// changeSome sends the requests in one datagram.
func (c *Conn) changeSome(ctx context.Context, requests []request) error {
	messages := make([]*netlink.Request, len(requests))
	for i, r := range requests {
		messages[i] = &netlink.Request{Kind: r.kind, Flags: r.flags, Body: r.body.Encoded()}
	}
	messages[len(messages)-1].Flags |= unix.NLM_F_ACK // errors come without it

	if err := c.netlink.Exchange(ctx, messages...); err != nil {
		return err
	}
	for i, m := range messages {
		if m.Err != nil {
			return fmt.Errorf("%s: %w", requests[i].doing, explain(refusal(m.Err), m.Body[0]))
		}
	}
	return nil
}

// refusal makes a refusal of the kernel an *Error of this package.
func refusal(err error) error {
	var refused *netlink.Error
	if errors.As(err, &refused) {
		return (*Error)(refused)
	}
	return err
}
