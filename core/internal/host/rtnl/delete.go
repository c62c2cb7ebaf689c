package rtnl

import (
	"context"
	"errors"
	"fmt"
	"runtime"
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
	buffers sync.Pool // of *[bufferSize]byte
}

// NewDeleter allows the given number of deletions at a time.
func NewDeleter(outstanding int) *Deleter {
	return &Deleter{slots: make(chan struct{}, outstanding), buffers: sync.Pool{New: func() any { return new([bufferSize]byte) }}}
}

// DeleteLink deletes a link and returns as soon as it is gone from its namespace. It wraps ErrNotFound.
//
// The kernel acknowledges a deletion only when nothing in it refers to the link any more, after 10 to 30 ms; that the
// link is gone it notifies long before. So the request is sent by a thread that stays in the kernel for so long, and
// ends then.
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
	go c.deleter.send(sock.share(), request, unsent)
	err = c.awaitDeletion(sending, sock, index, seq)
	if err != nil && ctx.Err() == nil && sending.Err() != nil {
		return context.Cause(sending)
	}
	return err
}

// send hands the request to the kernel on a thread that ends afterwards, so that a burst of deletions does not leave
// the host with as many idle threads. The runtime's first thread cannot end, and is left as it is.
func (d *Deleter) send(sock *socket, request []byte, failed context.CancelCauseFunc) {
	runtime.LockOSThread()
	if thread.IsFirst() {
		runtime.UnlockOSThread()
	}
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
