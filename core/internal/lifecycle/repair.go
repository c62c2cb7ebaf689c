package lifecycle

import (
	"context"

	"github.com/libcni/libcni/core/internal/attachments"
	"github.com/libcni/libcni/core/plugin"
)

// Repair restores what CHECK would report missing on the host's side of an attachment, and calls
// repaired for each object. An attachment that is incomplete, or whose namespace is gone, is left
// to DEL and GC.
func (m *Manager) Repair(ctx context.Context, entry *attachments.Entry, overrides *Overrides,
	repaired func(network, pluginType, object string)) error {
	list, err := m.configuration(entry, overrides.Config)
	if err != nil || entry.Incomplete {
		return err
	}

	ns, err := m.find(ctx, entry, overrides.Netns, Candidate{Path: entry.Netns})
	if err != nil || ns == nil {
		return err
	}
	defer ns.Close()
	c := m.newChain(list, overrides.apply(entry, list), ns)
	defer c.close()
	result := c.knownResult()
	for i := range list.Plugins {
		if err := c.repair(ctx, i, result, repaired); err != nil {
			return err
		}
	}

	return nil
}

// repair runs REPAIR of plugin i, which only built-ins know.
func (c *chain) repair(ctx context.Context, i int, result *plugin.Result,
	repaired func(network, pluginType, object string)) error {
	target, err := c.target(i)
	if err != nil {
		return c.attribute(err, i, target)
	}

	if !target.Builtin {
		return nil
	}

	_, err = c.send(ctx, i, target, plugin.Repair, result, func(inv *plugin.Invocation) error {
		inv.Repaired = func(object string) { repaired(c.list.Name, target.Type, object) }
		return nil
	})
	return err
}
