package volume

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"net/textproto"
	"strconv"
	"strings"
)

// What an answer may be at most.
const (
	maxBody   = 8 << 20
	maxHeader = 64 << 10
	maxLine   = 8 << 10 // of the status and of a chunk's size
)

// reply is an HTTP answer.
type reply struct {
	status int
	body   []byte
}

var (
	errTooLong  = fmt.Errorf("the answer is longer than %d MiB", maxBody>>20)
	errCutShort = errors.New("the plugin closed the connection before its answer was complete")
	errSilent   = errors.New("the plugin closed the connection before it answered")
)

// malformedError is an answer that is not HTTP.
type malformedError struct{ text string }

func (e *malformedError) Error() string { return "the answer is not HTTP: " + e.text }

func malformed(format string, args ...any) error {
	return &malformedError{fmt.Sprintf(format, args...)}
}

// cutShort words the end of input in the middle of an answer.
func cutShort(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errCutShort
	}
	return err
}

// readReply reads an answer of HTTP 1.0 or 1.1. Package net/http would do it too, for a sixth more of the library's
// size; the tests hold the two against each other.
func readReply(in *bufio.Reader) (*reply, error) {
	if _, err := in.Peek(1); errors.Is(err, io.EOF) {
		return nil, errSilent
	}
	for interim := 0; ; interim++ {
		protocol, status, err := readStatus(in)
		if err != nil {
			return nil, err
		}
		header, err := readHeader(in)
		if err != nil {
			return nil, err
		}
		if status >= 200 {
			if protocol == http10 && header["Transfer-Encoding"] != nil {
				return nil, malformed("Transfer-Encoding in %s", protocol)
			}
			body, err := readBody(in, status, header)
			return &reply{status, body}, err
		}
		if interim == 5 || status == 101 {
			return nil, malformed("HTTP %d", status)
		}
	}
}

const (
	http10 = "HTTP/1.0"
	http11 = "HTTP/1.1"
)

func readStatus(in *bufio.Reader) (protocol string, status int, err error) {
	line, err := readLine(in)
	if err != nil {
		return "", 0, err
	}
	protocol, rest, _ := strings.Cut(string(line), " ")
	code, _, _ := strings.Cut(strings.TrimLeft(rest, " "), " ")
	number, err := strconv.ParseUint(code, 10, 16)
	if protocol != http11 && protocol != http10 || err != nil || len(code) != 3 || number < 100 {
		return "", 0, malformed("it begins with %.60q", line)
	}
	return protocol, int(number), nil
}

// readLine reads a line without its end.
func readLine(in *bufio.Reader) ([]byte, error) {
	line, err := readLineWithEnd(in)
	return bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r")), err
}

func readLineWithEnd(in *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := in.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case len(line) > maxLine:
			return nil, malformed("a line is longer than %d bytes", maxLine)
		case err == nil:
			return line, nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, cutShort(err)
		}
	}
}

func readHeader(in *bufio.Reader) (textproto.MIMEHeader, error) {
	limited := &io.LimitedReader{R: in, N: maxHeader}
	// One byte at a time, so that no byte of the body is taken out of in.
	header, err := textproto.NewReader(bufio.NewReaderSize(byteReader{limited}, maxLine)).ReadMIMEHeader()
	switch {
	case err == nil:
		return header, nil
	case limited.N == 0:
		return nil, malformed("its header is longer than %d bytes", maxHeader)
	case errors.As(err, new(textproto.ProtocolError)):
		return nil, malformed("%v", err)
	default:
		return nil, cutShort(err)
	}
}

type byteReader struct{ io.Reader }

func (r byteReader) Read(p []byte) (int, error) { return r.Reader.Read(p[:min(1, len(p))]) }

func readBody(in *bufio.Reader, status int, header textproto.MIMEHeader) ([]byte, error) {
	if status == 204 || status == 304 { // no body, but a length that is none is wrong all the same
		_, err := contentLength(header["Content-Length"])
		return nil, err
	}
	if encoding := header["Transfer-Encoding"]; encoding != nil {
		if len(encoding) != 1 || !strings.EqualFold(encoding[0], "chunked") {
			return nil, malformed("Transfer-Encoding: %s", strings.Join(encoding, ", "))
		}
		return readChunked(in)
	}
	length, err := contentLength(header["Content-Length"])
	switch {
	case err != nil:
		return nil, err
	case length > maxBody && length != untilEnd:
		return nil, errTooLong
	}
	body, err := io.ReadAll(io.LimitReader(in, min(int64(length), maxBody+1)))
	switch {
	case err != nil:
		return nil, err
	case len(body) > maxBody:
		return nil, errTooLong
	case length != untilEnd && uint64(len(body)) < length:
		return nil, errCutShort
	}
	return body, nil
}

// untilEnd is the length of a body that ends with the connection.
const untilEnd = math.MaxInt64

func contentLength(values []string) (uint64, error) {
	if len(values) == 0 {
		return untilEnd, nil
	}
	for _, value := range values {
		if value != values[0] {
			return 0, malformed("two values of Content-Length, %q and %q", values[0], value)
		}
	}
	for _, digit := range values[0] {
		if digit < '0' || digit > '9' {
			return 0, malformed("Content-Length: %q", values[0])
		}
	}
	length, err := strconv.ParseUint(values[0], 10, 63)
	if err != nil {
		return 0, malformed("Content-Length: %q", values[0])
	}
	return length, nil
}
