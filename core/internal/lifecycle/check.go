package lifecycle

import (
	"context"
	"errors"
	"fmt"

	"github.com/libcni/libcni/core/internal/attachments"
	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/spec"
	"github.com/libcni/libcni/core/plugin"
)

// Missing is the actual state of an object that does not exist.
const Missing = "missing"

// Findings is what a CHECK has found so far.
type Findings struct {
	drift []fault.Drift
	first *fault.Error // the error of the first plugin that found drift
}

// Check adds to the findings how an attachment differs from what the kernel holds.
func (m *Manager) Check(ctx context.Context, entry *attachments.Entry, overrides *Overrides,
	findings *Findings) error {
	list, err := m.configuration(entry, overrides.Config)
	if err != nil || list.DisableCheck {
		return err
	}

	if version := overrides.apply(entry, list).CNIVersion; !spec.PassesResult(list.CNIVersion) ||
		!spec.PassesResult(version) {
		return fault.New(fault.KindUnsupported, nil, "network %s has version %s of the specification, "+
			"and its plugins were run with %s; CHECK needs 0.4.0 or newer", list.Name, list.CNIVersion,
			version)
	}
	if entry.Incomplete {
		findings.add(fault.Drift{
			Object: "attachment", Expected: "complete",
			Actual: "left incomplete by an interrupted ADD; run DEL or GC to remove it",
		})
		return nil
	}

	ns, err := m.findToLook(ctx, entry, overrides)
	if err != nil {
		return err
	}
	defer ns.Close()
	if ns == nil {
		findings.add(fault.Drift{
			Object: "network namespace " + entry.Netns, Expected: "the container's", Actual: Missing,
		})
		return nil
	}

	c := m.newChain(list, overrides.apply(entry, list), ns)
	defer c.close()
	return c.checkEach(ctx, findings)
}

// checkEach runs CHECK of every plugin, even after one has found drift: all of it is reported.
func (c *chain) checkEach(ctx context.Context, findings *Findings) error {
	result := c.knownResult()
	for i := range c.list.Plugins {
		err := c.check(ctx, i, result)
		var e *fault.Error
		switch {
		case err == nil:
		case errors.As(err, &e) && e.Kind == fault.KindDrift:
			findings.add(e.Drift...)
			findings.blame(e)
		case errors.As(err, &e) && isPluginsOwn(e):
			findings.add(fault.Drift{
				Plugin: e.Plugin.Type, Object: "attachment", Expected: "CHECK succeeds", Actual: e.Msg,
			})
			findings.blame(e)
		default:
			return err
		}
	}

	return nil
}

// check sends CHECK to what ran ADD of plugin i.
func (c *chain) check(ctx context.Context, i int, result *plugin.Result) error {
	target, err := c.attacher(i)
	if err != nil {
		return c.attribute(err, i, target)
	}
	return c.ask(ctx, i, target, plugin.Check, result, unchanged)
}

// isPluginsOwn reports whether an error is the answer of an executable, which has no other way to
// report drift. An executable that could not be run, and a built-in that could not look, have found
// nothing.
func isPluginsOwn(e *fault.Error) bool {
	return e.Kind == fault.KindPluginFailed && !e.Plugin.Builtin && errors.Unwrap(e) == nil
}

func (f *Findings) add(drift ...fault.Drift) { f.drift = append(f.drift, drift...) }

func (f *Findings) blame(e *fault.Error) {
	if f.first == nil {
		f.first = e
	}
}

// Verdict returns nil, or one error with all the drift. The answer of a single plugin process keeps
// its code and text.
func (f *Findings) Verdict() error {
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
