package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/libcni/libcni/core/internal/attachments"
	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/invoke"
	"github.com/libcni/libcni/core/internal/spec"
	"github.com/libcni/libcni/core/plugin"
)

// ErrByExecutables is in the error of a REPAIR of an attachment that executables made.
var ErrByExecutables = errors.New("it was attached by executables")

// Repair restores what CHECK would report missing on the host's side of an attachment, and calls
// repaired for each object. An attachment that is incomplete, or whose namespace is gone, is left
// to DEL and GC.
//
// What executables attached only they could restore, and they have no command for it: rules of the
// built-in plugins beside theirs would never be removed. If all plugins were executables the error
// wraps ErrByExecutables; otherwise these are asked whether something is missing.
func (m *Manager) Repair(ctx context.Context, entry *attachments.Entry, overrides *Overrides,
	repaired func(network, pluginType, object string)) error {
	list, err := m.configuration(entry, overrides.Config)
	if err != nil || entry.Incomplete {
		return err
	}

	ns, err := m.findToLook(ctx, entry, overrides)
	if err != nil || ns == nil {
		return err
	}
	defer ns.Close()
	c := m.newChain(list, overrides.apply(entry, list), ns)
	defer c.close()
	return c.repairEach(ctx, repaired)
}

func (c *chain) repairEach(ctx context.Context,
	repaired func(network, pluginType, object string)) error {
	result := c.knownResult()
	var executables []int
	for i := range c.list.Plugins {
		target, err := c.attacher(i)
		switch {
		case c.mayBeByExecutable(i), err == nil && !target.Builtin:
			executables = append(executables, i)
		case err != nil:
			return c.attribute(err, i, target)
		default:
			if err := c.repair(ctx, i, target, result, repaired); err != nil {
				return err
			}
		}
	}

	if len(executables) == len(c.list.Plugins) {
		return c.refuseRepair()
	}
	for _, i := range executables {
		if err := c.checkExecutable(ctx, i, result); err != nil {
			return err
		}
	}
	return nil
}

// repair runs REPAIR of plugin i, a built-in.
func (c *chain) repair(ctx context.Context, i int, target invoke.Target, result *plugin.Result,
	repaired func(network, pluginType, object string)) error {
	return c.ask(ctx, i, target, plugin.Repair, result, func(inv *plugin.Invocation) error {
		inv.Repaired = func(object string) { repaired(c.list.Name, target.Type, object) }
		return nil
	})
}

// refuseRepair returns the error for an attachment that only executables could restore.
func (c *chain) refuseRepair() error {
	var types []string
	for _, p := range c.list.Plugins {
		types = append(types, p.Type)
	}
	e := fault.New(fault.KindUnsupported, nil, "container %s on network %s cannot be repaired: it "+
		"was attached by plugin executables (%s), and only they could restore what they made; run CHECK "+
		"to see whether something is missing, and detach and attach the container if so",
		c.entry.ContainerID, c.list.Name, strings.Join(types, ", "))
	return fault.Because(e, ErrByExecutables)
}

// checkExecutable asks an executable in a chain with built-ins whether something is missing, which
// only it could restore.
func (c *chain) checkExecutable(ctx context.Context, i int, result *plugin.Result) error {
	if c.list.DisableCheck || !spec.PassesResult(c.entry.CNIVersion) {
		c.events.Warn(c.list.Plugins[i].Type, fmt.Sprintf("network %s: plugin %s is an executable and "+
			"cannot be checked", c.list.Name, c.list.Plugins[i].Type))
		return nil
	}

	err := c.check(ctx, i, result)
	var e *fault.Error
	if errors.As(err, &e) && isPluginsOwn(e) {
		refusal := fault.New(fault.KindUnsupported, nil, "plugin %s is an executable, which cannot be "+
			"repaired, and its CHECK fails: %s; detach and attach the container", e.Plugin.Type, e.Msg)
		refusal.Plugin = e.Plugin
		return c.attribute(refusal, i, invoke.Target{Type: e.Plugin.Type})
	}
	return err
}
