// Package builtin lists the plugins that run in-process.
package builtin

import (
	"github.com/libcni/libcni/core/internal/builtin/bridge"
	"github.com/libcni/libcni/core/internal/builtin/firewall"
	"github.com/libcni/libcni/core/internal/builtin/hostlocal"
	"github.com/libcni/libcni/core/internal/builtin/loopback"
	"github.com/libcni/libcni/core/internal/builtin/portmap"
	"github.com/libcni/libcni/core/internal/builtin/ptp"
	"github.com/libcni/libcni/core/internal/builtin/static"
	"github.com/libcni/libcni/core/plugin"
)

// entry pairs a plugin's type with its constructor.
type entry struct {
	pluginType string
	create     func() plugin.Plugin
}

// catalog returns the plugins in alphabetical order. It is a function, since packages hold no
// state.
func catalog() []entry {
	return []entry{
		{"bridge", bridge.New},
		{"firewall", firewall.New},
		{"host-local", hostlocal.New},
		{"loopback", loopback.New},
		{"portmap", portmap.New},
		{"ptp", ptp.New},
		{"static", static.New},
	}
}

// Lookup returns the built-in plugin of a type, or nil.
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
