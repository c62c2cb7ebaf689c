package netlink

import (
	"context"
	"errors"
	"os"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/libcni/libcni/core/internal/host/errno"
	"github.com/libcni/libcni/core/internal/host/wake"
)

// ErrLost is returned by Receive when a datagram was lost, because the kernel's receive buffer was
// full or the datagram was larger than the Buffer. In the second case the Buffer has grown, so that
// asking again succeeds.
var ErrLost = errors.New("netlink messages lost")

// ErrEmpty is returned by ReceiveNow when there is nothing to receive.
var ErrEmpty = errors.New("no netlink message")

// Socket is a netlink socket. It belongs to the network namespace of the thread that opened it and
// may be used from any thread. It goes past Go's poller and past select(2): nearly all answers are
// there when Send returns, and the process may have more than 1,023 descriptors.
type Socket struct {
	fd       int
	protocol int
	refs     atomic.Int32
}

// Open opens a socket of a protocol (NETLINK_*) in the network namespace of the calling thread,
// subscribed to groups (bits, as RTMGRP_*; 0 for none).
func Open(protocol int, groups uint32) (*Socket, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK,
		protocol)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}

	s := &Socket{fd: fd, protocol: protocol}
	s.refs.Store(1)
	if groups != 0 {
		if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK,
			Groups: groups}); err != nil {
			s.Close()
			return nil, os.NewSyscallError("bind", err)
		}
	}
	s.Enable(unix.NETLINK_EXT_ACK)
	return s, nil
}

// Fd returns the descriptor, which stays the socket's.
func (s *Socket) Fd() int { return s.fd }

// Enable turns a NETLINK_* option on, if the kernel has it.
func (s *Socket) Enable(option int) { _ = unix.SetsockoptInt(s.fd, unix.SOL_NETLINK, option, 1) }

// Share adds an owner. Each owner calls Close once.
func (s *Socket) Share() *Socket {
	s.refs.Add(1)
	return s
}

// Close closes the descriptor when the last owner calls it.
func (s *Socket) Close() {
	if s.refs.Add(-1) == 0 {
		_ = unix.Close(s.fd)
	}
}

// NamespaceCookie returns the number that no other network namespace of this boot has or will have
// (SO_NETNS_COOKIE, Linux 5.14).
func (s *Socket) NamespaceCookie() (uint64, error) {
	cookie, err := unix.GetsockoptUint64(s.fd, unix.SOL_SOCKET, unix.SO_NETNS_COOKIE)
	return cookie, os.NewSyscallError("getsockopt", err)
}

// Enlarge gives the kernel's buffers of the socket the size. Without CAP_NET_ADMIN in the initial
// user namespace they get as much as is allowed.
func (s *Socket) Enlarge(size int) {
	for _, option := range []struct{ force, plain int }{
		{unix.SO_SNDBUFFORCE, unix.SO_SNDBUF}, {unix.SO_RCVBUFFORCE, unix.SO_RCVBUF},
	} {
		if unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, option.force, size) != nil {
			_ = unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, option.plain, size)
		}
	}
}

// Send hands a datagram to the kernel, which carries its requests out before Send returns.
func (s *Socket) Send(datagram []byte) error {
	return os.NewSyscallError("sendto", errno.Retry(func() error {
		return unix.Sendto(s.fd, datagram, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
	}))
}

// Buffer is the memory that messages are received in. Its zero value is ready.
type Buffer struct {
	data     []byte
	messages []Message
}

// NewBuffer returns a buffer with room for size bytes at first.
func NewBuffer(size int) *Buffer { return &Buffer{data: make([]byte, size)} }

// bufferSize is what the kernel puts at most into one datagram of a dump. Others may be larger.
const bufferSize = 32 << 10

// Receive returns the messages of the next datagram from the kernel and waits for one until ctx
// ends. They are valid until the buffer is used again.
func (s *Socket) Receive(ctx context.Context, b *Buffer) ([]Message, error) {
	for {
		messages, err := s.ReceiveNow(b)
		if err != ErrEmpty {
			return messages, err
		}
		if err := s.wait(ctx); err != nil {
			return nil, err
		}
	}
}

// ReceiveNow is Receive that does not wait: it returns ErrEmpty.
func (s *Socket) ReceiveNow(b *Buffer) ([]Message, error) {
	if b.data == nil {
		b.data = make([]byte, bufferSize)
	}
	for {
		n, from, err := s.receive(b.data)
		switch {
		case err == unix.EAGAIN:
			return nil, ErrEmpty
		case err == unix.ENOBUFS:
			return nil, ErrLost
		case err != nil:
			return nil, os.NewSyscallError("recvfrom", err)
		}

		if address, ok := from.(*unix.SockaddrNetlink); !ok || address.Pid != 0 {
			continue // not from the kernel
		}
		if n > len(b.data) {
			b.data = make([]byte, n)
			return nil, ErrLost
		}
		b.messages, err = split(b.messages[:0], b.data[:n])
		return b.messages, err
	}
}

// receive returns the size of the next datagram, which may be more than there is room for.
func (s *Socket) receive(p []byte) (n int, from unix.Sockaddr, err error) {
	err = errno.Retry(func() (err error) {
		n, from, err = unix.Recvfrom(s.fd, p, unix.MSG_TRUNC)
		return err
	})
	return n, from, err
}

// wait returns when there is something to receive, or the context's error when that ends first.
func (s *Socket) wait(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	waker, err := wake.New(ctx)
	if err != nil {
		return err
	}
	defer waker.Close()

	set := []unix.PollFd{{Fd: int32(s.fd), Events: unix.POLLIN},
		{Fd: int32(waker.Fd()), Events: unix.POLLIN}}
	if err := errno.Retry(func() error { _, err := unix.Poll(set, -1); return err }); err != nil {
		return os.NewSyscallError("poll", err)
	}
	if set[0].Revents != 0 {
		return nil
	}
	return ctx.Err()
}
