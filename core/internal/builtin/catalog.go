// Package builtin owns the catalog of plugins that run in-process.
package builtin

import (
	"libcni/core/internal/builtin/hostlocal"
	"libcni/core/internal/builtin/static"
	"libcni/core/plugin"
)

// Lookup returns the built-in of a type, or nil.
func Lookup(pluginType string) plugin.Plugin {
	switch pluginType {
	case "host-local":
		return hostlocal.New()
	case "static":
		return static.New()
	}
	return nil
}

// Types lists the types that are built in, sorted.
func Types() []string { return []string{"host-local", "static"} }
