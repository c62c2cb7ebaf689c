package netlink

import (
	"errors"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestRefusalOfALongRequest: the kernel repeats a request that it refuses, which may not fit into
// the buffer.
func TestRefusalOfALongRequest(t *testing.T) {
	var e Encoder
	e.Fixed(make([]byte, unix.SizeofIfInfomsg)...)
	e.String(unix.IFLA_IFNAME, "no.such.link")
	e.Bytes(unix.IFLA_PROP_LIST, []byte(strings.Repeat("\x00", bufferSize+1000)))
	c := NewConn(open(t, 0), NewBuffer(bufferSize))
	for range 2 {
		err := c.Change(t.Context(), unix.RTM_SETLINK, 0, e.Encoded())
		var refused *Error
		if !errors.As(err, &refused) {
			t.Errorf("got %v, want the kernel's refusal", err)
		}
	}
}
