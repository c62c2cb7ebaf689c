// Package rtnl speaks rtnetlink over explicit connections: links, addresses, routes, bridge ports.
// It looks objects up by name or index, and lists them only where a caller asks for a list.
package rtnl

import (
	"context"
	"errors"
	"fmt"

	"github.com/libcni/libcni/core/internal/host/netlink"
	"github.com/libcni/libcni/core/internal/host/netns"
)

// ErrNoNamespace is returned by Session.Container when the session has no namespace.
var ErrNoNamespace = errors.New("no network namespace")

// Session is the pair of rtnetlink connections of one call: one to the namespace of the calling
// thread, one to the container's. Each is opened when it is first asked for. Not safe for
// concurrent use.
type Session struct {
	ns        *netns.Namespace
	deleter   *Deleter
	host      *Conn
	container *Conn
}

// NewSession prepares a session and opens nothing. ns may be nil; it must stay open as long as the
// session. deleter bounds the link deletions in flight; with nil the session has one of its own.
func NewSession(ns *netns.Namespace, deleter *Deleter) *Session {
	if deleter == nil {
		deleter = NewDeleter(DefaultOutstanding, nil)
	}
	return &Session{ns: ns, deleter: deleter}
}

// Host returns the connection to the network namespace of the calling thread. Call it on the
// goroutine that serves the request: what the connection opens later, for a subscription or a
// deletion, is opened on the caller's thread too.
func (s *Session) Host(ctx context.Context) (*Conn, error) {
	if s.host != nil {
		return s.host, nil
	}
	conn, err := newConn(ctx, s.deleter, openHere)
	if err != nil {
		return nil, fmt.Errorf("rtnetlink: %w", err)
	}
	s.host = conn
	return conn, nil
}

// Container returns the connection to the container's network namespace. It may be used from any
// thread.
func (s *Session) Container(ctx context.Context) (*Conn, error) {
	if s.container != nil {
		return s.container, nil
	}
	if s.ns == nil {
		return nil, fmt.Errorf("rtnetlink: %w", ErrNoNamespace)
	}
	conn, err := newConn(ctx, s.deleter, s.openInContainer)
	if err != nil {
		return nil, fmt.Errorf("rtnetlink in %s: %w", s.ns.Path(), err)
	}
	s.container = conn
	return conn, nil
}

func (s *Session) openInContainer(ctx context.Context, groups uint32) (*netlink.Socket, error) {
	if groups == 0 {
		if socket := s.ns.TakeSocket(ctx); socket != nil {
			return socket, nil
		}
	}

	var socket *netlink.Socket
	err := s.ns.Do(ctx, func() (err error) {
		socket, err = openHere(ctx, groups)
		return err
	})
	if err != nil {
		return nil, err
	}
	return socket, nil
}

// Close closes both connections. A deletion in flight finishes on its own.
func (s *Session) Close() {
	if s.host != nil {
		s.host.close()
	}
	if s.container != nil {
		s.container.close()
	}
	s.host, s.container = nil, nil
}
