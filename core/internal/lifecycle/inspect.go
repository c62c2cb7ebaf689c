package lifecycle

import (
	"context"

	"github.com/libcni/libcni/core/internal/attachments"
	"github.com/libcni/libcni/core/internal/conf"
	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/plugin"
)

// Sight receives what Inspect finds of an attachment.
type Sight struct {
	// Found gets each object; the plugin is "" for links and routes, which the engine finds.
	Found func(pluginType string, object plugin.Object)
	// Unseen gets what could not be looked at, and why.
	Unseen func(pluginType, why string)
}

// Inspect shows what an attachment has on the host. It changes nothing, takes no lock and does not
// enter the namespace, so that it works whatever became of the container.
//
// Links and routes follow from the result, whoever made them. Rules are known to built-ins only.
func (m *Manager) Inspect(ctx context.Context, entry *attachments.Entry, overrides *Overrides,
	sight Sight) {
	if m.IsOfEarlierBoot(entry) {
		sight.Unseen("", "the attachment was made before the host was restarted: nothing of it is left")
		return
	}

	list, unreadable := m.configuration(entry, overrides.Config)
	if unreadable != nil {
		list = &conf.List{Name: entry.Network}
	}

	c := m.newChain(list, overrides.apply(entry, list), nil)
	defer c.close()
	result := c.knownResult()
	if err := c.showLinks(ctx, result, sight); err != nil {
		sight.Unseen("", err.Error())
	}
	switch {
	case unreadable != nil:
		sight.Unseen("", fault.Excerpt(unreadable.Error()))
		return
	case result == nil:
		sight.Unseen("", "the attachment has no result, from which its routes and rules follow")
		return
	}
	for i := range list.Plugins {
		if err := c.inspect(ctx, i, result, sight); err != nil {
			sight.Unseen(list.Plugins[i].Type, err.Error())
		}
	}
}

// inspect asks plugin i, if a built-in attached it.
func (c *chain) inspect(ctx context.Context, i int, result *plugin.Result, sight Sight) error {
	target, err := c.attacher(i)
	if c.mayBeByExecutable(i) || err == nil && !target.Builtin {
		sight.Unseen(c.list.Plugins[i].Type, "it is an executable, whose rules are not known")
		return nil
	}
	if err != nil {
		return err
	}
	return c.ask(ctx, i, target, plugin.Inspect, result, func(inv *plugin.Invocation) error {
		inv.Found = func(object plugin.Object) { sight.Found(target.Type, object) }
		return nil
	})
}

// Drift returns the differences that were found.
func (f *Findings) Drift() []fault.Drift { return f.drift }

// ChecksNothing reports whether a CHECK of an attachment is disabled by its configuration.
func (m *Manager) ChecksNothing(entry *attachments.Entry, overrides *Overrides) bool {
	list, err := m.configuration(entry, overrides.Config)
	return err == nil && list.DisableCheck
}

// StatusOf is Status of the network of an attachment.
func (m *Manager) StatusOf(ctx context.Context, entry *attachments.Entry,
	overrides *Overrides) error {
	list, err := m.configuration(entry, overrides.Config)
	if err != nil {
		return err
	}
	return m.Status(ctx, list)
}
