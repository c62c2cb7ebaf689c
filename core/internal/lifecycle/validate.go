package lifecycle

import (
	"context"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/plugin"
)

// validate has the built-ins after the first plugin read their configurations before that plugin
// makes anything: what the first plugin makes for several containers, such as a bridge, is not
// undone. The first plugin reads its own before it makes anything.
func (c *chain) validate(ctx context.Context) error {
	for i := 1; i < len(c.list.Plugins); i++ {
		target, err := c.target(i)
		if err != nil {
			return c.attribute(err, i, target)
		}
		if !target.Builtin {
			continue
		}
		inv, err := c.invocation(plugin.Validate, i, target, nil)
		if err == nil {
			err = c.runner.Validate(ctx, target, inv)
		}
		if err != nil && !fault.IsIncompatibleVersion(err) { // ADD negotiates the version
			return c.attribute(err, i, target)
		}
	}
	return nil
}
