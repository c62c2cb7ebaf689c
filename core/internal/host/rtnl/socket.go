package rtnl

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

// errOverrun says that notifications were lost because the receive buffer was full.
var errOverrun = errors.New("notifications lost")

// socket is a NETLINK_ROUTE socket. It belongs to the namespace of the thread that opened it, and may be used from any.
type socket struct {
	fd   int
	refs atomic.Int32
}

type opener func(ctx context.Context, groups uint32) (*socket, error)

// openHere opens a socket in the network namespace of the calling thread, subscribed to groups (RTMGRP_* bits).
func openHere(_ context.Context, groups uint32) (*socket, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	s := newSocket(fd)
	if groups != 0 {
		if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: groups}); err != nil {
			s.release()
			return nil, os.NewSyscallError("bind", err)
		}
	}
	return s, nil
}

func newSocket(fd int) *socket {
	s := &socket{fd: fd}
	s.refs.Store(1)
	// The kernel's own words in errors; without them "invalid argument" is all there is. NameIsFree before Linux 4.12.
	_ = unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_EXT_ACK, 1)
	return s
}

// share adds an owner; each owner calls release once.
func (s *socket) share() *socket {
	s.refs.Add(1)
	return s
}

func (s *socket) release() {
	if s.refs.Add(-1) == 0 {
		_ = unix.Close(s.fd)
	}
}

// send hands a request to the kernel, which carries it out before send returns.
func (s *socket) send(request []byte) error {
	for {
		err := unix.Sendto(s.fd, request, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
		if err != unix.EINTR {
			return os.NewSyscallError("sendto", err)
		}
	}
}

// receive returns the messages of the next datagram from the kernel. They are only valid until buf is used again.
func (s *socket) receive(ctx context.Context, buf []byte) ([]syscall.NetlinkMessage, error) {
	for {
		n, from, err := unix.Recvfrom(s.fd, buf, unix.MSG_TRUNC)
		switch {
		case err == unix.EINTR:
			continue
		case err == unix.EAGAIN:
			if err := s.wait(ctx); err != nil {
				return nil, err
			}
			continue
		case err == unix.ENOBUFS:
			return nil, errOverrun
		case err != nil:
			return nil, os.NewSyscallError("recvfrom", err)
		case n > len(buf):
			return nil, fmt.Errorf("message of %d bytes: %w", n, unix.EMSGSIZE)
		}
		if address, ok := from.(*unix.SockaddrNetlink); !ok || address.Pid != 0 {
			continue // not from the kernel
		}
		return syscall.ParseNetlinkMessage(buf[:n])
	}
}

// wait returns when there is something to receive, or with the context's error when that ends first.
func (s *socket) wait(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return os.NewSyscallError("eventfd2", err)
	}
	defer unix.Close(wake)
	woken := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(woken)
		_, _ = unix.Write(wake, []byte{1, 0, 0, 0, 0, 0, 0, 1}) // not zero in either byte order
	})
	defer func() {
		if !stop() {
			<-woken // or it would write to whatever has the number next
		}
	}()
	set := []unix.PollFd{{Fd: int32(s.fd), Events: unix.POLLIN}, {Fd: int32(wake), Events: unix.POLLIN}}
	for {
		if _, err := unix.Poll(set, -1); err == unix.EINTR {
			continue
		} else if err != nil {
			return os.NewSyscallError("poll", err)
		}
		if set[0].Revents != 0 {
			return nil
		}
		return ctx.Err()
	}
}
