package firewall

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"github.com/libcni/libcni/core/plugin"
)

// The end of the request is said as such, not as what it did to the search for firewalld.
func TestChoiceAfterTheEndOfTheRequest(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	p := firewall{bus: filepath.Join(t.TempDir(), "bus")}
	if zones, err := p.choose(ctx, &config{}, &plugin.Invocation{}); zones != nil || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, %v", zones, err)
	}
}
