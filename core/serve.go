package core

import (
	"context"
	"errors"
	"path/filepath"
	"time"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/host/netns"
	"github.com/libcni/libcni/core/internal/kit/undo"
)

// incoming is a request as received.
type incoming struct {
	engine         *Engine
	caller         Caller
	command        string // of the CNI specification; "" for other verbs
	request        *Common
	defaultTimeout time.Duration
}

func (e *Engine) incoming(caller Caller, command string, request *Common) incoming {
	return incoming{engine: e, caller: caller, command: command, request: request,
		defaultTimeout: defaultTimeout}
}

// serve runs the body of a verb, under the deadline and the ID of the request. Its errors name the
// subject of the request.
func serve[Answer any](ctx context.Context, in incoming,
	body func(*scope, context.Context) (Answer, error)) (answer Answer, err error) {
	request, err := in.normalize()
	if err != nil {
		return answer, err
	}

	ctx, done, err := in.begin(ctx, &request)
	if err != nil {
		return answer, err
	}
	defer done()
	s := newScope(in, request)
	if answer, err = body(s, ctx); err != nil {
		return answer, s.explain(ended(ctx, err))
	}
	return answer, nil
}

// ended returns the context's error for one that may stem from its end. What a plugin, or the undo
// of an ADD, has reported was judged when it happened.
func ended(ctx context.Context, err error) error {
	var e *fault.Error
	if errors.As(err, &e) && (e.Plugin != nil || e.RolledBack != nil || e.VolumePlugin != nil) {
		return err
	}
	return fault.Ended(ctx, err)
}

// normalize returns a copy of the request with the defaults of absent keys. It refuses values that
// are invalid for every verb.
func (in incoming) normalize() (Common, error) {
	request := *in.request
	err := errors.Join(request.Options.setDefaults(), validNetns(request.Netns),
		validPath("networkFile", request.NetworkFile))
	if err != nil {
		return Common{}, fault.From(err, fault.KindInvalidRequest)
	}

	if request.Network.Kind() == 'n' { // null counts as absent
		request.Network = nil
	}
	request.Netns = netns.ForAnyProcess(request.Netns)
	return request, nil
}

// validNetns refuses a relative path: whoever reads the state later resolves it differently, and a
// DEL would take it for the path of another namespace.
func validNetns(path string) error {
	if path != "" && !filepath.IsAbs(path) {
		return fault.InvalidRequest("netns", "netns %q is not an absolute path", path)
	}
	return validPath("netns", path)
}

// begin registers the request under its ID and sets its deadline, which counts from the beginning
// of the call, and the budget of its undo. The caller must call the returned function, which ends
// all.
func (in incoming) begin(ctx context.Context, request *Common) (context.Context, func(), error) {
	ctx, unregister, err := in.engine.running.add(ctx, request.RequestID)
	if err != nil {
		return nil, nil, err
	}
	cancel := func() {}
	if timeout := milliseconds(request.Options.TimeoutMs, in.defaultTimeout); timeout > 0 {
		ctx, cancel = context.WithDeadline(ctx, in.caller.beginning().Add(timeout))
	}
	ctx = undo.With(in.engine.rules.With(ctx), request.Options.undoTimeout())
	return ctx, func() { cancel(); unregister() }, nil
}
