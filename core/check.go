package core

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/libcni/libcni/core/internal/attachments"
	"github.com/libcni/libcni/core/internal/conf"
	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/host/netns"
	"github.com/libcni/libcni/core/internal/spec"
	"github.com/libcni/libcni/core/plugin"
)

// CheckRequest is the request of cni_check.
type CheckRequest struct {
	Common
}

// Check compares attachments with what the kernel holds. It returns nil, or all differences as kind drift.
func (e *Engine) Check(ctx context.Context, caller Caller, r *CheckRequest) (none, error) {
	return within(ctx, e, caller, plugin.Check, &r.Common, (*scope).check)
}

func (s *scope) check(ctx context.Context) (none, error) {
	entries, given, err := s.checked()
	if err != nil {
		return none{}, err
	}
	var all findings
	for _, entry := range entries {
		if err := s.checkEntry(ctx, entry, given, &all); err != nil {
			return none{}, err
		}
	}
	return none{}, all.verdict()
}

// checked returns the attachments that the request means, and the configuration it holds, if it does.
func (s *scope) checked() ([]*attachments.Entry, *conf.List, error) {
	if !s.hasNetwork() {
		if err := conf.ValidateContainerID(s.ContainerID); err != nil {
			return nil, nil, err
		}
		entries, err := s.store.ByContainer(s.ContainerID, s.IfName)
		if err == nil && len(entries) == 0 {
			err = notAttached(fmt.Sprintf("container %s is not attached to any network", s.ContainerID))
		}
		return entries, nil, err
	}
	name, given, err := s.namedOrGiven()
	if err != nil {
		return nil, nil, err
	}
	key, err := s.key(name)
	if err != nil {
		return nil, nil, err
	}
	entry, err := s.store.Get(key)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, notAttached(fmt.Sprintf("container %s is not attached to network %s as %s", key.ContainerID, key.Network, key.IfName))
	}
	return []*attachments.Entry{entry}, given, err
}

// notAttached is what CHECK says when it has nothing to check against; the code is the specification's "container
// unknown or does not exist".
func notAttached(msg string) error {
	e := fault.New(fault.KindDrift, nil, "%s", msg)
	e.Code = 3
	e.Drift = []fault.Drift{{Object: "attachment", Expected: "attached", Actual: missing}}
	return e
}

const missing = "missing"

func (s *scope) checkEntry(ctx context.Context, entry *attachments.Entry, given *conf.List, all *findings) error {
	s.expect((*netns.Namespace).PrefetchSocket)
	held, err := s.store.Lock(ctx, entry.Key)
	if err != nil {
		return err
	}
	defer held.Unlock()
	key := entry.Key
	if entry, err = held.Get(); errors.Is(err, fs.ErrNotExist) {
		return notAttached(fmt.Sprintf("container %s was detached from network %s meanwhile", key.ContainerID, key.Network))
	}
	if err != nil {
		return err
	}
	list, err := s.configuration(entry, given)
	if err != nil || list.DisableCheck {
		return err
	}
	if !spec.PassesResult(list.CNIVersion) {
		return fault.New(fault.KindUnsupported, nil, "network %s has version %s of the configuration format; CHECK needs 0.4.0 or newer", list.Name, list.CNIVersion)
	}
	if entry.Incomplete {
		all.drift = append(all.drift, fault.Drift{Object: "attachment", Expected: "complete", Actual: "incomplete: an ADD did not end; DEL or GC removes it"})
		return nil
	}
	ns, _, err := s.locate(ctx, entry, s.Netns, entry.Netns)
	if err != nil {
		return err
	}
	defer ns.Close()
	if ns == nil {
		all.drift = append(all.drift, fault.Drift{Object: "network namespace " + entry.Netns, Expected: "the container's", Actual: missing})
		return nil
	}
	o := s.newOperation(list, s.withRequest(entry, list), ns)
	defer o.close()
	return o.checkEach(ctx, all)
}

// checkEach asks every plugin, also after one found something: CHECK reports all of it.
func (o *operation) checkEach(ctx context.Context, all *findings) error {
	result := o.knownResult()
	for i := range o.list.Plugins {
		_, err := o.run(ctx, plugin.Check, i, result)
		var e *fault.Error
		switch {
		case err == nil:
		case errors.As(err, &e) && e.Kind == fault.KindDrift:
			all.drift = append(all.drift, e.Drift...)
			all.blame(e)
		case errors.As(err, &e) && complains(e):
			all.blame(e)
			all.drift = append(all.drift, fault.Drift{Plugin: e.Plugin.Type, Object: "attachment", Expected: "CHECK succeeds", Actual: e.Msg})
		default:
			return err
		}
	}
	return nil
}

// complains reports whether an error is an executable's own answer, which has no other way to say that something has
// drifted. An executable that could not be run, and a built-in that could not look, have found nothing.
func complains(e *fault.Error) bool {
	return e.Kind == fault.KindPluginFailed && !e.Plugin.Builtin && errors.Unwrap(e) == nil
}

// findings is what a CHECK has found so far.
type findings struct {
	drift []fault.Drift
	first *fault.Error // the first plugin's own words
}

func (f *findings) blame(e *fault.Error) {
	if f.first == nil {
		f.first = e
	}
}

// verdict is nil, or one error with all the drift. A single plugin process's complaint keeps its code and text.
func (f *findings) verdict() error {
	switch {
	case len(f.drift) == 0:
		return nil
	case f.first == nil:
		return fault.NewDrift(f.drift)
	}
	e := *f.first
	e.Kind, e.Drift = fault.KindDrift, f.drift
	if more := len(f.drift) - 1; more > 0 && f.first.Kind == fault.KindPluginFailed {
		e.Msg += fmt.Sprintf(" (and %d more)", more)
	}
	return &e
}
