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

// scope is the state of one call of a verb.
type scope struct {
	request    Common // normalized, never changed
	ownerGiven bool   // options.owner is in the request, so that it is not the default
	ifName     string // of the request or, when key has been called, of the addressed attachment
	command    string
	store      *attachments.Store
	runner     *invoke.Runner
	events     event.Sink
	bootID     string
	manager    *lifecycle.Manager
}

func newScope(in incoming, request Common) *scope {
	e, options := in.engine, &request.Options
	s := &scope{request: request, ownerGiven: in.request.Options.Owner != "",
		ifName: request.IfName, command: in.command, events: newSink(in.caller)}
	s.store = e.attachments.Open(options.CacheDir, options.StateDir)
	s.runner = &invoke.Runner{
		Mode: options.Builtins, Catalog: builtin.Lookup, Types: builtin.Types,
		PluginDirs: options.PluginDirs, Env: options.environ(in.caller.Environ),
		Start: e.start, Events: s.events,
	}

	s.bootID, _ = e.bootID() // lifecycle.Manager describes an unknown boot ID
	s.manager = &lifecycle.Manager{
		Store: s.store, Runner: s.runner, Threads: e.threads, Deleter: e.deleter, Clock: &e.clock,
		Events:  s.events,
		ConfDir: options.ConfDir, StateDir: options.StateDir, BootID: s.bootID,
	}
	return s
}

// newSink returns the sink for the events of a call.
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

// explain adds the subject of the request to an error.
func (s *scope) explain(err error) error {
	e := fault.From(err, fault.KindState)
	setDefault(&e.Command, s.command)
	setDefault(&e.ContainerID, s.request.ContainerID)
	setDefault(&e.IfName, s.ifName)
	return e
}

// key returns the key of the attachment that the request addresses on a network. From then on,
// errors name its interface, including a default name. The error says which name is invalid.
func (s *scope) key(network string) (attachments.Key, error) {
	setDefault(&s.ifName, defaultIfName)
	key := attachments.Key{Network: network, ContainerID: s.request.ContainerID, IfName: s.ifName}
	return key, conf.ValidateIDs(key.Network, key.ContainerID, key.IfName)
}

// overrides returns the properties of attachments that the request sets. given is its
// configuration, or nil.
func (s *scope) overrides(given *conf.List) *lifecycle.Overrides {
	return &lifecycle.Overrides{
		Config: given, Netns: lifecycle.Candidate{Path: s.request.Netns},
		Args: plugin.Args(s.request.Args), CapabilityArgs: s.request.CapabilityArgs,
	}
}

// withLocked runs work while it holds the lock of an attachment. The entry is nil if the attachment
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

// allEntries returns the entries of all attachments, and the files that cannot be used. They are
// reported as warnings, too.
func (s *scope) allEntries() ([]*attachments.Entry, []attachments.Unusable, error) {
	entries, unusable, err := s.store.List()
	s.warnOf(unusable)
	return entries, unusable, err
}

func (s *scope) warnOf(unusable []attachments.Unusable) {
	for _, u := range unusable {
		s.events.Warn("", u.Err.Error())
	}
}

// fileErrors describes unusable files in a response.
func fileErrors(unusable []attachments.Unusable) []FileError {
	var errs []FileError
	for _, u := range unusable {
		errs = append(errs, FileError{File: u.File, Msg: u.Err.Error()})
	}
	return errs
}

// unusableRecord returns the error of a verb on an attachment whose record cannot be used.
func unusableRecord(damage error, advice string) error {
	e := fault.New(fault.KindState, damage, "the record of an attachment cannot be used")
	e.Msg += "; " + advice
	e.Retryable = false
	return e
}
