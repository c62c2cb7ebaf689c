package rtnl

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/libcni/libcni/core/internal/host/thread"
)

// DefaultOutstanding is how many link deletions may be in flight before the next one waits.
const DefaultOutstanding = 8

// Deleter is what sessions share: it bounds the link deletions in flight, each of which keeps a thread in the kernel, and
// keeps buffers for the next session. Safe for concurrent use.
type Deleter struct {
	slots   chan struct{}
	pool    *thread.Pool
	buffers sync.Pool // of *[bufferSize]byte
}

// NewDeleter allows the given number of deletions at a time, on threads of the pool.
func NewDeleter(outstanding int, pool *thread.Pool) *Deleter {
	return &Deleter{slots: make(chan struct{}, outstanding), pool: pool, buffers: sync.Pool{New: func() any { return new([bufferSize]byte) }}}
}

// DeleteLink deletes a link and returns as soon as it is gone from its namespace. It wraps ErrNotFound.
//
// The kernel acknowledges a deletion only when nothing in it refers to the link any more, after 10 to 30 ms; that the
// link is gone it notifies long before. So the request is sent by a thread that stays in the kernel for so long.
func (c *Conn) DeleteLink(ctx context.Context, index int) error {
	d, err := c.BeginDeletion(ctx, index)
	if err != nil {
		return err
	}
	return d.Wait(ctx)
}

// Deletion is a link's that the kernel is at.
type Deletion struct {
	conn  *Conn
	sock  *socket
	index int
	seq   uint32

	sending context.Context // ends when the request could not be sent
	unsent  context.CancelCauseFunc
}

// BeginDeletion is DeleteLink that does not wait, so that the caller can do something else meanwhile. Wait has to be
// called on what it returns.
func (c *Conn) BeginDeletion(ctx context.Context, index int) (*Deletion, error) {
	select {
	case c.deleter.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, deletionError(index, ctx.Err())
	}
	sock, err := c.open(ctx, unix.RTMGRP_LINK)
	if err != nil {
		<-c.deleter.slots
		return nil, deletionError(index, err)
	}
	request, seq := c.build(unix.RTM_DELLINK, unix.NLM_F_ACK, []nl.NetlinkRequestData{ifInfo(unix.AF_UNSPEC, index, 0, 0)})
	d := &Deletion{conn: c, sock: sock, index: index, seq: seq}
	d.sending, d.unsent = context.WithCancelCause(context.WithoutCancel(ctx))
	shared := sock.share()
	c.deleter.pool.Run(func() bool {
		c.deleter.send(shared, request, d.unsent)
		return true
	})
	return d, nil
}

// Wait returns as soon as the link is gone from its namespace, see DeleteLink. It is called once.
func (d *Deletion) Wait(ctx context.Context) error {
	defer d.sock.release()
	defer d.unsent(nil)
	waiting, done := context.WithCancelCause(ctx)
	defer done(nil)
	defer context.AfterFunc(d.sending, func() { done(context.Cause(d.sending)) })()
	err := d.conn.awaitDeletion(waiting, d.sock, d.index, d.seq)
	if err != nil && ctx.Err() == nil && waiting.Err() != nil {
		err = context.Cause(waiting)
	}
	if err != nil {
		return deletionError(d.index, err)
	}
	return nil
}

func deletionError(index int, err error) error {
	return fmt.Errorf("link with index %d: delete: %w", index, err)
}

// send hands the request to the kernel.
func (d *Deleter) send(sock *socket, request []byte, failed context.CancelCauseFunc) {
	defer func() { <-d.slots }()
	defer sock.release()
	if err := sock.send(request); err != nil {
		failed(err)
	}
}

// awaitDeletion returns at the notification that the link is gone, or at an acknowledgement, which comes first only
// if it is an error.
func (c *Conn) awaitDeletion(ctx context.Context, sock *socket, index int, seq uint32) error {
	for {
		messages, err := sock.receive(ctx, c.buf)
		if errors.Is(err, errOverrun) {
			if _, err := c.LinkByIndex(ctx, index); errors.Is(err, ErrNotFound) {
				return nil
			}
			continue
		}
		if err != nil {
			return err
		}
		for _, m := range messages {
			if isLink(m, unix.RTM_DELLINK) && ifIndex(m.Data) == index {
				return nil
			}
			if m.Header.Type == unix.NLMSG_ERROR && m.Header.Seq == seq {
				return verdict(m)
			}
		}
	}
}

// DeleteLinkAndWait deletes a link and waits for the kernel's acknowledgement, see DeleteLink.
func (c *Conn) DeleteLinkAndWait(ctx context.Context, index int) error {
	if err := c.change(ctx, unix.RTM_DELLINK, 0, ifInfo(unix.AF_UNSPEC, index, 0, 0)); err != nil {
		return fmt.Errorf("link with index %d: delete: %w", index, err)
	}
	return nil
}
