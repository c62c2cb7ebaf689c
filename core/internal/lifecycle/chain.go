package lifecycle

import (
	"bytes"
	"cmp"
	"context"
	"fmt"

	"github.com/libcni/libcni/core/internal/attachments"
	"github.com/libcni/libcni/core/internal/conf"
	"github.com/libcni/libcni/core/internal/event"
	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/host/netns"
	"github.com/libcni/libcni/core/internal/host/rtnl"
	"github.com/libcni/libcni/core/internal/invoke"
	"github.com/libcni/libcni/core/internal/kit"
	"github.com/libcni/libcni/core/internal/spec"
	"github.com/libcni/libcni/core/plugin"
)

// chain is the plugins of a network, run for one attachment.
type chain struct {
	store    *attachments.Store
	runner   *invoke.Runner
	list     *conf.List
	entry    *attachments.Entry
	netns    *netns.Namespace // nil if it is gone or none was given; closed by whoever opened it
	links    *rtnl.Session
	events   event.Sink
	stateDir string
	bootID   string
	register register
	ahead    []*plugin.Invocation // by plugin, with what validate read; nil for none
}

func (m *Manager) newChain(list *conf.List, entry *attachments.Entry, ns *netns.Namespace) *chain {
	return &chain{
		store: m.Store, runner: m.Runner, list: list, entry: entry, netns: ns,
		links: rtnl.NewSession(ns, m.Deleter), events: m.Events, stateDir: m.StateDir, bootID: m.BootID,
		register: register{manager: m},
	}
}

// close closes the connections to the kernel.
func (c *chain) close() { c.links.Close() }

// resolve finds all plugins before the first one runs, and records which implementation of each is
// used.
func (c *chain) resolve() error {
	for i, p := range c.list.Plugins {
		target, err := c.runner.Resolve(p.Type, p.Raw)
		if err != nil {
			return c.attribute(err, i, target)
		}
		ran := attachments.Ran{Type: target.Type, Builtin: target.Builtin, Path: target.Path}
		c.entry.Plugins = append(c.entry.Plugins, ran)
	}
	return nil
}

// add sends ADD to plugin i of the list.
func (c *chain) add(ctx context.Context, i int, previous *plugin.Result) (*plugin.Result, error) {
	target, err := c.target(i)
	if err != nil {
		return nil, c.attribute(err, i, target)
	}
	if inv := c.takeAhead(i, target); inv != nil {
		inv.Command, inv.PrevResult, inv.HostIfName = plugin.Add, previous, c.entry.HostIfName
		return c.deliver(ctx, i, target, inv)
	}
	return c.send(ctx, i, target, plugin.Add, previous, unchanged)
}

// unchanged adds nothing to a request.
func unchanged(*plugin.Invocation) error { return nil }

// run sends a command to plugin i of the list.
func (c *chain) run(ctx context.Context, command string, i int, previous *plugin.Result) error {
	target, err := c.target(i)
	if err != nil {
		return c.attribute(err, i, target)
	}
	return c.ask(ctx, i, target, command, previous, unchanged)
}

// send sends a command to plugin i, run by target. complete adds to the request.
func (c *chain) send(ctx context.Context, i int, target invoke.Target, command string,
	previous *plugin.Result, complete func(*plugin.Invocation) error) (*plugin.Result, error) {
	inv, err := c.invocation(command, i, target, previous)
	if err == nil {
		err = complete(inv)
	}
	if err != nil {
		return nil, c.attribute(err, i, target)
	}
	return c.deliver(ctx, i, target, inv)
}

// deliver sends a request to plugin i, run by target.
func (c *chain) deliver(ctx context.Context, i int, target invoke.Target,
	inv *plugin.Invocation) (*plugin.Result, error) {
	result, err := c.runner.Run(ctx, target, inv)
	if err != nil {
		return nil, c.attribute(err, i, target)
	}
	return result, nil
}

// target returns the implementation of plugin i: the one that added it, as long as it exists.
func (c *chain) target(i int) (invoke.Target, error) {
	if target, ran := c.recorded(i); ran && c.runner.Usable(target) {
		return target, nil
	}
	wanted := c.list.Plugins[i]
	target, err := c.runner.Resolve(wanted.Type, wanted.Raw)
	if err != nil {
		return invoke.Target{Type: wanted.Type}, err
	}
	return target, nil
}

// isReconfigured reports whether the configuration is another one than that of the ADD.
func (c *chain) isReconfigured() bool {
	return len(c.entry.Config) > 0 && !bytes.Equal(c.list.Raw, c.entry.Config)
}

// invocation returns the request to plugin i. previous is the result it is given, or nil.
//
// The kernel has nothing of an attachment of an earlier boot. The links, addresses and routes in
// its result may be another attachment's by now. A built-in therefore does not get the result, and
// removes only what names the attachment itself.
func (c *chain) invocation(command string, i int, target invoke.Target,
	previous *plugin.Result) (*plugin.Invocation, error) {
	hostIfName := c.entry.HostIfName
	if target.Builtin && c.register.manager.IsOfEarlierBoot(c.entry) {
		previous, hostIfName = nil, ""
	}

	input := conf.Input{CNIVersion: c.entry.CNIVersion, CapabilityArgs: c.entry.CapabilityArgs}
	passes := command == plugin.Add || spec.PassesResult(c.entry.CNIVersion)
	if previous != nil && !target.Builtin && passes {
		var err error
		if input.PrevResult, err = previous.JSON(c.entry.CNIVersion); err != nil {
			return nil, err
		}
	}

	config, err := c.list.Derive(i, input)
	if err != nil {
		return nil, err
	}

	inv := &plugin.Invocation{
		Command: command, Network: c.list.Name, ContainerID: c.entry.ContainerID, IfName: c.entry.IfName,
		Args: c.entry.Args, CNIVersion: c.entry.CNIVersion, Config: config, PrevResult: previous,
		HostIfName: hostIfName, ByExecutable: c.mayBeByExecutable(i),
		OtherInterfaces: c.otherInterfaces, Recorded: c.register.recorded, StateDir: c.stateDir,
		BootID: c.bootID, Reconfigured: command == plugin.Del && c.isReconfigured(),
		Lent: &kit.Lent{Links: c.links, Start: c.runner.Start},
	}

	if c.netns != nil {
		inv.Netns, inv.NetnsPath = c.netns, c.netns.Path()
	}

	return inv, nil
}

// otherInterfaces returns the names of the container's other interfaces on the network, those of
// unfinished attachments included.
func (c *chain) otherInterfaces() (names []string, err error) {
	entries, unusable, err := c.store.ByContainer(c.entry.ContainerID, "")
	add := func(key attachments.Key) {
		if key.Network == c.entry.Network && key.IfName != c.entry.IfName {
			names = append(names, key.IfName)
		}
	}
	for _, e := range entries {
		add(e.Key)
	}
	for _, u := range unusable {
		for _, key := range u.Keys {
			add(key)
		}
	}
	return names, err
}

// knownResult returns the result of the attachment's ADD, or nil if there is none that can be read.
func (c *chain) knownResult() *plugin.Result {
	if len(c.entry.Result) == 0 {
		return nil
	}
	result, err := plugin.ParseResult(c.entry.Result, c.list.CNIVersion)
	if err != nil {
		c.events.Warn("", fmt.Sprintf("network %s: ignored the cached result: %s", c.entry.Network,
			fault.Excerpt(err.Error())))
		return nil
	}
	return result
}

// attribute completes an error with the plugin and the attachment it is about.
func (c *chain) attribute(err error, i int, target invoke.Target) error {
	e := fault.From(err, fault.KindPluginFailed)
	if e.Plugin == nil {
		e.Plugin = &fault.Plugin{Type: target.Type, Builtin: target.Builtin}
	}
	e.Plugin.Index = i
	e.Network = cmp.Or(e.Network, c.list.Name)
	e.ContainerID = cmp.Or(e.ContainerID, c.entry.ContainerID)
	e.IfName = cmp.Or(e.IfName, c.entry.IfName)
	e.CNIVersion = cmp.Or(e.CNIVersion, c.list.CNIVersion)
	return e
}
