package lifecycle

import (
	"cmp"
	"context"
	"errors"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/kit/undo"
	"github.com/libcni/libcni/core/plugin"
)

// rollBack undoes a failed ADD and completes its error. If the undo fails, or is not wanted, the
// intent stays for DEL and GC.
func (a *addition) rollBack(ctx context.Context, cause error) error {
	e := fault.From(cause, fault.KindState)
	rolledBack := false
	e.RolledBack = &rolledBack
	e.Network = cmp.Or(e.Network, a.chain.list.Name)
	last := a.lastStarted(e)
	if a.noRollback && last >= 0 {
		a.keepIntent(ctx, last)
		return e
	}

	ctx, cancel := undo.Begin(ctx)
	defer cancel()
	err := a.undo(ctx, last)
	if err == nil {
		err = a.held.RollBack()
	}
	if err != nil {
		a.chain.events.Warn("", "failed to undo an ADD: "+err.Error())
		e.Details = cmp.Or(e.Details, "the undo failed; DEL or GC remove the rest; if they fail, too, "+
			forceAdvice+": "+err.Error())
		a.keepIntent(ctx, last)
		return e
	}

	rolledBack = true
	return e
}

// lastStarted returns the index of the last plugin that may have left something behind. The plugin
// that failed counts if it is a process that was run. A built-in has undone its own steps, unless
// it panicked or reports that it could not.
func (a *addition) lastStarted(e *fault.Error) int {
	failed := len(a.results)
	if failed == len(a.chain.list.Plugins) {
		return failed - 1
	}
	if e.Kind == fault.KindBug || !e.Undone() {
		return failed
	}
	if a.chain.entry.Plugins[failed].Builtin || fault.NothingMade(e) {
		return failed - 1
	}
	return failed
}

// undo runs DEL in reverse order, starting with plugin last, each with the result that its ADD was
// given.
func (a *addition) undo(ctx context.Context, last int) error {
	var errs []error
	for i := last; i >= 0; i-- {
		if err := ctx.Err(); err != nil && len(errs) > 0 {
			break // the others cannot be started, either
		}
		var given *plugin.Result
		if i > 0 {
			given = a.results[i-1]
		}
		if err := a.undoOne(ctx, i, given); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// undoOne runs DEL of plugin i and leaves time for the plugins before it.
func (a *addition) undoOne(ctx context.Context, i int, given *plugin.Result) error {
	ctx, cancel := undo.Share(ctx, i)
	defer cancel()
	target, err := a.chain.target(i)
	if err != nil {
		return a.chain.attribute(err, i, target)
	}
	return a.chain.ask(ctx, i, target, plugin.Del, given, func(inv *plugin.Invocation) error {
		if i < len(a.results) {
			inv.Undone = a.results[i]
		}
		return nil
	})
}
