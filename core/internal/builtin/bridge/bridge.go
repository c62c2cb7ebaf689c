// Package bridge is the built-in bridge plugin: it connects a container to a Linux bridge with a
// veth pair, and creates the bridge if it is missing.
package bridge

import "github.com/libcni/libcni/core/plugin"

const pluginType = "bridge"

type bridge struct{}

// New returns the plugin.
func New() plugin.Plugin { return bridge{} }

// Traits: the plugin makes the interface.
func (bridge) Traits() plugin.Traits {
	return plugin.Traits{MakesInterface: true, Capabilities: []string{"mac"}}
}

// Unsupported names nothing: all keys are supported.
func (bridge) Unsupported([]byte) string { return "" }
