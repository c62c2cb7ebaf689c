package invoke

import "github.com/libcni/libcni/core/plugin"

// Traits returns the traits of a plugin type: those that the built-in states, or for other types
// those of the known executable of that name. An executable has the traits of the built-in of the
// same name.
func (r *Runner) Traits(pluginType string) plugin.Traits {
	if r.Catalog != nil {
		if p := r.Catalog(pluginType); p != nil {
			return p.Traits()
		}
	}
	return executableTraits(pluginType)
}

// executableTraits knows the reference plugins that are not built in. An unknown plugin is assumed
// to make an interface.
func executableTraits(pluginType string) plugin.Traits {
	switch pluginType {
	case "bandwidth", "sbr", "tuning", "vrf":
		return plugin.Traits{Chained: true}
	case "dhcp":
		return plugin.Traits{IPAM: true, NeedsLink: true}
	default:
		return plugin.Traits{MakesInterface: true}
	}
}
