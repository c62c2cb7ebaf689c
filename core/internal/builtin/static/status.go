package static

import (
	"context"

	"github.com/libcni/libcni/core/plugin"
)

// Status fails if the configuration is invalid.
func (static) Status(_ context.Context, inv *plugin.Invocation) error {
	_, err := parseConfig(inv.Config, inv.Args, inv.CNIVersion)
	return err
}
