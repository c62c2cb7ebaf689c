package static

import (
	"context"

	"github.com/libcni/libcni/core/plugin"
)

// GC does nothing: the plugin keeps no state.
func (static) GC(context.Context, *plugin.Invocation) error { return nil }
