package netlink

import (
	"bytes"
	"cmp"
	"context"
	"errors"

	"golang.org/x/sys/unix"
)

// Conn asks the kernel over one socket. Not safe for concurrent use.
type Conn struct {
	*Socket
	Buffer     *Buffer
	Unfinished bool // an exchange ended before all its answers were received

	capped bool       // refusals do not repeat the request
	seq    uint32     // of the last request
	open   []*Request // of the exchange
	first  uint32     // sequence number of open[0]
}

// NewConn returns a connection over the socket, which stays the caller's, as the buffer does.
func NewConn(s *Socket, b *Buffer) *Conn { return &Conn{Socket: s, Buffer: b} }

// Requests returns how many requests were sent over the connection.
func (c *Conn) Requests() int { return int(c.seq) }

// Number takes n sequence numbers that follow each other, and returns the first.
func (c *Conn) Number(n int) uint32 {
	first := c.seq + 1
	c.seq += uint32(n)
	return first
}

// Request is a message to the kernel.
type Request struct {
	Kind  uint16
	Flags uint16 // NLM_F_DUMP, NLM_F_ACK and so on; NLM_F_REQUEST is added
	Body  []byte // made with an Encoder
	// is called with each answer, which is valid during the call; nil to drop them
	Answer func(Message)

	Err         error // after Exchange: the kernel's refusal, an *Error
	Interrupted bool  // after Exchange: the list changed while the kernel wrote it
}

// Exchange sends the requests as one datagram and receives their answers. The kernel carries them
// out in order, those after a refused one too, but none without the privileges: then all requests
// have that error. Only the last request may be a dump, and it ends the
// exchange: so it is a dump, asks for an acknowledgement, or has one answer.
//
// The error is not about a single request: those have their own. It wraps ErrLost if answers were
// lost.
func (c *Conn) Exchange(ctx context.Context, requests ...*Request) error {
	if err := c.Begin(ctx, requests...); err != nil {
		return err
	}
	for {
		if ended, err := c.Continue(ctx); ended || err != nil {
			return err
		}
	}
}

// Begin is the first half of Exchange, for a caller that may not want all answers: it sends the
// requests.
func (c *Conn) Begin(ctx context.Context, requests ...*Request) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c.open, c.first = requests, c.Number(len(requests))
	datagram := encode(requests, c.first)
	if len(datagram) > bufferSize/2 && !c.capped {
		// Otherwise a refusal repeats the request, and may exceed the buffer.
		c.Enable(unix.NETLINK_CAP_ACK)
		c.capped = true
	}
	if err := c.Send(datagram); err != nil {
		return err
	}
	c.Unfinished = true
	return nil
}

// Continue receives one datagram of answers and reports whether it ends the exchange.
func (c *Conn) Continue(ctx context.Context) (ended bool, err error) {
	messages, err := c.Receive(ctx, c.Buffer)
	if errors.Is(err, ErrLost) {
		c.drain()
	}
	if err != nil {
		return false, err
	}

	for _, m := range messages {
		i := m.Seq - c.first
		if i >= uint32(len(c.open)) {
			continue // of an earlier exchange that was not finished
		}
		last := c.open[i].take(m)
		if last && int(i) == len(c.open)-1 {
			c.Unfinished = false
			return true, nil
		}
		if i == 0 && c.refusesAll(c.open[0].Err) {
			for _, r := range c.open {
				r.Err = c.open[0].Err
			}
			return true, nil // Unfinished: the socket may be refused to callers with privileges, too
		}
	}
	return false, nil
}

// refusesAll reports whether the kernel drops the rest of a datagram whose first request it refused
// with err: to a caller without CAP_NET_ADMIN, nfnetlink answers nothing else. rtnetlink carries
// the other requests out.
func (c *Conn) refusesAll(err error) bool {
	return c.protocol == unix.NETLINK_NETFILTER && errors.Is(err, unix.EPERM)
}

func encode(requests []*Request, first uint32) []byte {
	size := 0
	for _, r := range requests {
		size += MessageSize(len(r.Body))
	}
	datagram := make([]byte, 0, size)
	for i, r := range requests {
		datagram = AppendMessage(datagram, r.Kind, unix.NLM_F_REQUEST|r.Flags, first+uint32(i), r.Body)
	}
	return datagram
}

// take reads an answer and reports whether it is the last one.
func (r *Request) take(m Message) (ended bool) {
	if m.Flags&unix.NLM_F_DUMP_INTR != 0 {
		r.Interrupted = true
	}
	if m.Kind == unix.NLMSG_ERROR || m.Kind == unix.NLMSG_DONE {
		r.Err = m.Outcome()
		return true
	}

	if r.Answer != nil {
		r.Answer(m)
	}
	return r.Flags&(unix.NLM_F_DUMP|unix.NLM_F_ACK) == 0
}

// drain drops the rest of an exchange. It is complete: the kernel has carried out the requests.
func (c *Conn) drain() {
	for {
		if _, err := c.ReceiveNow(c.Buffer); err != nil && !errors.Is(err, ErrLost) {
			c.Unfinished = !errors.Is(err, ErrEmpty)
			return
		}
	}
}

// maxAttempts bounds how often a question is asked whose answers were lost or changed meanwhile.
const maxAttempts = 10

// Change sends a request that changes something and waits for the kernel's verdict.
func (c *Conn) Change(ctx context.Context, kind, flags uint16, body []byte) error {
	r := Request{Kind: kind, Flags: flags | unix.NLM_F_ACK, Body: body}
	if err := c.Exchange(ctx, &r); err != nil {
		return err
	}
	return r.Err
}

// Get asks for one object. The answer is valid until the connection is used again.
func (c *Conn) Get(ctx context.Context, kind uint16, body []byte) ([]byte, error) {
	for attempt := 1; ; attempt++ {
		var answer []byte
		r := Request{Kind: kind, Body: body, Answer: func(m Message) { answer = m.Data }}
		err := c.Exchange(ctx, &r)
		if errors.Is(err, ErrLost) && attempt < maxAttempts {
			continue
		}
		return answer, cmp.Or(err, r.Err)
	}
}

// Dump asks for all objects of a kind that match the body, as far as the kernel filters, and calls
// each with their messages.
func (c *Conn) Dump(ctx context.Context, kind uint16, body []byte, each func(data []byte)) error {
	for attempt := 1; ; attempt++ {
		var found [][]byte
		r := Request{Kind: kind, Flags: unix.NLM_F_DUMP, Body: body, Answer: func(m Message) {
			found = append(found, bytes.Clone(m.Data))
		}}
		err := c.Exchange(ctx, &r)
		if (errors.Is(err, ErrLost) || err == nil && r.Interrupted) && attempt < maxAttempts {
			continue
		}
		if err := cmp.Or(err, r.Err); err != nil {
			return err
		}
		for _, data := range found {
			each(data)
		}
		return nil
	}
}
