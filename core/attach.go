package core

import (
	"context"
	"errors"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/host/boot"
	"github.com/libcni/libcni/core/internal/invoke"
	"github.com/libcni/libcni/core/internal/spec"
	"github.com/libcni/libcni/core/plugin"
)

// attach runs the plugins and keeps the result. What is about to happen is written down first, so that a DEL or GC
// can undo it whatever becomes of this process.
func (o *operation) attach(ctx context.Context) (jsontext.Value, error) {
	if err := o.held.WriteIntent(o.entry); err != nil {
		return nil, err
	}
	err := o.addAll(ctx)
	if err == nil {
		err = o.commit(ctx)
	}
	if err != nil {
		return nil, o.rollBack(ctx, err)
	}
	return o.entry.Result, nil
}

// addAll runs ADD of each plugin in order. If one does not know the configuration's version, all is undone and tried
// once more with the highest version that every plugin of the list knows.
func (o *operation) addAll(ctx context.Context) error {
	err := o.addEach(ctx)
	if !isIncompatibleVersion(err) {
		return err
	}
	version, negotiateErr := o.sharedVersion(ctx)
	if negotiateErr != nil || version == "" || version == o.entry.CNIVersion {
		return err
	}
	if undoErr := o.undo(ctx, len(o.results)-1); undoErr != nil {
		return errors.Join(err, undoErr)
	}
	o.results, o.entry.CNIVersion = nil, version
	if err := o.held.WriteIntent(o.entry); err != nil {
		return err
	}
	return o.addEach(ctx)
}

func (o *operation) addEach(ctx context.Context) error {
	var previous *plugin.Result
	for i := range o.list.Plugins {
		result, err := o.run(ctx, plugin.Add, i, previous)
		if err != nil {
			return err
		}
		o.results = append(o.results, result)
		previous = result
	}
	return nil
}

func isIncompatibleVersion(err error) bool {
	var e *fault.Error
	return errors.As(err, &e) && e.Kind == fault.KindPluginFailed && e.Code == fault.CodeIncompatibleVersion
}

// sharedVersion returns the highest version that all plugins of the list and their IPAM plugins know, or "".
func (o *operation) sharedVersion(ctx context.Context) (string, error) {
	shared := spec.Versions()
	for i, p := range o.list.Plugins {
		target, err := o.target(i)
		if err != nil {
			return "", err
		}
		known, err := o.runner.Versions(ctx, target)
		if err != nil {
			return "", err
		}
		shared = intersect(shared, known)
		if p.IPAM == "" {
			continue
		}
		if target, err = o.runner.Resolve(p.IPAM, p.Raw); err != nil {
			return "", err
		}
		if known, err = o.runner.Versions(ctx, target); err != nil {
			return "", err
		}
		shared = intersect(shared, known)
	}
	return spec.Highest(shared), nil
}

func intersect(a, b []string) (both []string) {
	for _, v := range a {
		for _, w := range b {
			if v == w {
				both = append(both, v)
			}
		}
	}
	return both
}

// commit turns the intent into a cache entry.
func (o *operation) commit(ctx context.Context) error {
	last := len(o.results) - 1
	result, err := o.results[last].JSON(o.list.CNIVersion)
	if err != nil {
		return o.blame(fault.New(fault.KindPluginProtocol, err, "the result of the last plugin"), last, invoke.Target{Type: o.list.Plugins[last].Type})
	}
	o.entry.Result, o.entry.Incomplete = result, false
	if o.entry.Created, err = boot.Now(); err != nil { // for GC, the attachment begins to exist now
		return err
	}
	if err := o.noteInterface(ctx, o.results[last]); err != nil {
		return err
	}
	return o.store.Commit(o.entry)
}

// noteInterface records which interface the attachment has. The plugin that made it may have said so.
func (o *operation) noteInterface(ctx context.Context, result *plugin.Result) error {
	if made := result.Interface(); made != nil {
		o.entry.IfIndex, o.entry.MAC = made.Index, made.MAC.String()
		return nil
	}
	link, err := containerLink(ctx, o.links, o.entry.IfName)
	if err == nil && link != nil {
		o.entry.IfIndex, o.entry.MAC = link.Index, link.MAC.String()
	}
	return err
}

// rollBack undoes what this call did and completes its error. If the undo fails, or is not wanted, the intent stays
// for DEL and GC.
func (o *operation) rollBack(ctx context.Context, cause error) error {
	e := fault.From(cause, fault.KindState)
	rolledBack := false
	e.RolledBack = &rolledBack
	setDefault(&e.Network, o.list.Name)
	if o.Options.Rollback != nil && !*o.Options.Rollback {
		return e
	}
	ctx, cancel := o.cleanupContext(ctx)
	defer cancel()
	err := o.undo(ctx, o.reached(e))
	if err == nil {
		err = o.held.Remove()
	}
	if err != nil {
		o.events.Warn("", "undoing a failed ADD: "+err.Error())
		setDefault(&e.Details, "undo failed, DEL or GC will finish it: "+err.Error())
		return e
	}
	rolledBack = true
	return e
}

// reached returns the index of the last plugin that may have left something behind. The plugin that failed counts if
// it is a process that ran; a built-in has undone its own steps, unless it panicked or says that it could not.
func (o *operation) reached(e *fault.Error) int {
	failed := len(o.results)
	if failed == len(o.list.Plugins) {
		return failed - 1
	}
	if e.Kind == fault.KindBug || !e.Undone() {
		return failed
	}
	ran := e.Kind != fault.KindPluginNotFound && e.Kind != fault.KindUnsupported && e.Kind != fault.KindInvalidConfig && !isIncompatibleVersion(e)
	if o.entry.Plugins[failed].Builtin || !ran {
		return failed - 1
	}
	return failed
}

// undo runs DEL in reverse, from plugin number last on, each with the result it was given.
func (o *operation) undo(ctx context.Context, last int) error {
	var errs []error
	for i := last; i >= 0; i-- {
		var given *plugin.Result
		if i > 0 {
			given = o.results[i-1]
		}
		if _, err := o.run(ctx, plugin.Del, i, given); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
