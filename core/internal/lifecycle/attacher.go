package lifecycle

import (
	"github.com/libcni/libcni/core/internal/invoke"
)

// recorded returns the implementation that ran ADD of plugin i, if that is recorded. The list may
// have other plugins than that of the ADD, so that the place among those of its type counts.
func (c *chain) recorded(i int) (target invoke.Target, ran bool) {
	if len(c.entry.Plugins) == 0 {
		return invoke.Target{}, false
	}
	wanted := c.list.Plugins[i].Type
	before := 0
	for _, p := range c.list.Plugins[:i] {
		if p.Type == wanted {
			before++
		}
	}
	for _, p := range c.entry.Plugins {
		if p.Type != wanted {
			continue
		}
		if before == 0 {
			return invoke.Target{Type: p.Type, Builtin: p.Builtin, Path: p.Path}, true
		}
		before--
	}
	return invoke.Target{}, false
}

// mayBeByExecutable reports whether an executable may have done the ADD of plugin i.
func (c *chain) mayBeByExecutable(i int) bool {
	target, ran := c.recorded(i)
	return c.entry.ByGoLibcni || ran && !target.Builtin
}

// attacher returns the implementation that can tell whether what plugin i attached is as it was: an
// executable knows what it made, and a built-in would miss its own objects.
func (c *chain) attacher(i int) (invoke.Target, error) {
	target, ran := c.recorded(i)
	if !c.mayBeByExecutable(i) || ran && c.runner.Usable(target) {
		return c.target(i)
	}
	pluginType := c.list.Plugins[i].Type
	target, err := c.runner.Executable(pluginType)
	if err != nil {
		return invoke.Target{Type: pluginType}, err
	}
	return target, nil
}
