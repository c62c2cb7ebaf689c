package volume

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// Limits of a response. Package net/http bounds the framing of chunks and their trailer.
const (
	maxBody    = 8 << 20
	maxHeader  = 64 << 10
	maxInterim = 5   // 1xx responses before the final one
	maxReason  = 200 // bytes of a malformed response that an error quotes
)

// reply is an HTTP response.
type reply struct {
	status int
	body   []byte
}

var (
	errTooLong  = fmt.Errorf("the answer is longer than %d MiB", maxBody>>20)
	errCutShort = errors.New("the plugin closed the connection before its answer was complete")
	errSilent   = errors.New("the plugin closed the connection before it answered")
)

// malformedError is a response that is not HTTP.
type malformedError struct{ text string }

func (e *malformedError) Error() string { return "the answer is not HTTP: " + e.text }

func malformed(format string, args ...any) error {
	return &malformedError{clip(fmt.Sprintf(format, args...), maxReason)}
}

// readReply reads one response of HTTP 1.0 or 1.1.
func readReply(connection io.Reader) (*reply, error) {
	source := &source{connection: connection}
	in := bufio.NewReader(source)
	if _, err := in.Peek(1); errors.Is(err, io.EOF) {
		return nil, errSilent
	}

	response, err := source.readHeader(in)
	if err != nil {
		return nil, err
	}
	body, err := source.readBody(response)
	if err != nil {
		return nil, err
	}
	return &reply{response.StatusCode, body}, nil
}

// source is a connection that gives no more than a header's bytes while it is limited, and
// remembers its end and its error.
type source struct {
	connection io.Reader
	limited    bool
	left       int
	ended      bool
	err        error
}

var errHeaderTooLong = malformed("its header is longer than %d bytes", maxHeader)

func (s *source) Read(p []byte) (int, error) {
	if s.limited && s.left <= 0 {
		s.err = errHeaderTooLong
		return 0, s.err
	}
	n, err := s.connection.Read(p)
	s.left -= n
	switch {
	case errors.Is(err, io.EOF):
		s.ended = true
	case err != nil:
		s.err = err
	}
	return n, err
}

// readHeader reads up to the body of the final response.
func (s *source) readHeader(in *bufio.Reader) (*http.Response, error) {
	for range maxInterim + 1 {
		s.left, s.limited = maxHeader, true
		response, err := http.ReadResponse(in, nil)
		s.limited = false
		switch {
		case err != nil:
			return nil, s.explain(err)
		case response.ProtoMajor != 1:
			return nil, malformed("version %s", response.Proto)
		case response.StatusCode >= 200:
			return response, nil
		case response.StatusCode < 100 || response.StatusCode == http.StatusSwitchingProtocols:
			return nil, malformed("status %d", response.StatusCode)
		}
	}
	return nil, malformed("more than %d interim responses", maxInterim)
}

func (s *source) readBody(response *http.Response) ([]byte, error) {
	if response.ContentLength > maxBody {
		return nil, errTooLong
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxBody+1))
	switch {
	case len(body) > maxBody:
		return nil, errTooLong
	case err == nil:
		return body, nil
	case s.ended && s.err == nil: // net/http has an error of its own for the end inside a trailer
		return nil, errCutShort
	default:
		return nil, s.explain(err)
	}
}

// explain tells an error of the connection from one of the response that it carried.
func (s *source) explain(err error) error {
	switch {
	case s.err != nil:
		return s.err
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return errCutShort
	default:
		return malformed("%v", err)
	}
}
