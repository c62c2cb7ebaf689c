package core

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/libcni/libcni/core/internal/attachments"
	"github.com/libcni/libcni/core/internal/builtin"
	"github.com/libcni/libcni/core/internal/conf"
	"github.com/libcni/libcni/core/internal/event"
	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/host/netns"
	"github.com/libcni/libcni/core/internal/invoke"
)

// scope is what the steps of one request share.
type scope struct {
	*Common
	engine  *Engine
	command string
	store   *attachments.Store
	runner  *invoke.Runner
	events  event.Sink
	bootID  string

	expected *netns.Namespace // opened early, see expect
}

// within runs the body of a verb: with defaults filled in, under the request's deadline and id, and with errors that
// say which request they belong to.
func within[Answer any](ctx context.Context, e *Engine, caller Caller, command string, request *Common,
	body func(*scope, context.Context) (Answer, error)) (answer Answer, err error) {
	if err := errors.Join(request.Options.setDefaults(), validPath("netns", request.Netns), validPath("networkFile", request.NetworkFile)); err != nil {
		return answer, fault.From(err, fault.KindInvalidRequest)
	}
	ctx, done, err := e.running.add(ctx, request.RequestID)
	if err != nil {
		return answer, err
	}
	defer done()
	if timeout := milliseconds(request.Options.TimeoutMs, defaultTimeout); timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, timeout)
		defer cancel()
	}
	s := newScope(e, caller, command, request)
	defer func() { s.expected.Close() }()
	answer, err = body(s, e.rules.With(ctx))
	if err != nil {
		return answer, s.explain(err)
	}
	return answer, nil
}

func newScope(e *Engine, caller Caller, command string, request *Common) *scope {
	s := &scope{Common: request, engine: e, command: command}
	if caller.Log != nil {
		s.events = func(ev event.Event) {
			if line, err := json.Marshal(ev); err == nil {
				caller.Log(line)
			}
		}
	}
	options := &request.Options
	s.store = attachments.Open(options.CacheDir, options.StateDir)
	s.runner = &invoke.Runner{
		Mode: options.Builtins, Catalog: builtin.Lookup, Types: builtin.Types(), PluginDirs: options.PluginDirs,
		Env: options.environ(caller.Environ), Start: e.start, Events: s.events,
	}
	// Without a boot id nothing counts as of an earlier boot; the namespaces' cookies still tell.
	s.bootID, _ = e.bootID()
	return s
}

// explain adds to an error what the request was about.
func (s *scope) explain(err error) error {
	e := fault.From(err, fault.KindState)
	setDefault(&e.Command, s.command)
	setDefault(&e.ContainerID, s.ContainerID)
	setDefault(&e.IfName, s.IfName)
	return e
}

// network returns the configuration the request names: the object it holds, the file, or the network of that name in
// options.confDir.
func (s *scope) network() (*conf.List, error) {
	name, err := s.networkName()
	switch {
	case err != nil:
		return nil, err
	case s.NetworkFile != "":
		return conf.ParseFile(s.NetworkFile)
	case name != "":
		return conf.Find(s.Options.ConfDir, name)
	case len(s.Network) != 0:
		return conf.Parse(s.Network)
	default:
		return nil, fault.InvalidRequest("network", "which network? give network (a configuration, or the name of one) or networkFile (a path)")
	}
}

// networkName returns the name if network is one, "" if it is a configuration or absent, and refuses what is neither.
func (s *scope) networkName() (string, error) {
	if len(s.Network) == 0 || s.Network.Kind() == 'n' {
		s.Network = nil
		return "", nil
	}
	if s.NetworkFile != "" {
		return "", fault.InvalidRequest("networkFile", "network and networkFile exclude each other")
	}
	switch s.Network.Kind() {
	case '{':
		return "", nil
	case '"':
		return parseNetworkName(s.Network)
	default:
		return "", fault.InvalidRequest("network", "network: expected an object (a configuration) or a string (a name)")
	}
}

// namedOrGiven returns the name of the network that the request means, and its configuration if the request gives one:
// DEL and CHECK need none for a name.
func (s *scope) namedOrGiven() (name string, given *conf.List, err error) {
	if name, err = s.networkName(); err != nil || name != "" {
		return name, nil, err
	}
	if given, err = s.network(); err != nil {
		return "", nil, err
	}
	return given.Name, given, nil
}

// hasNetwork reports whether the request says which network it means.
func (s *scope) hasNetwork() bool {
	return s.NetworkFile != "" || len(s.Network) != 0 && s.Network.Kind() != 'n'
}
