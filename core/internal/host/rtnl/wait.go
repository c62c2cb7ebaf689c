package rtnl

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/libcni/libcni/core/internal/host/netlink"
)

// WaitLink is WaitLinks of one link.
func (c *Conn) WaitLink(ctx context.Context, index int, until func(*Link) bool) error {
	return c.WaitLinks(ctx, Awaited{index, until})
}

// Awaited is a link and what it is waited for.
type Awaited struct {
	Index int
	Until func(*Link) bool
}

// WaitLinks returns when each link in turn has satisfied Until, which is called at once and after
// every change of the link. The error wraps ErrNotFound if the link is deleted.
func (c *Conn) WaitLinks(ctx context.Context, links ...Awaited) error {
	return c.waitFor(ctx, unix.RTMGRP_LINK,
		func(m netlink.Message) bool { return linkIndex(m.Data) == links[0].Index },
		func() (bool, error) {
			for ; len(links) > 0; links = links[1:] {
				link, err := c.LinkByIndex(ctx, links[0].Index)
				if err != nil || !links[0].Until(link) {
					return false, err
				}
			}
			return true, nil
		})
}

// ErrDuplicate says that another host on the network uses the address.
var ErrDuplicate = errors.New("in use by another host on the network")

// WaitUsable returns when none of the given addresses, which the link has, is tentative any more.
// The error wraps ErrDuplicate if duplicate address detection finds one of them on another host.
func (c *Conn) WaitUsable(ctx context.Context, index int, given ...netip.Prefix) error {
	return c.waitFor(ctx, unix.RTMGRP_IPV6_IFADDR,
		func(m netlink.Message) bool {
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

// AddressWatch reports addresses of a namespace that become ready.
type AddressWatch struct {
	conn   *Conn
	socket *netlink.Socket
}

// WatchAddresses begins to watch. The caller closes the watch.
func (c *Conn) WatchAddresses(ctx context.Context) (*AddressWatch, error) {
	socket, err := c.open(ctx, unix.RTMGRP_IPV6_IFADDR)
	if err != nil {
		return nil, err
	}
	return &AddressWatch{conn: c, socket: socket}, nil
}

// Close ends the watch.
func (w *AddressWatch) Close() { w.socket.Close() }

// Ready returns when the kernel has announced each of the IPv6 addresses that were given to the
// link since the watch began. It announces an address without duplicate detection once it has
// joined the multicast group in which neighbours ask for the address, some time after the request.
// A neighbour that asks earlier gets no answer, and repeats its question only after a second.
func (w *AddressWatch) Ready(ctx context.Context, index int, given ...netip.Prefix) error {
	waiting := slices.DeleteFunc(slices.Clone(given),
		func(p netip.Prefix) bool { return p.Addr().Is4() })
	for len(waiting) > 0 {
		messages, err := w.socket.Receive(ctx, w.conn.netlink.Buffer)
		if errors.Is(err, netlink.ErrLost) {
			return nil // ours were among those that were lost
		}
		if err != nil {
			return err
		}
		for _, m := range messages {
			a, of := parseAddress(m.Data)
			if m.Kind == unix.RTM_NEWADDR && of == index && !a.Tentative {
				waiting = slices.DeleteFunc(waiting, func(p netip.Prefix) bool { return p == a.Prefix })
			}
		}
	}
	return nil
}

// waitFor calls done, and again after every notification of the groups that concerns it. It
// subscribes only if the first call returns false.
func (c *Conn) waitFor(
	ctx context.Context, groups uint32, concerns func(netlink.Message) bool, done func() (bool, error),
) error {
	if ok, err := done(); ok || err != nil {
		return err
	}
	socket, err := c.open(ctx, groups)
	if err != nil {
		return err
	}
	defer socket.Close()
	for {
		if ok, err := done(); ok || err != nil {
			return err
		}
		if err := c.awaitNotification(ctx, socket, concerns); err != nil {
			return err
		}
	}
}

func (c *Conn) awaitNotification(ctx context.Context, socket *netlink.Socket,
	concerns func(netlink.Message) bool) error {
	for {
		messages, err := socket.Receive(ctx, c.netlink.Buffer)
		if errors.Is(err, netlink.ErrLost) {
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
