package volume

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"

	"github.com/libcni/libcni/core/internal/host/stream"
)

// dial connects to a plugin. Files are opened and sockets made on the calling goroutine: a call belongs to the mount
// and network namespaces of the thread that makes it. Neither proxies nor anything else of the environment counts.
func dial(ctx context.Context, a Address) (net.Conn, error) {
	conn, err := dialPlain(ctx, a)
	if err != nil {
		return nil, err
	}
	if conn, err = stream.Quiet(conn); err != nil {
		return nil, err
	}
	return secure(ctx, conn, a)
}

func dialPlain(ctx context.Context, a Address) (net.Conn, error) {
	if a.Scheme == schemeUnix {
		return dialSocket(ctx, a.Path)
	}
	addresses, err := resolve(ctx, a.Host)
	if err != nil {
		return nil, err
	}
	var failures []error
	for _, ip := range addresses {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", net.JoinHostPort(ip.String(), a.Port))
		if err == nil {
			return conn, nil
		}
		failures = append(failures, err)
	}
	return nil, errors.Join(failures...)
}

const fullQueuePause = 5 * time.Millisecond

// dialSocket waits while the plugin's queue of connections is full: the kernel lets only blocking connects wait. A
// connect itself takes no time, so the context is looked at between two of them.
func dialSocket(ctx context.Context, path string) (net.Conn, error) {
	for {
		conn, err := net.Dial("unix", path)
		switch {
		case !errors.Is(err, syscall.EAGAIN):
			return conn, err
		case !pause(ctx, fullQueuePause):
			return nil, fmt.Errorf("its queue of connections is full: %w", err)
		}
	}
}

// pause waits, and reports whether the context let it.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// secure puts TLS around a connection if the address asks for it.
func secure(ctx context.Context, conn net.Conn, a Address) (net.Conn, error) {
	if a.Scheme != schemeHTTPS {
		return conn, nil
	}
	config, err := tlsConfig(a)
	if err != nil {
		conn.Close()
		return nil, err
	}
	defer interrupt(ctx, conn)()
	secured := tls.Client(conn, config)
	if err := secured.Handshake(); err != nil {
		conn.Close()
		return nil, fmt.Errorf("TLS: %w", because(ctx, err))
	}
	return secured, nil
}

// interrupt ends all reading and writing when the context ends. The function it returns must be called.
func interrupt(ctx context.Context, conn net.Conn) (stop func()) {
	done := make(chan struct{})
	cancel := context.AfterFunc(ctx, func() {
		defer close(done)
		_ = conn.SetDeadline(longAgo())
	})
	return func() {
		if !cancel() {
			<-done
		}
	}
}

func longAgo() time.Time { return time.Unix(1, 0) }

// because says why reading or writing ended: the end of the context shows as a deadline of the connection.
func because(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}
