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
