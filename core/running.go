package core

import (
	"context"
	"sync"

	"github.com/libcni/libcni/core/internal/fault"
)

// running holds the requests in progress that have a requestId.
type running struct {
	mu      sync.Mutex
	cancels map[string]context.CancelFunc
}

func newRunning() *running { return &running{cancels: map[string]context.CancelFunc{}} }

// add registers a request. The returned function removes it and must be called.
func (r *running) add(ctx context.Context, requestID string) (context.Context, func(), error) {
	if requestID == "" {
		return ctx, func() {}, nil
	}

	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cancels[requestID] != nil {
		return nil, nil, fault.New(fault.KindBusy, nil,
			"requestId %q is in use by a call in progress", requestID)
	}

	ctx, cancel := context.WithCancel(ctx)
	r.cancels[requestID] = cancel
	return ctx, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.cancels, requestID)
		cancel()
	}, nil
}

func (r *running) cancel(requestID string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	cancel, found := r.cancels[requestID]
	if found {
		cancel()
	}
	return found
}
