package rtnl

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"
)

// WaitLink returns when the link satisfies until, which is asked at once and after every change of the link. It wraps
// ErrNotFound if the link goes away.
func (c *Conn) WaitLink(ctx context.Context, index int, until func(*Link) bool) error {
	return c.waitFor(ctx, unix.RTMGRP_LINK,
		func(m syscall.NetlinkMessage) bool { return ifIndex(m.Data) == index },
		func() (bool, error) {
			link, err := c.LinkByIndex(ctx, index)
			return err == nil && until(link), err
		})
}

// ErrDuplicate says that somebody else on the network has the address.
var ErrDuplicate = errors.New("in use by somebody else on the network")

// WaitUsable returns when none of the given addresses, which the link has, is tentative any more. It wraps ErrDuplicate
// if one of them turns out to be somebody else's.
func (c *Conn) WaitUsable(ctx context.Context, index int, given ...netip.Prefix) error {
	return c.waitFor(ctx, unix.RTMGRP_IPV6_IFADDR,
		func(m syscall.NetlinkMessage) bool {
			_, of := parseAddress(m.Data)
			return of == index
		},
		func() (bool, error) {
			addresses, err := c.Addresses(ctx, index)
			if err != nil {
				return false, err
			}
			return usable(addresses, given)
		})
}

func usable(addresses []Address, given []netip.Prefix) (bool, error) {
	tentative := false
	for _, a := range addresses {
		if !slices.Contains(given, a.Prefix) {
			continue
		}
		if a.Duplicate {
			return false, fmt.Errorf("address %s: %w", a.Prefix, ErrDuplicate)
		}
		tentative = tentative || a.Tentative
	}
	return !tentative, nil
}

// AddressWatch sees which addresses become ready in a namespace.
type AddressWatch struct {
	conn *Conn
	sock *socket
}

// WatchAddresses begins to watch. Close ends it.
func (c *Conn) WatchAddresses(ctx context.Context) (*AddressWatch, error) {
	sock, err := c.open(ctx, unix.RTMGRP_IPV6_IFADDR)
	if err != nil {
		return nil, err
	}
	return &AddressWatch{conn: c, sock: sock}, nil
}

// Close ends the watch.
func (w *AddressWatch) Close() { w.sock.release() }

// Ready returns when the kernel has told of each of the IPv6 addresses, given to the link since the watch began. Of one
// without duplicate detection it tells when it has joined the multicast group in which neighbours ask for it, which it
// does some time after the request: before that nobody gets an answer, and asks again only after a second.
func (w *AddressWatch) Ready(ctx context.Context, index int, given ...netip.Prefix) error {
	waiting := slices.DeleteFunc(slices.Clone(given), func(p netip.Prefix) bool { return p.Addr().Is4() })
	for len(waiting) > 0 {
		messages, err := w.sock.receive(ctx, w.conn.buf)
		if errors.Is(err, errOverrun) {
			return nil // so many came that ours were among them
		}
		if err != nil {
			return err
		}
		for _, m := range messages {
			a, of := parseAddress(m.Data)
			if m.Header.Type == unix.RTM_NEWADDR && of == index && !a.Tentative {
				waiting = slices.DeleteFunc(waiting, func(p netip.Prefix) bool { return p == a.Prefix })
			}
		}
	}
	return nil
}

// waitFor asks done, and asks again after every notification of the groups that concerns it. It subscribes only if
// the first answer is no.
func (c *Conn) waitFor(ctx context.Context, groups uint32, concerns func(syscall.NetlinkMessage) bool, done func() (bool, error)) error {
	if ok, err := done(); ok || err != nil {
		return err
	}
	sock, err := c.open(ctx, groups)
	if err != nil {
		return err
	}
	defer sock.release()
	for {
		if ok, err := done(); ok || err != nil {
			return err
		}
		if err := c.awaitNotification(ctx, sock, concerns); err != nil {
			return err
		}
	}
}

func (c *Conn) awaitNotification(ctx context.Context, sock *socket, concerns func(syscall.NetlinkMessage) bool) error {
	for {
		messages, err := sock.receive(ctx, c.buf)
		if errors.Is(err, errOverrun) {
			return nil // what was lost may have concerned us
		}
		if err != nil {
			return err
		}
		for _, m := range messages {
			if concerns(m) {
				return nil
			}
		}
	}
}
