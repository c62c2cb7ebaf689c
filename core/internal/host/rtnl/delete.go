package rtnl

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"libcni/core/internal/host/thread"
)

// DefaultOutstanding is how many link deletions may be in flight before the next one waits.
const DefaultOutstanding = 8

// Deleter is what sessions share: it bounds the link deletions in flight, each of which keeps a thread in the kernel, and
// keeps buffers for the next session. Safe for concurrent use.
type Deleter struct {
	slots   chan struct{}
	crew    *thread.Crew
	buffers sync.Pool // of *[bufferSize]byte
}

// NewDeleter allows the given number of deletions at a time, on threads of the crew.
func NewDeleter(outstanding int, crew *thread.Crew) *Deleter {
	return &Deleter{slots: make(chan struct{}, outstanding), crew: crew, buffers: sync.Pool{New: func() any { return new([bufferSize]byte) }}}
}

// DeleteLink deletes a link and returns as soon as it is gone from its namespace. It wraps ErrNotFound.
//
// The kernel acknowledges a deletion only when nothing in it refers to the link any more, after 10 to 30 ms; that the
// link is gone it notifies long before. So the request is sent by a thread that stays in the kernel for so long.
func (c *Conn) DeleteLink(ctx context.Context, index int) error {
	err := c.deleteLink(ctx, index)
	if err != nil {
		return fmt.Errorf("link with index %d: delete: %w", index, err)
	}
	return nil
}

func (c *Conn) deleteLink(ctx context.Context, index int) error {
	select {
	case c.deleter.slots <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	sock, err := c.open(ctx, unix.RTMGRP_LINK)
	if err != nil {
		<-c.deleter.slots
		return err
	}
	defer sock.release()
	request, seq := c.build(unix.RTM_DELLINK, unix.NLM_F_ACK, []nl.NetlinkRequestData{ifInfo(unix.AF_UNSPEC, index, 0, 0)})
	sending, unsent := context.WithCancelCause(ctx)
	defer unsent(nil)
	shared := sock.share()
	c.deleter.crew.Run(func() bool {
		c.deleter.send(shared, request, unsent)
		return true
	})
	err = c.awaitDeletion(sending, sock, index, seq)
	if err != nil && ctx.Err() == nil && sending.Err() != nil {
		return context.Cause(sending)
	}
	return err
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
