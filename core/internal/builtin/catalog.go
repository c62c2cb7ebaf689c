// Package builtin is the table of the plugins that run in-process.
package builtin

import (
	"libcni/core/internal/builtin/bridge"
	"libcni/core/internal/builtin/firewall"
	"libcni/core/internal/builtin/hostlocal"
	"libcni/core/internal/builtin/loopback"
	"libcni/core/internal/builtin/portmap"
	"libcni/core/internal/builtin/static"
	"libcni/core/plugin"
)

// entry pairs a plugin's type with how it is made.
type entry struct {
	pluginType string
	create     func() plugin.Plugin
}

// catalog lists the plugins by name. A function, since there is no state at package level.
func catalog() []entry {
	return []entry{
		{"bridge", bridge.New},
		{"firewall", firewall.New},
		{"host-local", hostlocal.New},
		{"loopback", loopback.New},
		{"portmap", portmap.New},
		{"static", static.New},
	}
}

// Lookup returns the built-in plugin of a type, nil if there is none.
func Lookup(pluginType string) plugin.Plugin {
	for _, e := range catalog() {
		if e.pluginType == pluginType {
			return e.create()
		}
	}
	return nil
}

// Types lists the types of all built-in plugins, in alphabetical order.
func Types() []string {
	var types []string
	for _, e := range catalog() {
		types = append(types, e.pluginType)
	}
	return types
}
