package core

import (
	"context"

	"github.com/libcni/libcni/core/plugin"
)

// Status reports whether an ADD on a network could succeed now, according to each of its plugins.
// Code 50 means no, 51 with limits.
func (e *Engine) Status(ctx context.Context, caller Caller, r *StatusRequest) (none, error) {
	return serve(ctx, e.incoming(caller, plugin.Status, &r.Common), (*scope).status)
}

func (s *scope) status(ctx context.Context) (none, error) {
	list, err := s.network()
	if err != nil {
		return none{}, err
	}
	return none{}, s.manager.Status(ctx, list)
}
