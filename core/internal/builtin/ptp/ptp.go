// Package ptp is the built-in ptp plugin: it connects a container to the host with a veth pair,
// without a bridge. The host's end has the gateway's address and a route to each of the container's
// addresses; the container reaches everything, its own network included, through the gateway.
package ptp

import "github.com/libcni/libcni/core/plugin"

const pluginType = "ptp"

type ptp struct{}

// New returns the plugin.
func New() plugin.Plugin { return ptp{} }

// Traits: the plugin makes the interface.
func (ptp) Traits() plugin.Traits { return plugin.Traits{MakesInterface: true} }

// Unsupported names nothing: all keys are supported.
func (ptp) Unsupported([]byte) string { return "" }
