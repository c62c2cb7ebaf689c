package nft

import (
	"context"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/libcni/libcni/core/internal/host/nft/wire"
)

// Sockets is shared by the calls of a process: it keeps sockets of finished calls for the next
// ones, for a moment, and what calls have read of rules. Safe for concurrent use; the zero value is
// ready.
type Sockets struct {
	pool  wire.Pool
	cache cache
}

// With returns a context for one call, whose Updates and Views share sockets and what was read. A
// thread that makes them stays in its network namespace meanwhile.
func (s *Sockets) With(ctx context.Context) context.Context {
	return context.WithValue(ctx, callKey{}, &call{Sockets: s})
}

type callKey struct{}

// call is one call. Its threads stay in their namespaces, so that the namespace of a thread is
// looked up once.
type call struct {
	*Sockets
	mu        sync.Mutex
	thread    int
	namespace wire.Namespace // of the thread
}

func callOf(ctx context.Context) *call {
	if c, ok := ctx.Value(callKey{}).(*call); ok {
		return c
	}
	return &call{Sockets: &Sockets{}}
}

// conn is a connection in the calling thread's namespace, with the cache of its process.
type conn struct {
	*wire.Conn
	cache *cache
	ctx   context.Context
}

func open(ctx context.Context) (*conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	call := callOf(ctx)
	c, err := call.open(ctx)
	if err != nil {
		return nil, err
	}
	return &conn{Conn: c, cache: &call.cache, ctx: ctx}, nil
}

func (c *call) open(ctx context.Context) (*wire.Conn, error) {
	namespace, err := c.current()
	if err != nil {
		return nil, err
	}
	return wire.Open(ctx, &c.pool, namespace)
}

func (c *call) current() (wire.Namespace, error) {
	thread := unix.Gettid()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.thread != thread {
		namespace, err := wire.CurrentNamespace()
		if err != nil {
			return wire.Namespace{}, err
		}
		c.thread, c.namespace = thread, namespace
	}
	return c.namespace, nil
}
