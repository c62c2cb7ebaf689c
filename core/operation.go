package core

import (
	"context"
	"slices"
	"time"

	"github.com/libcni/libcni/core/internal/attachments"
	"github.com/libcni/libcni/core/internal/conf"
	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/host/netns"
	"github.com/libcni/libcni/core/internal/host/rtnl"
	"github.com/libcni/libcni/core/internal/invoke"
	"github.com/libcni/libcni/core/internal/kit"
	"github.com/libcni/libcni/core/internal/spec"
	"github.com/libcni/libcni/core/plugin"
)

// operation is one attachment being worked on: its configuration, what is (or will be) on disk about it, and the
// way to the kernel. The attachment's lock is held while it lives.
type operation struct {
	*scope
	list    *conf.List
	held    *attachments.Held // ADD: the attachment's lock
	entry   *attachments.Entry
	netns   *netns.Namespace // nil: gone, or none given
	links   *rtnl.Session
	results []*plugin.Result // ADD: of the plugins that have succeeded, in order
}

func (s *scope) newOperation(list *conf.List, entry *attachments.Entry, ns *netns.Namespace) *operation {
	return &operation{scope: s, list: list, entry: entry, netns: ns, links: rtnl.NewSession(ns, s.engine.deleter)}
}

// close ends the connections. The namespace belongs to whoever opened it.
func (o *operation) close() { o.links.Close() }

// run asks plugin number i of the list.
func (o *operation) run(ctx context.Context, command string, i int, previous *plugin.Result) (*plugin.Result, error) {
	target, err := o.target(i)
	if err != nil {
		return nil, o.blame(err, i, target)
	}
	inv, err := o.invocation(command, i, target, previous)
	if err != nil {
		return nil, o.blame(err, i, target)
	}
	result, err := o.runner.Run(ctx, target, inv)
	if err != nil {
		return nil, o.blame(err, i, target)
	}
	return result, nil
}

// target is the implementation that plugin number i is run with: the one that added it, as long as it can be found.
func (o *operation) target(i int) (invoke.Target, error) {
	wanted := o.list.Plugins[i]
	if i < len(o.entry.Plugins) && o.entry.Plugins[i].Type == wanted.Type {
		ran := o.entry.Plugins[i]
		target := invoke.Target{Type: ran.Type, Builtin: ran.Builtin, Path: ran.Path}
		if o.runner.Usable(target) {
			return target, nil
		}
	}
	target, err := o.runner.Resolve(wanted.Type, wanted.Raw)
	if err != nil {
		return invoke.Target{Type: wanted.Type}, err
	}
	return target, nil
}

func (o *operation) invocation(command string, i int, target invoke.Target, previous *plugin.Result) (*plugin.Invocation, error) {
	input := conf.Input{CNIVersion: o.entry.CNIVersion, CapabilityArgs: o.entry.CapabilityArgs}
	if previous != nil && !target.Builtin && (command == plugin.Add || spec.PassesResult(o.entry.CNIVersion)) {
		var err error
		if input.PrevResult, err = previous.JSON(o.entry.CNIVersion); err != nil {
			return nil, err
		}
	}
	config, err := o.list.Derive(i, input)
	if err != nil {
		return nil, err
	}
	inv := &plugin.Invocation{
		Command: command, Network: o.list.Name, ContainerID: o.entry.ContainerID, IfName: o.entry.IfName,
		Args: o.entry.Args, CNIVersion: o.entry.CNIVersion, Config: config, PrevResult: previous,
		HostIfName: o.entry.HostIfName, StateDir: o.Options.StateDir, BootID: o.bootID,
		Lent: &kit.Lent{Links: o.links, Start: o.engine.start},
	}
	inv.ByExecutable = o.entry.Foreign || i < len(o.entry.Plugins) && !o.entry.Plugins[i].Builtin
	if o.netns != nil {
		inv.Netns, inv.NetnsPath = o.netns, o.netns.Path()
	}
	return inv, nil
}

// blame completes an error with the plugin and the attachment it is about.
func (s *operation) blame(err error, i int, target invoke.Target) error {
	e := fault.From(err, fault.KindPluginFailed)
	if e.Plugin == nil {
		e.Plugin = &fault.Plugin{Type: target.Type, Builtin: target.Builtin}
	}
	e.Plugin.Index = i
	setDefault(&e.Network, s.list.Name)
	setDefault(&e.ContainerID, s.entry.ContainerID)
	setDefault(&e.IfName, s.entry.IfName)
	setDefault(&e.CNIVersion, s.list.CNIVersion)
	return e
}

// cleanupContext outlives the request's deadline and cancellation, so that what a failed call made can be undone.
func (s *scope) cleanupContext(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx = context.WithoutCancel(ctx)
	budget := milliseconds(s.Options.RollbackTimeoutMs, defaultRollbackTimeout)
	if budget == 0 {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, budget)
}

const freshness = 60 * time.Second // GC leaves alone what is younger

// makesInterface reports whether a plugin of the list makes an interface of the requested name.
func (s *scope) makesInterface(list *conf.List) bool {
	return slices.ContainsFunc(list.Plugins, func(p conf.Plugin) bool { return s.runner.Traits(p.Type).MakesInterface })
}
