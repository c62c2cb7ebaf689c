package lifecycle

import (
	"context"

	"github.com/libcni/libcni/core/internal/attachments"
	"github.com/libcni/libcni/core/internal/conf"
	"github.com/libcni/libcni/core/internal/spec"
	"github.com/libcni/libcni/core/plugin"
)

// Status asks each plugin of a network whether an ADD could succeed now. It stops at the first that
// reports an error.
func (m *Manager) Status(ctx context.Context, list *conf.List) error {
	c := m.networkChain(list)
	defer c.close()
	for i := range list.Plugins {
		err := c.runForNetwork(ctx, plugin.Status, i, func(*plugin.Invocation) error { return nil })
		if err != nil {
			return err
		}
	}
	return nil
}

// GC tells each plugin of a network to remove what belongs to none of the attachments to keep.
func (m *Manager) GC(ctx context.Context, list *conf.List,
	keep []plugin.AttachmentID) (errs []error) {
	c := m.networkChain(list)
	defer c.close()
	for i := range list.Plugins {
		if err := ctx.Err(); err != nil {
			return append(errs, err)
		}
		err := c.runForNetwork(ctx, plugin.GC, i, func(inv *plugin.Invocation) (err error) {
			inv.ValidAttachments = keep
			inv.Config, err = list.Derive(i, conf.Input{CNIVersion: inv.CNIVersion,
				ValidAttachments: &keep})
			return err
		})
		if err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}

// networkChain returns the plugins of a network for commands that concern no single attachment.
func (m *Manager) networkChain(list *conf.List) *chain {
	entry := &attachments.Entry{
		Key: attachments.Key{Network: list.Name}, CNIVersion: list.CNIVersion,
	}
	return m.newChain(list, entry, nil)
}

// runForNetwork sends STATUS or GC to plugin i. Plugin processes know them since version 1.1.0 of
// the specification.
func (c *chain) runForNetwork(ctx context.Context, command string, i int,
	complete func(*plugin.Invocation) error) error {
	target, err := c.target(i)
	if err != nil {
		return c.attribute(err, i, target)
	}
	if !target.Builtin && !spec.Knows(c.entry.CNIVersion, command) {
		return nil
	}
	return c.ask(ctx, i, target, command, nil, complete)
}
