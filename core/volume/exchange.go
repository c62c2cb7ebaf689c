package volume

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"time"
)

// Media types of the protocol: the answers we accept, and what our requests are.
const (
	acceptType  = "application/vnd.docker.plugins.v1.2+json"
	contentType = "application/vnd.docker.plugins.v1.1+json"
)

// socketHost is the Host of requests over a socket, as Docker sends it.
const socketHost = "plugin.moby.localhost"

// errHeader: the answer did not begin in time.
var errHeader = errors.New("the answer did not begin in time")

// exchange sends one request and reads the answer. It uses no goroutine but the caller's. Of an error, what is left of
// the request in the plugin is not known.
func exchange(ctx context.Context, conn net.Conn, request []byte, header time.Duration) (*reply, error) {
	defer interrupt(ctx, conn)()
	// A plugin may answer before it has read all, and close; then the answer counts, not the write that failed.
	_, writeErr := conn.Write(request)
	if header > 0 && ctx.Err() == nil {
		conn.SetReadDeadline(time.Now().Add(header))
	}
	in := bufio.NewReader(&beginning{Conn: conn, ctx: ctx, timed: header > 0})
	answer, err := readReply(in)
	switch {
	case err == nil:
		return answer, nil
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, errHeader
	case writeErr != nil:
		return nil, writeErr
	default:
		return nil, err
	}
}

// beginning is a connection whose first bytes are awaited for a shorter time than the others.
type beginning struct {
	net.Conn
	ctx   context.Context
	timed bool
}

func (b *beginning) Read(p []byte) (int, error) {
	n, err := b.Conn.Read(p)
	if b.timed && n > 0 {
		b.timed = false
		b.SetReadDeadline(time.Time{})
		if b.ctx.Err() != nil { // it may have ended, and set its deadline, just before
			b.SetReadDeadline(longAgo())
		}
	}
	return n, err
}

// encode writes a request. The body of the handshake is empty; all others are JSON.
func encode(a Address, endpoint string, body []byte) []byte {
	host := socketHost
	if a.Scheme != schemeUnix {
		host = net.JoinHostPort(a.Host, a.Port)
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "POST /%s HTTP/1.1\r\nHost: %s\r\nAccept: %s\r\nContent-Type: %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n",
		endpoint, host, acceptType, contentType, len(body))
	b.Write(body)
	return b.Bytes()
}

// Of the lines before chunks this much may be something else than the size, for each chunk and beyond that in all.
const (
	usualChunkLine = 16
	maxExtensions  = 16 << 10
)

// readChunked reads a body that comes in chunks.
func readChunked(in *bufio.Reader) ([]byte, error) {
	var body []byte
	extensions := 0
	for {
		line, err := readChunkLine(in)
		if err != nil {
			return nil, err
		}
		size, _, _ := bytes.Cut(bytes.TrimRight(line, " \t"), []byte(";"))
		n, err := strconv.ParseUint(string(size), 16, 63)
		extensions += max(0, len(line)+len("\r\n")-usualChunkLine)
		switch {
		case err != nil:
			return nil, malformed("the size of a chunk is %q", size)
		case extensions > maxExtensions:
			return nil, malformed("its chunks have more than %d bytes of extensions", maxExtensions)
		case n == 0:
			return body, skipTrailer(in)
		case n > maxBody-uint64(len(body)):
			return nil, errTooLong
		}
		before := len(body)
		body = append(body, make([]byte, n)...)
		if _, err := io.ReadFull(in, body[before:]); err != nil {
			return nil, cutShort(err)
		}
		if end, err := readChunkLine(in); err != nil || len(end) != 0 {
			return nil, errors.Join(malformed("a chunk is not as long as it says"), err)
		}
	}
}

const maxTrailer = 4 << 10

// skipTrailer reads what follows the last chunk, of no interest but to tell that all has come.
func skipTrailer(in *bufio.Reader) error {
	var trailer []byte
	for {
		line, err := readChunkLine(in)
		if err != nil {
			return err
		}
		trailer = append(append(trailer, line...), '\r', '\n')
		if len(trailer) > maxTrailer {
			return malformed("its trailer is longer than %d bytes", maxTrailer)
		}
		if len(line) == 0 {
			_, err := readHeader(bufio.NewReader(bytes.NewReader(trailer)))
			return err
		}
	}
}

// readChunkLine is readLine for lines that must end in CR LF, and have no CR before: of others, others read other chunks.
func readChunkLine(in *bufio.Reader) ([]byte, error) {
	line, err := readLineWithEnd(in)
	if err != nil {
		return nil, err
	}
	content, found := bytes.CutSuffix(line, []byte("\r\n"))
	if !found || bytes.IndexByte(content, '\r') >= 0 {
		return nil, malformed("a line of its chunks does not end in one CR LF")
	}
	return content, nil
}
