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

func TestSelectionWithoutFirewalld(t *testing.T) {
	p := firewall{bus: filepath.Join(t.TempDir(), "bus")}
	for _, test := range []struct {
		configured          string
		selected, removedBy string // "" for an error
	}{
		{"", backendNFTables, backendNFTables},
		{backendNFTables, backendNFTables, backendNFTables},
		{backendIPTables, backendIPTables, backendIPTables},
		{backendFirewalld, "", backendNFTables},
		{"unknown", "unknown", backendNFTables}, // which parse refuses
	} {
		t.Run(test.configured, func(t *testing.T) {
			c := &config{configKeys{Backend: test.configured}}
			for _, way := range []struct {
				name     string
				selected func(context.Context, *config, *plugin.Invocation) (*selection, error)
				want     string
			}{
				{"selectBackend", p.selectBackend, test.selected},
				{"connectForRemoval", p.connectForRemoval, test.removedBy},
			} {
				got := ""
				s, err := way.selected(t.Context(), c, &plugin.Invocation{})
				if err == nil {
					got = s.name
				}
				if got != way.want || c.Backend != test.configured {
					t.Errorf("%s: %q, %v; want %q", way.name, got, err, way.want)
				}
			}
		})
	}
}
