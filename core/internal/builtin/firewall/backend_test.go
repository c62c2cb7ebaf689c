package firewall

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"github.com/libcni/libcni/core/plugin"
)

// The error of a context that is done is the context's, not that of the connection to firewalld.
func TestSelectionWithACancelledContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	p := firewall{bus: filepath.Join(t.TempDir(), "bus")}
	if s, err := p.selectBackend(ctx, &config{}, &plugin.Invocation{}); s != nil ||
		!errors.Is(err, context.Canceled) {
		t.Errorf("got %v, %v", s, err)
	}
}
