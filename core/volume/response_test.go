package volume

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"testing/iotest"
)

// replies are valid and malformed responses.
var replies = []string{
	"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
	"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}more",
	"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{}",
	"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
	"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
	"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\n{}",
	"HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\n{}",
	"HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n{}",
	"HTTP/1.1 200 OK\r\n\r\n{}",
	"HTTP/1.0 200 OK\r\n\r\n{}",
	"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	"HTTP/1.1 200\r\n\r\n{}",
	"HTTP/1.1 200 OK\n\n{}",
	"HTTP/1.1 500 Internal Server Error\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\noops",
	"HTTP/1.1 204 No Content\r\n\r\n",
	"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n",
	"HTTP/1.1 204 No Content\r\nContent-Length: A\r\n\r\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1;a=b\r\n}\r\n0\r\n\r\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nA\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}x\r\n0\r\n\r\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\r\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;\r\r\n0\r\n0\r\n\r\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1 ;a\r\n{\r\n1 \r\n}\r\n0\r\n\r\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" +
		strings.Repeat("1;"+strings.Repeat("x", 7000)+"\r\n \r\n", 4) + "0\r\n\r\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n{}",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
	"HTTP/2.0 200 OK\r\n\r\n{}", "HTTP/1.1 99 Low\r\n\r\n", "HTTP/1.1 2000 High\r\n\r\n",
	"HTTP/1.1 -20 X\r\n\r\n",
	"HTTP/1.1 200 OK\r\nno colon\r\n\r\n{}", "HTTP/1.1 200 OK\r\nA b: c\r\n\r\n{}",
	"HTTP/1.1 200 OK\r\n continued\r\n\r\n{}",
	"220 mail ESMTP\r\n", "", "H", "\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Le", "{\"Err\":\"\"}",
}

// TestRepliesAreRead looks at what is taken of a response, and that what is wrong is refused.
func TestRepliesAreRead(t *testing.T) {
	const ok = "HTTP/1.1 200 OK\r\n"
	for text, want := range map[string]string{
		ok + "Content-Length: 2\r\n\r\n{}more":                  "200 {}",
		ok + "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}": "200 {}",
		ok + "\r\n{}":               "200 {}",
		"HTTP/1.0 200 OK\r\n\r\n{}": "200 {}",
		"HTTP/1.1 200 OK\n\n{}":     "200 {}",
		"HTTP/1.1 500 Error\r\nContent-Length: 4\r\n\r\noops":                       "500 oops",
		"HTTP/1.1 204 No Content\r\n\r\n":                                           "204 ",
		ok + "Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1;a=b\r\n}\r\n0\r\n\r\n":  "200 {}",
		strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", maxInterim) + ok + "\r\n{}": "200 {}",

		strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", maxInterim+1) + ok +
			"\r\n{}": "not HTTP: more than 5 interim",
		"HTTP/1.1 101 Switching\r\n\r\n":                        "not HTTP: status 101",
		"HTTP/2.0 200 OK\r\n\r\n{}":                             "not HTTP: version HTTP/2.0",
		"HTTP/1.1 099 Low\r\n\r\n":                              "not HTTP: status 99",
		"220 mail ESMTP\r\n":                                    "not HTTP: malformed",
		ok + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}": "not HTTP:",
		ok + "Content-Length: +2\r\n\r\n{}":                     "not HTTP: bad Content-Length",
		ok + "Transfer-Encoding: gzip\r\n\r\n{}":                "not HTTP: unsupported transfer",
		ok + "Transfer-Encoding: chunked\r\n\r\nzz\r\n":         "not HTTP: invalid byte in chunk",
		ok + "no colon\r\n\r\n{}":                               "not HTTP: malformed MIME header",
		ok + "A: " + strings.Repeat("x", 2*maxHeader):           "header is longer than 65536 bytes",
		ok + strings.Repeat("A: x\r\n",
			maxHeader): "header is longer than 65536 bytes",
		"HTTP/1.1 " + strings.Repeat("x",
			2*maxHeader): "header is longer than 65536 bytes",
		ok + "Transfer-Encoding: chunked\r\n\r\n0\r\nA: " + strings.Repeat("x", 8192): "long trailer",
		ok + "Transfer-Encoding: chunked\r\n\r\n" +
			strings.Repeat("1;"+strings.Repeat("x", 4000)+"\r\n \r\n", 8) + "0\r\n\r\n": "too much non-data",
	} {
		got := ""
		if response, err := readResponse(strings.NewReader(text)); err != nil {
			got = err.Error()
		} else {
			got = fmt.Sprintf("%d %s", response.status, response.body)
		}
		if !strings.Contains(got, want) {
			t.Errorf("%.80q: %s, want %s", text, got, want)
		}
	}
}

// TestConnectionErrorsStayWhatTheyAre: a deadline is not a malformed response.
func TestConnectionErrorsStayWhatTheyAre(t *testing.T) {
	for _, text := range []string{"", "HTTP/1.1 200",
		"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"} {
		in := io.MultiReader(strings.NewReader(text), iotest.ErrReader(os.ErrDeadlineExceeded))
		if _, err := readResponse(in); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%q and a deadline: %v", text, err)
		}
	}
}

func TestReplyErrorsSayWhatIsWrong(t *testing.T) {
	for text, want := range map[string]error{
		"":                        errNoResponse,
		"HTTP/1.1 200 OK":         errIncomplete,
		"HTTP/1.1 200 OK\r\nA: b": errIncomplete,
		"HTTP/1.1 200 OK\r\nContent-Length: 8388609\r\n\r\n": errTooLong,
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n800001\r\n" + strings.Repeat(" ", maxBody+
			1): errTooLong,
		"HTTP/1.1 200 OK\r\n\r\n" + strings.Repeat(" ", maxBody+
			1): errTooLong,
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n{}":                            errIncomplete,
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{}":              errIncomplete,
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n":          errIncomplete,
		"HTTP/1.1 100 Continue\r\n\r\n":                                             errIncomplete,
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n":     errIncomplete,
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n": nil,
	} {
		if _, err := readResponse(strings.NewReader(text)); !errors.Is(err, want) {
			t.Errorf("%.80q: %v, want %v", text, err, want)
		}
	}
}

func FuzzResponse(f *testing.F) {
	for _, text := range replies {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		response, err := readResponse(bytes.NewReader(data))
		switch {
		case (err == nil) == (response == nil):
			t.Errorf("%q: %v and %v", data, response, err)
		case err == nil && (response.status < 200 || response.status > 999 ||
			len(response.body) > maxBody):
			t.Errorf("%q: status %d, %d bytes", data, response.status, len(response.body))
		}
	})
}

// FuzzInterpret interprets responses: whatever a plugin sends becomes an error or one JSON
// value, and no panic.
func FuzzInterpret(f *testing.F) {
	for _, text := range []string{"", "{}", "null", "[]", `{"Err":"x"}`, `{"Err":7}`,
		`{"Volumes":[{"Name":"a","Status":{"a":1,"a":2}}]}`, "{}x", "\xff"} {
		f.Add(200, []byte(text))
		f.Add(500, []byte(text))
	}
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		p := New().Plugin("unix:///x", Settings{})
		c := &call{plugin: p, endpoint: "VolumeDriver.List"}
		first, err := c.interpret(&httpResponse{status, body})
		if (err == nil) != (first != nil) {
			t.Fatalf("%q and %v", first, err)
		}
		if err != nil {
			return
		}
		if status != statusOK {
			t.Errorf("status %d is not an error", status)
		}
		volumes, err := c.volumes(first)
		if err == nil && volumes == nil {
			t.Errorf("%q: neither volumes nor an error", body)
		}
		for _, v := range volumes {
			if v.Name == "" {
				t.Errorf("%q: a volume without a name", body)
			}
		}
	})
}
