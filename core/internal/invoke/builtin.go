package invoke

import (
	"context"
	"errors"
	"runtime/debug"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/plugin"
)

// runBuiltin calls a built-in. A panic in it is an error of kind bug, not the end of the host.
func (r *Runner) runBuiltin(ctx context.Context, t Target,
	inv *plugin.Invocation) (result *plugin.Result, err error) {
	if err := ctx.Err(); err != nil {
		return nil, expired(t, err)
	}

	p := r.implementation(t)
	if p == nil {
		return nil, fault.New(fault.KindPluginNotFound, nil, "plugin %s: not built in", t.Type)
	}
	defer func() {
		if value := recover(); value != nil {
			result, err = nil, panicked(t, value)
		}
	}()
	result, err = ask(ctx, t, p, inv)
	return result, endedBy(ctx, err)
}

// endedBy returns the error of a built-in, which is the context's if that is done. The codes of the
// plugin contract are the built-in's own verdicts.
func endedBy(ctx context.Context, err error) error {
	if err == nil || ctx.Err() == nil {
		return err
	}
	var own *plugin.Error
	var differences plugin.Differences
	if errors.As(err, &own) || errors.As(err, &differences) {
		return err
	}
	return fault.Ended(ctx, err)
}

func panicked(t Target, value any) error {
	e := fault.New(fault.KindBug, nil, "%s panicked: %v", t, value)
	e.Details = string(debug.Stack())
	return e
}

// implementation returns the built-in that t is, or nil.
func (r *Runner) implementation(t Target) plugin.Plugin {
	if !t.Builtin || r.Catalog == nil {
		return nil
	}
	return r.Catalog(t.Type)
}

func ask(ctx context.Context, t Target, p plugin.Plugin,
	inv *plugin.Invocation) (_ *plugin.Result, err error) {
	switch inv.Command {
	case plugin.Add:
		result, err := p.Add(ctx, inv)
		if err == nil && result == nil {
			return nil, fault.New(fault.KindBug, nil, "%s answered ADD with no result", t)
		}

		return result, err
	case plugin.Del:
		return nil, p.Del(ctx, inv)
	case plugin.Check:
		return nil, p.Check(ctx, inv)
	case plugin.GC:
		return nil, p.GC(ctx, inv)
	case plugin.Status:
		return nil, p.Status(ctx, inv)
	case plugin.Repair:
		if repairer, able := p.(plugin.Repairer); able {
			return nil, repairer.Repair(ctx, inv)
		}

		return nil, nil
	case plugin.Inspect:
		if inspector, able := p.(plugin.Inspector); able {
			return nil, inspector.Inspect(ctx, inv)
		}

		return nil, nil
	case plugin.Validate:
		if reader, able := p.(plugin.ConfigReader); able {
			inv.Ahead, err = reader.ReadConfig(inv)
		}

		return nil, err
	default:
		return nil, fault.New(fault.KindUnsupported, nil, "%s: unknown command %q", t, inv.Command)
	}
}

// expired returns the error of a plugin that was not started because the context is done.
func expired(t Target, err error) error {
	e := fault.From(err, fault.KindTimeout)
	e.Msg = t.String() + " was not started: " + e.Msg
	return e
}
