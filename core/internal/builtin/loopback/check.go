package loopback

import (
	"context"

	"github.com/libcni/libcni/core/internal/kit/drift"
	"github.com/libcni/libcni/core/plugin"
)

// Check reports a difference if lo is down.
func (loopback) Check(ctx context.Context, inv *plugin.Invocation) error {
	_, lo, err := lookUp(ctx, inv)
	if err != nil {
		return err
	}
	found := drift.List{Plugin: pluginType}
	found.Up("link "+name, lo)
	return found.Verdict("", nil)
}
