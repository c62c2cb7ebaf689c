package lifecycle

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/libcni/libcni/core/internal/fault"
)

// reportUnused warns of the capability arguments of an ADD that no plugin takes: a port to publish
// would silently not be published. With refuse the first one is an error.
func (c *chain) reportUnused(refuse bool) error {
	for _, name := range slices.Sorted(maps.Keys(c.entry.CapabilityArgs)) {
		if asksForNothing(c.entry.CapabilityArgs[name]) || c.takes(name) {
			continue
		}

		msg := c.unused(name)
		if refuse {
			e := fault.InvalidRequest("capabilityArgs."+fault.Excerpt(name), "%s", msg)
			e.Network = c.list.Name
			return e
		}
		c.events.WarnUnused(c.list.Name, fault.Excerpt(name), msg)
	}
	return nil
}

// asksForNothing reports whether an argument has no content. Runtimes pass an empty list of ports
// for a container without published ports.
func asksForNothing(value jsontext.Value) bool {
	compact := value.Clone()
	if err := compact.Compact(); err != nil {
		return false
	}
	switch string(compact) {
	case "", "null", "[]", "{}", `""`:
		return true
	}
	return false
}

// takes reports whether a plugin of the list declares a capability and, as far as that is known,
// reads its argument.
func (c *chain) takes(capability string) bool {
	for i, p := range c.list.Plugins {
		if !p.Capabilities[capability] {
			continue
		}
		if c.reads(p.Type, c.entry.Plugins[i].Builtin, capability) {
			return true
		}
		if p.IPAM == "" {
			continue
		}
		target, err := c.runner.Resolve(p.IPAM, p.Raw)
		if err != nil || c.reads(p.IPAM, target.Builtin, capability) {
			return true // ADD reports the error
		}
	}
	return false
}

// reads reports whether a plugin reads the argument of a capability. Executables do not say.
func (c *chain) reads(pluginType string, builtin bool, capability string) bool {
	return !builtin || slices.Contains(c.runner.Traits(pluginType).Capabilities, capability)
}

// unused says that the argument of a capability has no effect, and what to do.
func (c *chain) unused(capability string) string {
	var taken []string
	for _, p := range c.list.Plugins {
		for name, on := range p.Capabilities {
			if on && !slices.Contains(taken, name) && c.takes(name) {
				taken = append(taken, name)
			}
		}
	}
	slices.Sort(taken)

	offer := "its plugins take no capability arguments"
	if len(taken) > 0 {
		offer = "its plugins take " + fault.Excerpt(strings.Join(taken, ", "))
	}
	return fmt.Sprintf("capability argument %s has no effect: no plugin of network %s takes it; %s; "+
		`a plugin takes it if it supports the capability and has it in "capabilities"`,
		fault.Excerpt(capability), c.list.Name, offer)
}
