package lifecycle

import (
	"context"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/invoke"
	"github.com/libcni/libcni/core/plugin"
)

// validate has the built-ins after the first plugin read their configurations before that plugin
// makes anything: what the first plugin makes for several containers, such as a bridge, is not
// undone. The first plugin reads its own before it makes anything. ADD gets what was read.
func (c *chain) validate(ctx context.Context) error {
	c.ahead = make([]*plugin.Invocation, len(c.list.Plugins))
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
		if err == nil {
			c.ahead[i] = inv
		}
		if err != nil && !fault.IsIncompatibleVersion(err) { // ADD negotiates the version
			return c.attribute(err, i, target)
		}
	}
	return nil
}

// takeAhead returns the request to plugin i that has what validate read, once, or nil. After a
// change of the version the plugin reads again.
func (c *chain) takeAhead(i int, target invoke.Target) *plugin.Invocation {
	if i >= len(c.ahead) || c.ahead[i] == nil {
		return nil
	}
	inv := c.ahead[i]
	c.ahead[i] = nil
	if !target.Builtin || inv.CNIVersion != c.entry.CNIVersion {
		return nil
	}
	return inv
}
