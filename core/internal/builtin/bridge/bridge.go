// Package bridge is the built-in bridge plugin: it connects a container to a Linux bridge with a veth pair, and makes
// the bridge if there is none.
package bridge

import (
	"context"
	"errors"
	"fmt"

	"github.com/libcni/libcni/core/plugin"
)

const pluginType = "bridge"

type bridge struct{}

// New returns the plugin.
func New() plugin.Plugin { return bridge{} }

// Traits: the plugin makes the interface.
func (bridge) Traits() plugin.Traits { return plugin.Traits{MakesInterface: true} }

// Unsupported names nothing: every key's work is done.
func (bridge) Unsupported([]byte) string { return "" }

// GC removes rules of attachments that are not valid and a VLAN's gateway that no port uses, and passes the request on
// to the address plugin.
func (bridge) GC(ctx context.Context, inv *plugin.Invocation) error {
	c, err := read(inv.Config)
	if err != nil {
		return err
	}
	return errors.Join(collectRules(ctx, c, inv), removeUnusedGateway(ctx, c, inv), delegate(ctx, c, inv, plugin.GC))
}

// Status says whether the kernel has what the rules need, and passes the request on to the address plugin, whose answer
// passes through.
func (bridge) Status(ctx context.Context, inv *plugin.Invocation) error {
	c, err := parse(inv.Config)
	if err != nil {
		return err
	}
	if err := c.rulesAvailable(ctx); err != nil {
		return err
	}
	return delegate(ctx, c, inv, plugin.Status)
}

// delegate runs the address plugin, if there is one, with a command that has no result.
func delegate(ctx context.Context, c *config, inv *plugin.Invocation, command string) error {
	if c.IPAM.Type == "" {
		return nil
	}
	if _, err := inv.Delegate(ctx, command, c.IPAM.Type, inv.Config); err != nil {
		return fmt.Errorf("ipam %s: %w", c.IPAM.Type, err)
	}
	return nil
}
