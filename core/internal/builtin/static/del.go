package static

import (
	"context"

	"github.com/libcni/libcni/core/plugin"
)

// Del does nothing: the plugin keeps no state.
func (static) Del(context.Context, *plugin.Invocation) error { return nil }
