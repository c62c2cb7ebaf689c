// Package stream writes to stream sockets without the signals of the host.
package stream

import (
	"errors"
	"io"
	"net"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/libcni/libcni/core/internal/host/errno"
)

// conn is a connection that raises no SIGPIPE when the peer is gone: the host may not handle that
// signal.
type conn struct {
	net.Conn
	raw syscall.RawConn
}

// Quiet returns a connection over one that net.Dialer has made. Writing to it raises no SIGPIPE. It
// closes the given connection if it fails.
func Quiet(inner net.Conn) (net.Conn, error) {
	socket, ok := inner.(syscall.Conn)
	if !ok {
		inner.Close()
		return nil, errors.New("the connection is not a socket")
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		inner.Close()
		return nil, err
	}
	return &conn{inner, raw}, nil
}

// Write writes all of p, or returns an error.
func (c *conn) Write(p []byte) (written int, err error) {
	for written < len(p) && err == nil {
		var n int
		if n, err = c.send(p[written:]); err == nil && n == 0 {
			err = io.ErrShortWrite
		}
		written += n
	}
	return written, err
}

// send waits until the kernel takes some of p.
func (c *conn) send(p []byte) (n int, err error) {
	failed := c.raw.Write(func(fd uintptr) (done bool) {
		err = errno.Retry(func() (err error) {
			n, err = unix.SendmsgN(int(fd), p, nil, nil, unix.MSG_NOSIGNAL)
			return err
		})
		return err != unix.EAGAIN
	})
	if failed != nil {
		err = failed
	}
	return max(n, 0), err
}
