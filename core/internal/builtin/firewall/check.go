package firewall

import (
	"context"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/kit/drift"
	"github.com/libcni/libcni/core/plugin"
)

// Check reports everything that ADD made and that is missing or changed, and unknown rules in our
// chains.
func (p firewall) Check(ctx context.Context, inv *plugin.Invocation) error {
	return p.examine(ctx, inv, func(_ backend, _ *attachment, list *drift.List) error {
		return fault.NewDrift(list.Found)
	})
}

// examine checks the attachment, and calls conclude with the differences.
func (p firewall) examine(ctx context.Context, inv *plugin.Invocation,
	conclude func(backend, *attachment, *drift.List) error) error {
	c, err := parse(inv.Config)
	if err != nil {
		return err
	}
	a, s, err := p.attached(ctx, c, inv)
	if err != nil || a == nil {
		return err
	}
	defer s.close()
	return s.run(ctx, a.families(), func(b backend) error {
		list := &drift.List{Plugin: pluginType}
		if err := b.check(ctx, a, list); err != nil {
			return err
		}
		return conclude(b, a, list)
	})
}
