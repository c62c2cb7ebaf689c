package volume

import (
	"errors"
	"io"
	"net"
	"syscall"
)

// quietConn is a connection that raises no SIGPIPE when the plugin is gone: the host may not have a handler for it.
type quietConn struct {
	net.Conn
	raw syscall.RawConn
}

// quiet wraps a connection as net.Dialer makes it.
func quiet(conn net.Conn) (net.Conn, error) {
	socket, ok := conn.(syscall.Conn)
	if !ok {
		conn.Close()
		return nil, errors.New("the connection is no socket")
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		conn.Close()
		return nil, err
	}
	return &quietConn{conn, raw}, nil
}

// Write writes all of p, or returns an error.
func (c *quietConn) Write(p []byte) (written int, err error) {
	for written < len(p) && err == nil {
		var n int
		var sendErr error
		err = c.raw.Write(func(fd uintptr) bool {
			n, sendErr = syscall.SendmsgN(int(fd), p[written:], nil, nil, syscall.MSG_NOSIGNAL)
			return !errors.Is(sendErr, syscall.EAGAIN)
		})
		switch {
		case err != nil:
		case errors.Is(sendErr, syscall.EINTR):
		case sendErr != nil:
			err = sendErr
		case n == 0:
			err = io.ErrShortWrite
		default:
			written += n
		}
	}
	return written, err
}
