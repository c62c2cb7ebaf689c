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

// httpResponse is an HTTP response.
type httpResponse struct {
	status int
	body   []byte
}

var (
	errTooLong    = fmt.Errorf("the response is longer than %d MiB", maxBody>>20)
	errIncomplete = errors.New("the plugin closed the connection before its response was complete")
	errNoResponse = errors.New("the plugin closed the connection before it responded")
)

// malformedError is a response that is not HTTP.
type malformedError struct{ text string }

func (e *malformedError) Error() string { return "the response is not HTTP: " + e.text }

func malformed(format string, args ...any) error {
	return &malformedError{clip(fmt.Sprintf(format, args...), maxReason)}
}

// readResponse reads one response of HTTP 1.0 or 1.1.
func readResponse(connection io.Reader) (*httpResponse, error) {
	source := &source{connection: connection}
	in := bufio.NewReader(source)
	if _, err := in.Peek(1); errors.Is(err, io.EOF) {
		return nil, errNoResponse
	}

	response, err := source.readHeader(in)
	if err != nil {
		return nil, err
	}
	body, err := source.readBody(response)
	if err != nil {
		return nil, err
	}
	return &httpResponse{response.StatusCode, body}, nil
}

// source is a connection that returns at most left bytes while it is limited, and records its end
// and its error.
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
	case s.ended && s.err == nil: // net/http reports the end inside a trailer as another error
		return nil, errIncomplete
	default:
		return nil, s.explain(err)
	}
}

// explain distinguishes an error of the connection from a malformed response.
func (s *source) explain(err error) error {
	switch {
	case s.err != nil:
		return s.err
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return errIncomplete
	default:
		return malformed("%v", err)
	}
}
