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

// dial connects to a plugin. It opens files and makes sockets on the calling goroutine, since a
// call uses the mount and network namespaces of its thread. It ignores the environment, such as
// proxies.
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

// dialSocket retries while the plugin's queue of connections is full, since the kernel waits only
// in a blocking connect. A connect never blocks, so checking the context between two attempts
// suffices.
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

// pause waits for d. It returns false if the context is done first.
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

// secure returns the connection with TLS if the address is https.
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
		return nil, fmt.Errorf("TLS: %w", contextError(ctx, err))
	}
	return secured, nil
}

// interrupt makes reads and writes fail once the context is done. The caller must call stop.
func interrupt(ctx context.Context, conn net.Conn) (stop func()) {
	done := make(chan struct{})
	cancel := context.AfterFunc(ctx, func() {
		defer close(done)
		_ = conn.SetDeadline(past())
	})
	return func() {
		if !cancel() {
			<-done
		}
	}
}

func past() time.Time { return time.Unix(1, 0) }

// contextError returns the context's error if it is done, since that shows as a deadline of the
// connection, and err otherwise.
func contextError(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}
