package invoke

import (
	"context"

	"github.com/libcni/libcni/core/plugin"
)

// StartedDel is a DEL in progress, see plugin.DelStarter. The caller calls exactly one of its
// methods.
type StartedDel struct {
	runner  *Runner
	target  Target
	inv     *plugin.Invocation
	started plugin.StartedDel
}

// StartDel starts the DEL of a built-in that is a plugin.DelStarter. It returns nil if nothing was
// started; Run then does the DEL, and reports any error.
func (r *Runner) StartDel(ctx context.Context, t Target, inv *plugin.Invocation) (d *StartedDel) {
	p, able := r.implementation(t).(plugin.DelStarter)
	if !able {
		return nil
	}

	r.equip(t, inv)
	defer func() {
		if recover() != nil {
			d = nil
		}
	}()
	started := p.StartDel(ctx, inv)
	if started == nil {
		return nil
	}
	return &StartedDel{runner: r, target: t, inv: inv, started: started}
}

// Finish completes the DEL. Its errors are those of Run.
func (d *StartedDel) Finish(ctx context.Context) error {
	_, err := d.runner.observe(d.target, d.inv, func() (_ *plugin.Result, _ string, err error) {
		defer func() {
			if value := recover(); value != nil {
				err = panicked(d.target, value)
			}
		}()
		return nil, "", endedBy(ctx, d.started.Finish(ctx))
	})
	return err
}

// Abandon waits for what was started, after another plugin's DEL has failed.
func (d *StartedDel) Abandon(ctx context.Context) { d.started.Abandon(ctx) }
