// Package netlinksock is a netlink socket for short questions to subsystems that have no package of their own kind: one
// request at a time, and its answers.
package netlinksock

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"syscall"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Socket belongs to the network namespace of the thread that opened it. Not safe for concurrent use.
type Socket struct {
	fd  int
	seq uint32
}

// Open opens a socket of a netlink protocol, such as unix.NETLINK_NETFILTER, on the calling thread.
func Open(protocol int) (*Socket, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, protocol)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	return &Socket{fd: fd}, nil
}

// Close closes the socket.
func (s *Socket) Close() { _ = unix.Close(s.fd) }

// Ask sends a request and calls each with the data of every answer, which is valid during the call. The kernel has
// answered before the request is sent, so that nothing waits. An error that is the kernel's wraps its number.
func (s *Socket) Ask(ctx context.Context, kind, flags int, data []byte, each func([]byte)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.seq++
	request := nl.NetlinkRequest{NlMsghdr: unix.NlMsghdr{Type: uint16(kind), Flags: unix.NLM_F_REQUEST | uint16(flags), Seq: s.seq}, RawData: data}
	if err := ignoringEINTR(func() error {
		return unix.Sendto(s.fd, request.Serialize(), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
	}); err != nil {
		return os.NewSyscallError("sendto", err)
	}
	buf := make([]byte, 64<<10)
	for {
		messages, err := s.receive(buf)
		if err != nil {
			return err
		}
		for _, m := range messages {
			switch {
			case m.Header.Seq != s.seq:
			case m.Header.Type == unix.NLMSG_DONE || m.Header.Type == unix.NLMSG_ERROR:
				return verdict(m.Data)
			default:
				each(m.Data)
			}
		}
	}
}

func (s *Socket) receive(buf []byte) ([]syscall.NetlinkMessage, error) {
	var n int
	var from unix.Sockaddr
	err := ignoringEINTR(func() (err error) {
		n, from, err = unix.Recvfrom(s.fd, buf, unix.MSG_TRUNC)
		return err
	})
	if err != nil {
		return nil, os.NewSyscallError("recvfrom", err)
	}
	if n > len(buf) {
		return nil, fmt.Errorf("message of %d bytes: %w", n, unix.EMSGSIZE)
	}
	if address, ok := from.(*unix.SockaddrNetlink); !ok || address.Pid != 0 {
		return nil, nil // not from the kernel
	}
	return syscall.ParseNetlinkMessage(buf[:n])
}

func verdict(data []byte) error {
	if len(data) < 4 {
		return nil
	}
	if number := int32(binary.NativeEndian.Uint32(data)); number < 0 {
		return syscall.Errno(-number)
	}
	return nil
}

func ignoringEINTR(call func() error) error {
	for {
		if err := call(); err != unix.EINTR {
			return err
		}
	}
}
