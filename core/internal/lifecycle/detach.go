package lifecycle

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/libcni/libcni/core/internal/attachments"
	"github.com/libcni/libcni/core/internal/conf"
	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/invoke"
	"github.com/libcni/libcni/core/plugin"
)

// detach is Detach with one configuration and one set of arguments.
func (m *Manager) detach(ctx context.Context, held *attachments.Held, entry *attachments.Entry,
	overrides *Overrides, force bool) error {
	list, err := m.configurationToDetach(entry, overrides.Config)
	if err != nil {
		if force {
			return errors.Join(err, held.Remove())
		}

		return err
	}

	ns, err := m.find(ctx, entry, overrides.Netns, Candidate{Path: entry.Netns})
	if err != nil {
		return err
	}
	defer ns.Close()
	c := m.newChain(list, overrides.apply(entry, list), ns)
	defer c.close()
	err = c.delEach(ctx, force)
	if err == nil || force {
		err = errors.Join(err, held.Remove())
	}

	return err
}

// DetachUnknown runs DEL for an attachment without an entry, so that the plugins can remove what
// they find. The configuration is the given one, or the one of the network's name in ConfDir;
// without either there is nothing to do.
func (m *Manager) DetachUnknown(ctx context.Context, held *attachments.Held, key attachments.Key,
	overrides *Overrides, force bool) error {
	list := overrides.Config
	if list == nil {
		var err error
		list, err = conf.Find(m.ConfDir, key.Network)
		var e *fault.Error
		damage := held.Damage()
		switch {
		case err == nil:
		case force && damage != nil:
			m.Events.Warn("", "removed without undoing anything: "+damage.Error())
			return held.Remove()
		case damage != nil:
			return fault.New(fault.KindState, errors.Join(damage, err), "%s: the record cannot be used; "+
				"give the network's configuration, or set force to remove only the record", key)
		case errors.As(err, &e) && e.Kind == fault.KindNetworkNotFound:
			return held.Remove()
		default:
			return err
		}
	}

	candidate, err := m.netnsOfUnknown(ctx, key, list, overrides.Netns)
	if err != nil {
		return err
	}

	entry := &attachments.Entry{Key: key, Netns: candidate.Path, CNIVersion: list.CNIVersion,
		Config: list.Raw, ByGoLibcni: true}
	found := *overrides
	found.Config, found.Netns = list, candidate
	return m.Detach(ctx, held, entry, &found, force)
}

// configuration returns the configuration to work on an attachment with: the given one, else the
// recorded one, else the one in ConfDir.
func (m *Manager) configuration(entry *attachments.Entry, given *conf.List) (*conf.List, error) {
	if given != nil {
		return given, nil
	}

	recorded, err := conf.Parse(entry.Config)
	if err == nil {
		return recorded, nil
	}

	found, findErr := conf.Find(m.ConfDir, entry.Network)
	if findErr != nil {
		return nil, errors.Join(err, findErr)
	}
	return found, nil
}

// configurationToDetach adds to a given configuration the plugins that the attachment was made with
// and that the configuration no longer has, so that what they made is removed, too.
func (m *Manager) configurationToDetach(entry *attachments.Entry,
	given *conf.List) (*conf.List, error) {
	if given == nil || bytes.Equal(given.Raw, entry.Config) {
		return m.configuration(entry, given)
	}

	recorded, err := conf.Parse(entry.Config)
	if err != nil {
		return given, nil
	}

	complete := *given
	for _, p := range recorded.Plugins {
		if !slices.ContainsFunc(given.Plugins, func(g conf.Plugin) bool { return g.Type == p.Type }) {
			complete.Plugins = append(slices.Clip(complete.Plugins), p)
		}
	}
	return &complete, nil
}

func (c *chain) delEach(ctx context.Context, force bool) error {
	result := c.knownResult()
	started := c.startDel(ctx, result)
	var errs []error
	for i := len(c.list.Plugins) - 1; i >= 0; i-- {
		if err := ctx.Err(); err != nil && len(errs) > 0 {
			errs = append(errs, fmt.Errorf("the first %d plugins of the network were not started: %w",
				i+1, err))
			break
		}
		if !c.mayHaveRun(i) {
			continue
		}

		var err error
		if i == 0 && started != nil {
			err = c.finishDel(ctx, started)
			if fault.IsIncompatibleVersion(err) {
				err = c.run(ctx, plugin.Del, i, result)
			}
		} else {
			err = c.run(ctx, plugin.Del, i, result)
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

	return fault.Join(errs)
}

// startDel starts the DEL of the first plugin of the list, which comes last, if no other plugin's
// DEL concerns the interface. It returns nil if nothing was started.
func (c *chain) startDel(ctx context.Context, result *plugin.Result) *invoke.StartedDel {
	if len(c.list.Plugins) == 1 || !c.mayHaveRun(0) {
		return nil
	}

	for i := 1; i < len(c.list.Plugins); i++ {
		target, err := c.target(i)
		if err != nil || ctx.Err() != nil || !target.Builtin ||
			!c.runner.Traits(target.Type).IgnoresInterface {
			return nil
		}
	}

	target, err := c.target(0)
	if err != nil || !target.Builtin {
		return nil
	}

	inv, err := c.invocation(plugin.Del, 0, target, result)
	if err != nil {
		return nil
	}

	return c.runner.StartDel(ctx, target, inv)
}

func (c *chain) finishDel(ctx context.Context, started *invoke.StartedDel) error {
	err := started.Finish(ctx)
	if err == nil {
		return nil
	}
	target, _ := c.target(0) // startDel found it
	return c.attribute(err, 0, target)
}
