package firewall

import (
	"context"
	"fmt"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/plugin"
)

const (
	present = "present"
	missing = "missing"
)

// Check reports everything that ADD makes and that is missing or changed, and unknown rules in chains of ours.
func (p firewall) Check(ctx context.Context, inv *plugin.Invocation) error {
	return p.examine(ctx, inv, func(_ backend, _ *attachment, found []fault.Drift) error { return fault.NewDrift(found) })
}

// examine checks the attachment, and calls conclude with the differences.
func (p firewall) examine(ctx context.Context, inv *plugin.Invocation, conclude func(backend, *attachment, []fault.Drift) error) error {
	c, err := parse(inv.Config)
	if err != nil {
		return err
	}
	a, err := newAttachment(c, inv)
	if err != nil || len(a.addresses) == 0 {
		return err
	}
	s, err := p.selectBackend(ctx, c, inv)
	if err != nil {
		return err
	}
	defer s.close()
	return s.run(ctx, a.families(), func(b backend) error {
		found, err := b.check(ctx, a)
		if err != nil {
			return err
		}
		return conclude(b, a, found)
	})
}

func drift(expected, actual, object string, args ...any) fault.Drift {
	return fault.Drift{Plugin: pluginType, Object: fmt.Sprintf(object, args...), Expected: expected, Actual: actual}
}
