// Package static is the IPAM plugin "static": it returns the addresses of its configuration and
// keeps no state.
package static

import "github.com/libcni/libcni/core/plugin"

const name = "static"

// New returns the plugin.
func New() plugin.Plugin { return static{} }

type static struct{}

// Traits: the plugin assigns addresses.
func (static) Traits() plugin.Traits {
	return plugin.Traits{IPAM: true, Capabilities: []string{"ips"}}
}

// Unsupported returns "": the plugin supports every key of the reference plugin.
func (static) Unsupported([]byte) string { return "" }
