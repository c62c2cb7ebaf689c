// Package kit is what the built-in plugins share. Each package below it owns one part of a plugin's
// work; this one owns what the engine lends the built-ins for a call: connections to the kernel and
// the means to start processes.
package kit

import (
	"context"

	"github.com/libcni/libcni/core/internal/host/rtnl"
	"github.com/libcni/libcni/core/internal/host/spawn"
	"github.com/libcni/libcni/core/plugin"
)

// Lent is the plugin.Lent of an invocation of a built-in.
type Lent struct {
	Links *rtnl.Session // shared by all plugins of the call
	Start spawn.Starter
}

// ForBuiltins is part of plugin.Lent.
func (*Lent) ForBuiltins() {}

// Host returns the connection to the network namespace of the calling thread.
func Host(ctx context.Context, inv *plugin.Invocation) (*rtnl.Conn, error) {
	return lent(inv).Links.Host(ctx)
}

// Container returns the connection to the container's network namespace. It wraps
// rtnl.ErrNoNamespace if the invocation has none.
func Container(ctx context.Context, inv *plugin.Invocation) (*rtnl.Conn, error) {
	return lent(inv).Links.Container(ctx)
}

// Starter returns the means to start processes, for what only an executable can do.
func Starter(inv *plugin.Invocation) spawn.Starter { return lent(inv).Start }

func lent(inv *plugin.Invocation) *Lent {
	l, _ := inv.Lent.(*Lent)
	return l
}
