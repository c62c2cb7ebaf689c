package core

import (
	"context"
	"slices"

	"github.com/libcni/libcni/core/internal/event"
	"github.com/libcni/libcni/core/plugin"
)

// Status reports whether an ADD on a network could succeed now, according to each of its plugins.
// Code 50 means no, 51 with limits. The answer has the warnings of the plugins, which also go to
// the log.
func (e *Engine) Status(ctx context.Context, caller Caller,
	r *StatusRequest) (*StatusAnswer, error) {
	return serve(ctx, e.incoming(caller, plugin.Status, &r.Common), (*scope).status)
}

func (s *scope) status(ctx context.Context) (*StatusAnswer, error) {
	list, err := s.network()
	if err != nil {
		return nil, err
	}
	answer := &StatusAnswer{}
	s.runner.Events = answer.collect(s.events)
	return answer, s.manager.Status(ctx, list)
}

// collect returns a sink that keeps the warnings of plugins, each text once, and passes all events
// on.
func (v *StatusAnswer) collect(next event.Sink) event.Sink {
	return func(e event.Event) {
		isSame := func(w StatusWarning) bool { return w.Msg == e.Msg }
		if e.Event == "warning" && e.Plugin != "" && !slices.ContainsFunc(v.Warnings, isSame) {
			v.Warnings = append(v.Warnings, StatusWarning{Plugin: e.Plugin, Msg: e.Msg})
		}
		if next != nil {
			next(e)
		}
	}
}
