package core

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"

	"github.com/libcni/libcni/core/internal/attachments"
	"github.com/libcni/libcni/core/internal/builtin"
	"github.com/libcni/libcni/core/internal/conf"
	"github.com/libcni/libcni/core/internal/event"
	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/invoke"
	"github.com/libcni/libcni/core/internal/lifecycle"
	"github.com/libcni/libcni/core/plugin"
)

// scope is what the body of a verb works with.
type scope struct {
	request Common // normalized; it is not changed
	command string
	store   *attachments.Store
	runner  *invoke.Runner
	events  event.Sink
	bootID  string
	manager *lifecycle.Manager
}

func newScope(in incoming, request Common) *scope {
	e, options := in.engine, &request.Options
	s := &scope{request: request, command: in.command, events: newSink(in.caller)}
	s.store = attachments.Open(options.CacheDir, options.StateDir)
	s.runner = &invoke.Runner{
		Mode: options.Builtins, Catalog: builtin.Lookup, Types: builtin.Types,
		PluginDirs: options.PluginDirs, Env: options.environ(in.caller.Environ),
		Start: e.start, Events: s.events,
	}

	s.bootID, _ = e.bootID() // see lifecycle.Manager for what an unknown one means
	s.manager = &lifecycle.Manager{
		Store: s.store, Runner: s.runner, Threads: e.threads, Deleter: e.deleter, Events: s.events,
		ConfDir: options.ConfDir, StateDir: options.StateDir, BootID: s.bootID,
	}
	return s
}

// newSink returns where the events of a call go.
func newSink(caller Caller) event.Sink {
	if caller.Log == nil {
		return nil
	}
	return func(ev event.Event) {
		if line, err := json.Marshal(ev); err == nil {
			caller.Log(line)
		}
	}
}

// explain adds to an error what the request was about.
func (s *scope) explain(err error) error {
	e := fault.From(err, fault.KindState)
	setDefault(&e.Command, s.command)
	setDefault(&e.ContainerID, s.request.ContainerID)
	setDefault(&e.IfName, s.request.IfName)
	return e
}

// key returns the attachment that the request names on a network, or an error that says which name
// is not allowed.
func (s *scope) key(network string) (attachments.Key, error) {
	key := attachments.Key{Network: network, ContainerID: s.request.ContainerID,
		IfName: s.request.IfName}
	return key, conf.ValidateIDs(key.Network, key.ContainerID, key.IfName)
}

// overrides returns what the request says about attachments beside their names. given is its
// configuration, or nil.
func (s *scope) overrides(given *conf.List) *lifecycle.Overrides {
	return &lifecycle.Overrides{
		Config: given, Netns: lifecycle.Candidate{Path: s.request.Netns},
		Args: plugin.Args(s.request.Args), CapabilityArgs: s.request.CapabilityArgs,
	}
}

// withLocked runs work on an attachment while its lock is held. The entry is nil if the attachment
// is unknown.
func (s *scope) withLocked(ctx context.Context, key attachments.Key,
	work func(*attachments.Held, *attachments.Entry) error) error {
	held, err := s.store.Lock(ctx, key)
	if err != nil {
		return err
	}
	defer held.Unlock()
	entry, err := held.Get()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return work(held, entry)
}

// allEntries returns the entries of all attachments. Files that cannot be read become warnings.
func (s *scope) allEntries() []*attachments.Entry {
	entries, unreadable := s.store.List()
	for _, err := range unreadable {
		s.events.Warn("", err.Error())
	}
	return entries
}
