package thread

import (
	"context"
	"sync"
)

// Crew keeps a few idle threads, since to make one takes longer than most of what it is made for. Safe for concurrent
// use; the zero value is ready, and nil keeps none.
type Crew struct {
	mu   sync.Mutex
	idle []*shift
}

// maxIdle is how many threads wait at most, whatever the number of functions that ran at once.
const maxIdle = 4

// shift is a thread's wait for its next function.
type shift struct {
	bell Gate
	fn   func() bool // set before the bell
}

// Run has fn run on a thread of its own, at once, and does not wait for it. fn says whether it leaves the thread as it
// found it; otherwise, or if it ends its goroutine, the thread ends. fn must not panic.
func (c *Crew) Run(fn func() (unharmed bool)) {
	if s := c.take(); s != nil {
		s.fn = fn
		s.bell.Open()
		return
	}
	Own(func() { c.serve(fn) })
}

// serve is the life of a thread.
func (c *Crew) serve(fn func() bool) {
	for fn() {
		s := c.give()
		if s == nil {
			return
		}
		_ = s.bell.Wait(context.Background()) // which never ends
		fn = s.fn
	}
}

func (c *Crew) take() *shift {
	if c == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	last := len(c.idle) - 1
	if last < 0 {
		return nil
	}
	s := c.idle[last]
	c.idle = c.idle[:last]
	return s
}

// give returns what the calling thread is to wait for, or nil if there are enough that wait.
func (c *Crew) give() *shift {
	if c == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.idle) >= maxIdle {
		return nil
	}
	s := &shift{}
	c.idle = append(c.idle, s)
	return s
}
