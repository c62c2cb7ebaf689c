package netns

import "sync"

// Threads keeps a few threads for entering namespaces, since making one takes longer than what it is made for. An idle
// one is in the namespace that the program started in, never in a container's. A thread that could not go back, or on
// which a function panicked, ends. Safe for concurrent use; the zero value is ready, and nil keeps none.
type Threads struct {
	mu   sync.Mutex
	idle []chan *worker
}

// maxIdle is how many threads wait at most, whatever the number of calls that ran at once.
const maxIdle = 4

// Open opens a network namespace as the function Open does. Its thread is taken from here and given back.
func (t *Threads) Open(path string) (*Namespace, error) {
	n, err := Open(path)
	if err != nil {
		return nil, err
	}
	n.threads = t
	return n, nil
}

// take returns where an idle thread takes its next worker from, or nil.
func (t *Threads) take() chan<- *worker {
	if t == nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	last := len(t.idle) - 1
	if last < 0 {
		return nil
	}
	next := t.idle[last]
	t.idle = t.idle[:last]
	return next
}

// serve is the life of a thread.
func (t *Threads) serve(w *worker) {
	next := make(chan *worker)
	for w.stay(t != nil) && t.give(next) {
		w = <-next
	}
}

func (t *Threads) give(next chan *worker) bool {
	if t == nil {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.idle) >= maxIdle {
		return false
	}
	t.idle = append(t.idle, next)
	return true
}
