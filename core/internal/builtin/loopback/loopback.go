// Package loopback is the built-in loopback plugin: it brings the container's lo up.
package loopback

import (
	"context"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/host/rtnl"
	"github.com/libcni/libcni/core/internal/kit"
	"github.com/libcni/libcni/core/plugin"
)

const (
	pluginType = "loopback"
	name       = "lo" // independent of the requested interface name
)

type loopback struct{}

// New returns the plugin.
func New() plugin.Plugin { return loopback{} }

// Traits: the plugin makes no interface; lo exists in every namespace.
func (loopback) Traits() plugin.Traits { return plugin.Traits{} }

// Unsupported names nothing: the plugin has no keys.
func (loopback) Unsupported([]byte) string { return "" }

// GC does nothing: lo disappears with its namespace.
func (loopback) GC(context.Context, *plugin.Invocation) error { return nil }

// Status always succeeds.
func (loopback) Status(context.Context, *plugin.Invocation) error { return nil }

// lookUp returns lo, with the connection to its namespace.
func lookUp(ctx context.Context, inv *plugin.Invocation) (*rtnl.Conn, *rtnl.Link, error) {
	if inv.Netns == nil {
		return nil, nil,
			fault.InvalidRequest("netns", "netns: loopback needs the container's network namespace")
	}
	conn, err := kit.Container(ctx, inv)
	if err != nil {
		return nil, nil, err
	}
	lo, err := conn.LinkByName(ctx, name)
	return conn, lo, err
}
