package core

import (
	"bytes"
	"context"
	"errors"
	"slices"

	"github.com/libcni/libcni/core/internal/attachments"
	"github.com/libcni/libcni/core/internal/conf"
	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/invoke"
	"github.com/libcni/libcni/core/plugin"
)

// detach runs DEL of an attachment's plugins in reverse and forgets it, whose lock is held. The
// configuration is the one given, or the one it was attached with. At a failing plugin it stops and keeps the entry
// for a retry: an address must not be freed while rules for it remain. With force it goes on, and forgets.
func (s *scope) detach(ctx context.Context, held *attachments.Held, entry *attachments.Entry, given *conf.List, force bool) error {
	list, err := s.configuration(entry, given)
	if err != nil {
		if force {
			return errors.Join(err, held.Remove())
		}
		return err
	}
	ns, _, err := s.locate(ctx, entry, s.Netns, entry.Netns)
	if err != nil {
		return err
	}
	defer ns.Close()
	o := s.newOperation(list, s.withRequest(entry, list), ns)
	defer o.close()
	err = o.delEach(ctx, force)
	if err == nil || force {
		err = errors.Join(err, held.Remove())
	}
	return err
}

// configuration returns what to detach with.
func (s *scope) configuration(entry *attachments.Entry, given *conf.List) (*conf.List, error) {
	if given != nil && (s.command != plugin.Del || bytes.Equal(given.Raw, entry.Config)) {
		return given, nil
	}
	list, err := conf.Parse(entry.Config)
	if given != nil {
		return withLost(given, list), nil
	}
	if err == nil {
		return list, nil
	}
	found, findErr := conf.Find(s.Options.ConfDir, entry.Network)
	if findErr != nil {
		return nil, errors.Join(err, findErr)
	}
	return found, nil
}

// withLost adds to a configuration that is given for a DEL the plugins that the attachment was made with and that the
// configuration has lost since: what they made is removed, too. recorded may be nil.
func withLost(given, recorded *conf.List) *conf.List {
	if recorded == nil {
		return given
	}
	complete := *given
	for _, ran := range recorded.Plugins {
		if !slices.ContainsFunc(given.Plugins, func(p conf.Plugin) bool { return p.Type == ran.Type }) {
			complete.Plugins = append(slices.Clip(complete.Plugins), ran)
		}
	}
	return &complete
}

// withRequest lays what the request says over what is known, where DEL and CHECK accept both.
func (s *scope) withRequest(entry *attachments.Entry, list *conf.List) *attachments.Entry {
	merged := *entry
	setDefault(&merged.CNIVersion, list.CNIVersion)
	if len(s.Args) > 0 {
		merged.Args = plugin.Args(s.Args)
	}
	if len(s.CapabilityArgs) > 0 {
		merged.CapabilityArgs = s.CapabilityArgs
	}
	return &merged
}

func (o *operation) delEach(ctx context.Context, force bool) error {
	result := o.knownResult()
	started := o.startDel(ctx, result)
	var errs []error
	for i := len(o.list.Plugins) - 1; i >= 0; i-- {
		var err error
		if i == 0 && started != nil {
			err = o.finishDel(ctx, started)
		} else {
			_, err = o.run(ctx, plugin.Del, i, result)
		}
		if err == nil {
			continue
		}
		errs = append(errs, err)
		if !force {
			if i > 0 && started != nil {
				started.Abandon(ctx)
			}
			break
		}
	}
	return joinFaults(errs)
}

// startDel starts the DEL of the first plugin of the list, which comes last, if no other plugin's DEL concerns the
// interface. It returns nil if nothing was started.
func (o *operation) startDel(ctx context.Context, result *plugin.Result) *invoke.StartedDel {
	if len(o.list.Plugins) == 1 {
		return nil
	}
	for i := 1; i < len(o.list.Plugins); i++ {
		target, err := o.target(i)
		if err != nil || !target.Builtin || !o.runner.Traits(target.Type).IgnoresInterface {
			return nil
		}
	}
	target, err := o.target(0)
	if err != nil || !target.Builtin {
		return nil
	}
	inv, err := o.invocation(plugin.Del, 0, target, result)
	if err != nil {
		return nil
	}
	return o.runner.StartDel(ctx, target, inv)
}

func (o *operation) finishDel(ctx context.Context, started *invoke.StartedDel) error {
	err := started.Finish(ctx)
	if err == nil {
		return nil
	}
	target, _ := o.target(0) // startDel found it
	return o.blame(err, 0, target)
}

// knownResult is the result of the attachment's ADD, or nil: there is none yet, or it cannot be read.
func (o *operation) knownResult() *plugin.Result {
	if len(o.entry.Result) == 0 {
		return nil
	}
	result, err := plugin.ParseResult(o.entry.Result, o.list.CNIVersion)
	if err != nil {
		o.events.Warn("", "the cached result of "+o.entry.Network+" cannot be read and is left out: "+err.Error())
		return nil
	}
	return result
}

// joinFaults makes one error of many: the first, with the messages of the others behind its own.
func joinFaults(errs []error) error {
	if len(errs) == 0 {
		return nil
	}
	joined := *fault.From(errs[0], fault.KindState)
	for _, err := range errs[1:] {
		joined.Msg += "; " + err.Error()
	}
	return &joined
}
