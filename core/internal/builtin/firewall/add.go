package firewall

import (
	"context"

	"github.com/libcni/libcni/core/internal/kit/steps"
	"github.com/libcni/libcni/core/plugin"
)

// Add makes the attachment's rules and returns the previous result.
func (p firewall) Add(ctx context.Context, inv *plugin.Invocation) (*plugin.Result, error) {
	c, err := plugin.Read[*config](p, inv)
	if err != nil {
		return nil, err
	}
	a, s, err := p.attached(ctx, c, inv)
	if err != nil {
		return nil, err
	}
	if a == nil {
		return inv.PrevResult, nil
	}
	defer s.close()
	err = s.run(ctx, a.families(), func(b backend) error {
		return steps.Run(ctx, []steps.Step{{
			Do:      func(ctx context.Context) error { return b.add(ctx, a) },
			Undo:    func(ctx context.Context) error { return s.remove(ctx, a.target()) },
			Partial: true,
		}})
	})
	if err != nil {
		return nil, err
	}
	return inv.PrevResult, nil
}
