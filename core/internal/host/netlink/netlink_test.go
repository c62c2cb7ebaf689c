package netlink

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

func open(t testing.TB, groups uint32) *Socket {
	t.Helper()
	s, err := Open(unix.NETLINK_ROUTE, groups)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// loopback is a request for the link lo.
func loopback() []byte {
	var e Encoder
	e.Fixed(make([]byte, unix.SizeofIfInfomsg)...)
	e.String(unix.IFLA_IFNAME, "lo")
	return e.Encoded()
}

func name(message []byte) string {
	for d := DecodeAfter(message, unix.SizeofIfInfomsg); d.Next(); {
		if d.Kind() == unix.IFLA_IFNAME {
			return d.String()
		}
	}
	return ""
}

func TestAnswersLargerThanTheBuffer(t *testing.T) {
	for _, size := range []int{1, 64, 500, bufferSize} {
		c := NewConn(open(t, 0), NewBuffer(size))
		data, err := c.Get(t.Context(), unix.RTM_GETLINK, loopback())
		if err != nil || name(data) != "lo" {
			t.Errorf("a buffer of %d bytes: get %q, %v", size, name(data), err)
		}

		c = NewConn(open(t, 0), NewBuffer(size))
		var names []string
		err = c.Dump(t.Context(), unix.RTM_GETLINK, make([]byte, unix.SizeofIfInfomsg),
			func(data []byte) {
				names = append(names, name(data))
			})
		if err != nil || strings.Count(strings.Join(names, " ")+" ", "lo ") != 1 {
			t.Errorf("a buffer of %d bytes: list %q, %v", size, names, err)
		}
		if c.Unfinished {
			t.Errorf("a buffer of %d bytes: something is left to receive", size)
		}
	}
}

func TestAnswersOfOneDatagramGoToTheirRequests(t *testing.T) {
	c := NewConn(open(t, 0), new(Buffer))
	var names [3]string
	requests := make([]*Request, len(names))
	for i := range requests {
		requests[i] = &Request{Kind: unix.RTM_GETLINK, Body: loopback(),
			Answer: func(m Message) { names[i] += name(m.Data) }}
	}
	requests[1].Body = make([]byte, unix.SizeofIfInfomsg) // of no link
	requests[2].Flags, requests[2].Body = unix.NLM_F_DUMP, requests[1].Body
	if err := c.Exchange(t.Context(), requests...); err != nil {
		t.Fatal(err)
	}

	if names[0] != "lo" || names[1] != "" || !strings.Contains(names[2], "lo") {
		t.Errorf("the answers name %q", names)
	}
	if requests[0].Err != nil || !errors.Is(requests[1].Err, unix.EINVAL) || requests[2].Err != nil {
		t.Errorf("the errors are %v, %v, %v", requests[0].Err, requests[1].Err, requests[2].Err)
	}
}

func TestAnswersOfAnEarlierExchangeAreDropped(t *testing.T) {
	c := NewConn(open(t, 0), new(Buffer))
	if err := c.Send(AppendMessage(nil, unix.RTM_GETLINK, unix.NLM_F_REQUEST, c.Number(1),
		loopback())); err != nil {
		t.Fatal(err)
	}
	_, err := c.Get(t.Context(), unix.RTM_GETLINK, make([]byte, unix.SizeofIfInfomsg)) // of no link
	if err == nil {
		t.Error("an answer to another request was taken")
	}
}

func TestErrorsTellTheKernelsReason(t *testing.T) {
	c := NewConn(open(t, 0), new(Buffer))
	var e Encoder
	e.Fixed(append([]byte{unix.AF_INET}, make([]byte, unix.SizeofRtMsg-1)...)...)
	e.Uint32(unix.RTA_OIF, 1<<30)
	err := c.Change(t.Context(), unix.RTM_NEWROUTE, unix.NLM_F_CREATE, e.Encoded())
	var refused *Error
	if !errors.As(err, &refused) || refused.Message == "" ||
		!strings.Contains(err.Error(), refused.Message) {
		t.Errorf("got %v, want a reason", err)
	}
}

func TestReceiveEndsWithItsContext(t *testing.T) {
	s := open(t, unix.RTMGRP_LINK)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := s.Receive(ctx, new(Buffer)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want %v", err, context.DeadlineExceeded)
	}
	if _, err := s.ReceiveNow(new(Buffer)); err != ErrEmpty {
		t.Errorf("got %v, want %v", err, ErrEmpty)
	}
	cancel()
	if err := NewConn(s, new(Buffer)).Change(ctx, unix.RTM_DELLINK, 0, nil); !errors.Is(err,
		context.DeadlineExceeded) {
		t.Errorf("a request after the end: %v, want %v", err, context.DeadlineExceeded)
	}
}

// Only the kernel is listened to: a process may send to the port of another one.
func TestMessagesOfOtherSendersAreDropped(t *testing.T) {
	receiver, sender := open(t, unix.RTMGRP_LINK), open(t, unix.RTMGRP_LINK)
	address, err := unix.Getsockname(receiver.fd)
	if err != nil {
		t.Fatal(err)
	}
	forged := AppendMessage(nil, unix.RTM_NEWLINK, 0, 1, loopback())
	if err := unix.Sendto(sender.fd, forged, 0, address); err != nil {
		t.Fatal(err)
	}
	if messages, err := receiver.ReceiveNow(new(Buffer)); err != ErrEmpty {
		t.Errorf("got %v, %v", messages, err)
	}
}

func TestAttributesAreReadAsTheyWereWritten(t *testing.T) {
	var e Encoder
	e.Fixed(1, 2, 3, 4)
	e.String(1, "text")
	e.Open(2)
	e.Uint8(1, 7)
	e.Open(2)
	e.Uint32(1, 1<<31)
	e.Close()
	e.Close()
	e.BigUint16(3, 8080)
	e.BigUint32(4, 1<<20)
	e.Bool(5, true)
	e.Bytes(6|unix.NLA_F_NET_BYTEORDER, []byte("x"))

	var got []any
	for d := DecodeAfter(e.Encoded(), 4); d.Next(); {
		switch d.Kind() {
		case 1:
			got = append(got, d.String())
		case 2:
			inner := Decode(d.Bytes())
			inner.Next()
			got = append(got, inner.Uint32())
			inner.Next()
			innermost := Decode(inner.Bytes())
			innermost.Next()
			got = append(got, innermost.Uint32(), innermost.Int())
		case 3:
			got = append(got, d.BigUint16())
		case 4:
			got = append(got, d.BigUint32())
		case 5:
			got = append(got, d.Bool())
		case 6:
			got = append(got, string(d.Bytes()))
		}
	}
	want := []any{"text", uint32(7), uint32(1 << 31), -1 << 31, uint16(8080), uint32(1 << 20), true,
		"x"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("attributes (-want +got):\n%s", diff)
	}
}

func FuzzDecoding(f *testing.F) {
	f.Add([]byte{4, 0, 1, 0}, uint16(2))
	f.Add(AppendMessage(nil, unix.NLMSG_ERROR, unix.NLM_F_ACK_TLVS, 1, make([]byte, 24)),
		uint16(0x300))
	f.Fuzz(func(t *testing.T, data []byte, flags uint16) {
		size := 0
		d := Decode(data)
		for d.Next() {
			size += unix.SizeofNlAttr + len(d.Bytes())
			_, _, _, _ = d.String(), d.Uint32(), d.BigUint64(), d.Int()
		}
		if size > len(data) {
			t.Errorf("attributes of %d bytes in %d", size, len(data))
		}
		messages, _ := split(nil, data)
		for _, m := range messages {
			m.Flags |= flags
			_ = m.Outcome()
		}
		_ = Message{Kind: unix.NLMSG_DONE, Flags: flags, Data: data}.Outcome()
	})
}

// nfnetlink answers the first request alone, rtnetlink each one.
func TestRequestsWithoutNetAdmin(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	for protocol, kind := range map[int]uint16{
		unix.NETLINK_NETFILTER: unix.NFNL_SUBSYS_NFTABLES<<8 | unix.NFT_MSG_GETGEN,
		unix.NETLINK_ROUTE:     unix.RTM_DELLINK,
	} {
		requests := []*Request{{Kind: kind, Body: make([]byte, unix.SizeofIfInfomsg)},
			{Kind: kind, Flags: unix.NLM_F_ACK, Body: make([]byte, unix.SizeofIfInfomsg)}}
		if protocol == unix.NETLINK_ROUTE {
			requests[1] = &Request{Kind: unix.RTM_GETLINK, Body: loopback()}
		}
		done := make(chan error)
		go func() {
			runtime.LockOSThread() // not unlocked: the thread ends with its capabilities
			done <- exchangeWithoutNetAdmin(ctx, protocol, requests)
		}()
		if err := <-done; err != nil {
			t.Errorf("protocol %d: %v", protocol, err)
		}
		second := error(unix.EPERM)
		if protocol == unix.NETLINK_ROUTE {
			second = nil
		}
		if !errors.Is(requests[0].Err, unix.EPERM) || !errors.Is(requests[1].Err, second) {
			t.Errorf("protocol %d: the errors are %v, %v", protocol, requests[0].Err, requests[1].Err)
		}
	}
}

func exchangeWithoutNetAdmin(ctx context.Context, protocol int, requests []*Request) error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return err
	}
	data[0].Effective &^= 1 << unix.CAP_NET_ADMIN
	if err := unix.Capset(&header, &data[0]); err != nil {
		return err
	}
	s, err := Open(protocol, 0)
	if err != nil {
		return err
	}
	defer s.Close()
	return NewConn(s, new(Buffer)).Exchange(ctx, requests...)
}
