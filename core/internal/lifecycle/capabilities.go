package lifecycle

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/invoke"
)

// reportUnused warns of the capability arguments of an ADD that no plugin takes: a port to publish
// would silently not be published. With refuse the first one is an error.
func (c *chain) reportUnused(ctx context.Context, refuse bool) error {
	if len(c.entry.CapabilityArgs) == 0 {
		return nil
	}
	taken, offer := c.taken(), ""
	for _, name := range slices.Sorted(maps.Keys(c.entry.CapabilityArgs)) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if asksForNothing(c.entry.CapabilityArgs[name]) || taken[name] {
			continue
		}

		if offer == "" {
			offer = offered(taken)
		}
		msg := c.unused(name, offer)
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

// taken returns the capabilities that a plugin of the list declares and whose argument, as far as
// that is known, it reads.
func (c *chain) taken() map[string]bool {
	taken := map[string]bool{}
	for i, p := range c.list.Plugins {
		var ipam invoke.Target
		var err error
		if p.IPAM != "" && len(p.Capabilities) > 0 {
			ipam, err = c.runner.Resolve(p.IPAM, p.Raw)
		}
		for name, on := range p.Capabilities {
			read := c.reads(p.Type, c.entry.Plugins[i].Builtin, name) ||
				err != nil || // ADD reports the error
				p.IPAM != "" && c.reads(p.IPAM, ipam.Builtin, name)
			if on && read {
				taken[name] = true
			}
		}
	}
	return taken
}

// reads reports whether a plugin reads the argument of a capability. Executables do not say.
func (c *chain) reads(pluginType string, builtin bool, capability string) bool {
	return !builtin || slices.Contains(c.runner.Traits(pluginType).Capabilities, capability)
}

// offered says which capabilities the plugins take.
func offered(taken map[string]bool) string {
	var names []string
	for name := range taken {
		names = append(names, name)
	}
	slices.Sort(names)
	if len(names) == 0 {
		return "its plugins take no capability arguments"
	}
	return "its plugins take " + fault.Excerpt(strings.Join(names, ", "))
}

// unused says that the argument of a capability has no effect, and what to do.
func (c *chain) unused(capability, offer string) string {
	return fmt.Sprintf("capability argument %s has no effect: no plugin of network %s takes it; %s; "+
		`a plugin takes it if it supports the capability and has it in "capabilities"`,
		fault.Excerpt(capability), c.list.Name, offer)
}
