package wire

import (
	"context"
	"errors"

	"github.com/libcni/libcni/core/internal/host/netlink"
)

// Conn is a socket in use by one call. The kernel carries out a request before it is sent, so that
// nothing waits. Not safe for concurrent use.
type Conn struct {
	*Socket

	// Interrupted says that a list changed while the kernel wrote it, or that answers were lost: what
	// was read since the caller set it to false may be of no one generation.
	Interrupted bool

	pool *Pool
	ctx  context.Context // of the call that this connection serves
}

// Open returns a connection over a socket of the pool in the namespace, which is the calling
// thread's.
func Open(ctx context.Context, pool *Pool, namespace Namespace) (*Conn, error) {
	s, err := pool.Take(namespace)
	if err != nil {
		return nil, err
	}
	return &Conn{Socket: s, pool: pool, ctx: ctx}, nil
}

// Done gives the socket back.
func (c *Conn) Done() { c.pool.Give(c.Socket) }

// MaxQuestions in one datagram have answers that the default buffer of a socket holds.
const MaxQuestions = 32

// Ask sends the questions as one datagram and has their answers read. Only the last may be for a
// list. The questions keep their own refusals. The error is ErrChanged if the connection is
// Interrupted.
func (c *Conn) Ask(questions ...*Question) error {
	requests := make([]*netlink.Request, len(questions))
	for i, q := range questions {
		requests[i] = &q.request
	}
	err := c.conn.Exchange(c.ctx, requests...)
	if errors.Is(err, netlink.ErrLost) {
		c.Interrupted = true
		return ErrChanged
	}
	if err != nil {
		return err
	}

	for _, q := range questions {
		c.Interrupted = c.Interrupted || q.request.Interrupted
	}
	if c.Interrupted {
		return ErrChanged
	}
	return nil
}
