package core

import (
	"context"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/libcni/libcni/core/internal/lifecycle"
	"github.com/libcni/libcni/core/plugin"
)

// Add attaches a container to a network and returns the CNI result, in the configuration's version.
func (e *Engine) Add(ctx context.Context, caller Caller, r *AddRequest) (jsontext.Value, error) {
	return serve(ctx, e.incoming(caller, plugin.Add, &r.Common), (*scope).add)
}

func (s *scope) add(ctx context.Context) (jsontext.Value, error) {
	list, err := s.network()
	if err != nil {
		return nil, err
	}

	key, err := s.key(list.Name)
	if err != nil {
		return nil, err
	}

	ns, err := s.manager.Open(s.request.Netns)
	if err != nil {
		return nil, err
	}
	defer ns.Close()
	held, err := s.store.Lock(ctx, key)
	if err != nil {
		return nil, err
	}
	defer held.Unlock()

	options := &s.request.Options
	return s.manager.Attach(ctx, held, &lifecycle.AttachRequest{
		Key: key, Config: list, Netns: ns, Owner: options.Owner,
		Args: plugin.Args(s.request.Args), CapabilityArgs: s.request.CapabilityArgs,
		Replace: options.OnExisting == onExistingReplace, NoRollback: !options.rollsBack(),
		RefuseUnused: options.UnusedCapabilities == unusedCapabilitiesFail,
	})
}

// rollsBack reports whether what a failed call did is undone.
func (o *RequestOptions) rollsBack() bool { return given(o.Rollback, defaultRollback) }

// undoTimeout bounds the undo of a failed call; 0 means no bound.
func (o *RequestOptions) undoTimeout() time.Duration {
	return milliseconds(o.RollbackTimeoutMs, defaultRollbackTimeout)
}
