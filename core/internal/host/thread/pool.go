package thread

import (
	"context"
	"sync"
)

// Pool keeps a few idle threads, because creating a thread takes longer than most functions that
// run on one. It is safe for concurrent use. The zero value is ready; a nil *Pool keeps no threads.
type Pool struct {
	mu   sync.Mutex
	idle []*worker
}

// maxIdle bounds the number of idle threads, however many functions ran at the same time.
const maxIdle = 4

// worker is an idle thread that waits for its next function.
type worker struct {
	ready Latch
	fn    func() bool // set before ready opens
}

// Run starts fn on a dedicated thread immediately and does not wait for it. fn reports whether it
// leaves the thread's state unchanged. If it reports false or ends its goroutine, the thread exits.
// fn must not panic.
func (p *Pool) Run(fn func() (reusable bool)) {
	if w := p.take(); w != nil {
		w.fn = fn
		w.ready.Open()
		return
	}

	Own(func() { p.serve(fn) })
}

// serve runs one function after another on the calling thread until the thread is not needed.
func (p *Pool) serve(fn func() bool) {
	for fn() {
		w := p.park()
		if w == nil {
			return
		}

		_ = w.ready.Wait(context.Background()) // this context never ends
		fn = w.fn
	}
}

func (p *Pool) take() *worker {
	if p == nil {
		return nil
	}

	p.mu.Lock()
	defer p.mu.Unlock()

	last := len(p.idle) - 1
	if last < 0 {
		return nil
	}
	w := p.idle[last]
	p.idle = p.idle[:last]
	return w
}

// park registers the calling thread as idle. It returns nil if enough threads are idle already.
func (p *Pool) park() *worker {
	if p == nil {
		return nil
	}

	p.mu.Lock()
	defer p.mu.Unlock()

	if len(p.idle) >= maxIdle {
		return nil
	}
	w := &worker{}
	p.idle = append(p.idle, w)
	return w
}
