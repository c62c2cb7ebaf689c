package volume

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
)

// replies are answers as servers write them, and as they should not.
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
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + strings.Repeat("1;"+strings.Repeat("x", 7000)+"\r\n \r\n", 4) + "0\r\n\r\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n{}",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
	"HTTP/2.0 200 OK\r\n\r\n{}", "HTTP/1.1 99 Low\r\n\r\n", "HTTP/1.1 2000 High\r\n\r\n", "HTTP/1.1 -20 X\r\n\r\n",
	"HTTP/1.1 200 OK\r\nno colon\r\n\r\n{}", "HTTP/1.1 200 OK\r\nA b: c\r\n\r\n{}", "HTTP/1.1 200 OK\r\n continued\r\n\r\n{}",
	"220 mail ESMTP\r\n", "", "H", "\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Le", "{\"Err\":\"\"}",
}

// theirs reads an answer with package net/http.
func theirs(data []byte) (int, []byte, error) {
	answer, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(data)), &http.Request{Method: http.MethodPost})
	if err != nil {
		return 0, nil, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	return answer.StatusCode, body, err
}

// agree holds our reading of an answer against that of net/http. We may refuse what it takes: it is more lenient in
// places, and allows more and longer headers. What we take it must take, and read in the same way.
func agree(t *testing.T, data []byte) {
	t.Helper()
	mine, err := readReply(bufio.NewReader(bytes.NewReader(data)))
	if err != nil {
		return
	}
	status, body, err := theirs(data)
	if status >= 100 && status < 200 {
		return // net/http leaves those to its caller
	}
	if err != nil || status != mine.status || !bytes.Equal(body, mine.body) {
		t.Errorf("%q: %d %q; net/http reads %d %q, %v", data, mine.status, mine.body, status, body, err)
	}
}

func TestRepliesAreReadAsNetHTTPReadsThem(t *testing.T) {
	taken := 0
	for _, text := range replies {
		agree(t, []byte(text))
		_, mine := readReply(bufio.NewReader(strings.NewReader(text)))
		_, _, other := theirs([]byte(text))
		if mine == nil {
			taken++
		}
		if mine != nil && other == nil && !strings.HasPrefix(text, "HTTP/2.0") && !strings.HasPrefix(text, "HTTP/1.0 200 OK\r\nTransfer") {
			t.Errorf("%q: %v; net/http takes it", text, mine)
		}
	}
	if taken < 10 {
		t.Errorf("only %d of the answers are read at all", taken)
	}
}

func TestReplyErrorsSayWhatIsWrong(t *testing.T) {
	for text, want := range map[string]error{
		"":                        errSilent,
		"HTTP/1.1 200 OK":         errCutShort,
		"HTTP/1.1 200 OK\r\nA: b": errCutShort,
		"HTTP/1.1 200 OK\r\nContent-Length: 8388609\r\n\r\n":                        errTooLong,
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n800001\r\n":           errTooLong,
		"HTTP/1.1 200 OK\r\n\r\n" + strings.Repeat(" ", maxBody+1):                  errTooLong,
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n{}":                            errCutShort,
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{}":              errCutShort,
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n":          errCutShort,
		"HTTP/1.1 100 Continue\r\n\r\n":                                             errCutShort,
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n":     errCutShort,
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n": nil,
	} {
		if _, err := readReply(bufio.NewReader(strings.NewReader(text))); !errors.Is(err, want) {
			t.Errorf("%.80q: %v, want %v", text, err, want)
		}
	}
}

func FuzzReply(f *testing.F) {
	for _, text := range replies {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) { agree(t, data) })
}

// FuzzAnswer feeds the judging of answers: whatever a plugin says becomes an error or one JSON value, and no panic.
func FuzzAnswer(f *testing.F) {
	for _, text := range []string{"", "{}", "null", "[]", `{"Err":"x"}`, `{"Err":7}`, `{"Volumes":[{"Name":"a","Status":{"a":1,"a":2}}]}`, "{}x", "\xff"} {
		f.Add(200, []byte(text))
		f.Add(500, []byte(text))
	}
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		p := New().Plugin("unix:///x", Settings{})
		c := &call{plugin: p, endpoint: "VolumeDriver.List"}
		first, err := c.judge(&reply{status, body})
		if (err == nil) != (first != nil) {
			t.Fatalf("%q and %v", first, err)
		}
		if err != nil {
			return
		}
		if status != statusOK {
			t.Errorf("status %d is no error", status)
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
