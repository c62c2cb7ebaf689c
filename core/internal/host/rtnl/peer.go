package rtnl

import (
	"context"
	"errors"
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
)

// LinkPeer looks up the other end of a veth, or the link below, in that link's namespace, which
// needs no path: the kernel numbers the namespaces that links lead to. The error wraps ErrNotFound
// if that namespace is being destroyed.
func (c *Conn) LinkPeer(ctx context.Context, l *Link) (*Link, error) {
	e := linkMessage(unix.AF_UNSPEC, l.Peer, 0, 0)
	if l.PeerElsewhere {
		e.Uint32(unix.IFLA_TARGET_NETNSID, uint32(l.PeerNamespace))
	}
	e.Uint32(unix.IFLA_EXT_MASK, filterSkipStats)
	data, err := c.get(ctx, unix.RTM_GETLINK, e)
	if errors.Is(err, syscall.EINVAL) { // no living namespace has the number
		err = ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("peer of link %s: %w", l.Name, err)
	}
	return parseLink(data), nil
}

// NamespaceCookie returns the number of the connection's namespace, as netns.Namespace.Cookie does.
func (c *Conn) NamespaceCookie() (uint64, error) { return c.netlink.NamespaceCookie() }
