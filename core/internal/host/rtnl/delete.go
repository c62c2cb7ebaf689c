package rtnl

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/libcni/libcni/core/internal/host/netlink"
	"github.com/libcni/libcni/core/internal/host/thread"
)

// DefaultOutstanding is how many link deletions may be in flight before the next one waits.
const DefaultOutstanding = 8

// Deleter is shared by sessions. It bounds the link deletions in flight, because each occupies a
// thread in the kernel, and keeps receive buffers for the next session. Safe for concurrent use.
type Deleter struct {
	slots   chan struct{}
	threads *thread.Pool
	buffers sync.Pool // of *netlink.Buffer
}

// NewDeleter allows the given number of deletions at a time, on threads of the pool.
func NewDeleter(outstanding int, threads *thread.Pool) *Deleter {
	return &Deleter{
		slots:   make(chan struct{}, outstanding),
		threads: threads,
		buffers: sync.Pool{New: func() any { return new(netlink.Buffer) }},
	}
}

func (d *Deleter) takeBuffer() *netlink.Buffer  { return d.buffers.Get().(*netlink.Buffer) }
func (d *Deleter) giveBuffer(b *netlink.Buffer) { d.buffers.Put(b) }

// DeleteLink deletes a link and returns as soon as it is gone from its namespace. The error wraps
// ErrNotFound.
//
// The kernel acknowledges a deletion only when nothing in it refers to the link any more, after 10
// to 30 ms. It notifies long before that the link is gone. So a separate thread sends the request
// and stays in the kernel meanwhile.
func (c *Conn) DeleteLink(ctx context.Context, index int) error {
	d, err := c.BeginDeletion(ctx, index)
	if err != nil {
		return err
	}
	return d.Wait(ctx)
}

// Deletion is a link deletion in flight.
type Deletion struct {
	conn   *Conn
	socket *netlink.Socket
	index  int
	seq    uint32

	sending context.Context // ends when the request could not be sent
	unsent  context.CancelCauseFunc
}

// BeginDeletion is DeleteLink that does not wait, so that the caller can do something else
// meanwhile. The caller calls Wait on what it returns.
func (c *Conn) BeginDeletion(ctx context.Context, index int) (*Deletion, error) {
	select {
	case c.deleter.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, deletionError(index, ctx.Err())
	}

	socket, err := c.open(ctx, unix.RTMGRP_LINK)
	if err != nil {
		<-c.deleter.slots
		return nil, deletionError(index, err)
	}
	d := &Deletion{conn: c, socket: socket, index: index, seq: c.netlink.Number(1)}
	d.sending, d.unsent = context.WithCancelCause(context.WithoutCancel(ctx))
	request := netlink.AppendMessage(nil, unix.RTM_DELLINK, unix.NLM_F_REQUEST|unix.NLM_F_ACK, d.seq,
		linkMessage(unix.AF_UNSPEC, index, 0, 0).Encoded())
	shared := socket.Share()
	c.deleter.threads.Run(func() bool {
		c.deleter.send(shared, request, d.unsent)
		return true
	})
	return d, nil
}

// send hands the request to the kernel.
func (d *Deleter) send(socket *netlink.Socket, request []byte, failed context.CancelCauseFunc) {
	defer func() { <-d.slots }()
	defer socket.Close()
	if err := socket.Send(request); err != nil {
		failed(err)
	}
}

// Wait returns as soon as the link is gone from its namespace, see DeleteLink. It is called once.
func (d *Deletion) Wait(ctx context.Context) error {
	defer d.socket.Close()
	defer d.unsent(nil)
	waiting, done := context.WithCancelCause(ctx)
	defer done(nil)
	defer context.AfterFunc(d.sending, func() { done(context.Cause(d.sending)) })()

	err := d.await(waiting)
	if err != nil && ctx.Err() == nil && waiting.Err() != nil {
		err = context.Cause(waiting)
	}
	if err != nil {
		return deletionError(d.index, err)
	}
	return nil
}

// await returns at the notification that the link is gone, or at the acknowledgement, which comes
// first only if it is an error.
func (d *Deletion) await(ctx context.Context) error {
	for {
		messages, err := d.socket.Receive(ctx, d.conn.netlink.Buffer)
		if errors.Is(err, netlink.ErrLost) {
			if _, err := d.conn.LinkByIndex(ctx, d.index); errors.Is(err, ErrNotFound) {
				return nil
			}
			continue
		}
		if err != nil {
			return err
		}
		for _, m := range messages {
			if isLink(m, unix.RTM_DELLINK) && linkIndex(m.Data) == d.index {
				return nil
			}
			if m.Kind == unix.NLMSG_ERROR && m.Seq == d.seq {
				return refusal(m.Outcome())
			}
		}
	}
}

func deletionError(index int, err error) error {
	return fmt.Errorf("link with index %d: delete: %w", index, err)
}

// DeleteLinkAndWait deletes a link and waits for the kernel's acknowledgement, see DeleteLink.
func (c *Conn) DeleteLinkAndWait(ctx context.Context, index int) error {
	if err := c.change(ctx, unix.RTM_DELLINK, 0,
		linkMessage(unix.AF_UNSPEC, index, 0, 0)); err != nil {
		return deletionError(index, err)
	}
	return nil
}
