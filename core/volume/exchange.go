package volume

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"
)

// Media types of the protocol: of the responses that we accept, and of our requests.
const (
	acceptType  = "application/vnd.docker.plugins.v1.2+json"
	contentType = "application/vnd.docker.plugins.v1.1+json"
)

// socketHost is the Host of requests over a socket, as Docker sends it.
const socketHost = "plugin.moby.localhost"

// errHeaderTimeout means that the response did not begin in time.
var errHeaderTimeout = errors.New("the response did not begin in time")

// exchange sends one request and reads the response, on the calling goroutine. After an error it is
// unknown whether the plugin carried out the request.
func exchange(ctx context.Context, conn net.Conn, request []byte,
	header time.Duration) (*httpResponse, error) {
	defer interrupt(ctx, conn)()
	// A plugin may respond and close before it has read everything. Then the response counts and the
	// failed write does not.
	_, writeErr := conn.Write(request)
	if header > 0 && ctx.Err() == nil {
		_ = conn.SetReadDeadline(time.Now().Add(header))
	}
	response, err := readResponse(&firstBytes{Conn: conn, ctx: ctx, timed: header > 0})
	switch {
	case err == nil:
		return response, nil
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, errHeaderTimeout
	case writeErr != nil:
		return nil, writeErr
	default:
		return nil, err
	}
}

// firstBytes is a connection with a deadline of its own for the first bytes.
type firstBytes struct {
	net.Conn
	ctx   context.Context
	timed bool
}

func (b *firstBytes) Read(p []byte) (int, error) {
	n, err := b.Conn.Read(p)
	if b.timed && n > 0 {
		b.timed = false
		_ = b.SetReadDeadline(time.Time{})
		if b.ctx.Err() != nil { // interrupt may have set its deadline just before
			_ = b.SetReadDeadline(past())
		}
	}
	return n, err
}

// encode returns a request. The body of the handshake is empty; other bodies are JSON.
func encode(a Address, endpoint string, body []byte) []byte {
	host := socketHost
	if a.Scheme != schemeUnix {
		host = net.JoinHostPort(a.Host, a.Port)
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "POST /%s HTTP/1.1\r\nHost: %s\r\nAccept: %s\r\nContent-Type: "+
		"%s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n",
		endpoint, host, acceptType, contentType, len(body))
	b.Write(body)
	return b.Bytes()
}
