package lifecycle

import (
	"context"
	"fmt"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/invoke"
	"github.com/libcni/libcni/core/internal/spec"
	"github.com/libcni/libcni/core/plugin"
)

// ask sends a command to plugin i, run by target. If the plugin does not know the version of the
// request, the version is negotiated as an ADD does it, and the plugin is asked again. complete
// adds to the request.
func (c *chain) ask(ctx context.Context, i int, target invoke.Target, command string,
	previous *plugin.Result, complete func(*plugin.Invocation) error) error {
	_, err := c.send(ctx, i, target, command, previous, complete)
	if !fault.IsIncompatibleVersion(err) {
		return err
	}

	version, ok := c.negotiate(ctx, command, target)
	if !ok {
		return err
	}
	if !spec.Knows(version, command) {
		return c.unknownTo(command, version, i, target)
	}
	if version != c.entry.CNIVersion { // one that this plugin alone knows
		defer func(before string) { c.entry.CNIVersion = before }(c.entry.CNIVersion)
		c.entry.CNIVersion = version
	}
	_, err = c.send(ctx, i, target, command, previous, complete)
	return err
}

// negotiate returns the version in which to repeat a command that a plugin has refused: the highest
// that all plugins of the list know, which is the chain's from then on. For DEL, without a shared
// version, it is the highest that the plugin knows: what was attached must not stay. It reports
// false if there is none.
func (c *chain) negotiate(ctx context.Context, command string,
	target invoke.Target) (version string, ok bool) {
	refused := c.entry.CNIVersion
	version, err := c.sharedVersion(ctx)
	if err == nil && version != "" {
		c.entry.CNIVersion = version
		return version, version != refused
	}
	if command != plugin.Del {
		return "", false
	}

	known, err := c.runner.Versions(ctx, target)
	if err != nil {
		return "", false
	}
	version = spec.Highest(spec.Retain(spec.Versions(), known))
	return version, version != "" && version != refused
}

// unknownTo returns the error of a command that the negotiated version does not have, or nil if the
// command may be left out.
func (c *chain) unknownTo(command, version string, i int, target invoke.Target) error {
	if command == plugin.GC || command == plugin.Status {
		return nil
	}
	e := fault.New(fault.KindUnsupported, nil,
		"network %s has version %s, and the highest version that all its plugins know is %s, which has "+
			"no %s", c.list.Name, c.list.CNIVersion, version, command)
	return c.attribute(e, i, target)
}

// sharedVersion returns the highest version that all plugins of the list and their IPAM plugins
// know, or "".
func (c *chain) sharedVersion(ctx context.Context) (string, error) {
	shared := spec.Versions()
	for i, p := range c.list.Plugins {
		target, err := c.target(i)
		if err != nil {
			return "", err
		}

		if shared, err = c.keepKnown(ctx, shared, target); err != nil {
			return "", err
		}
		if p.IPAM == "" {
			continue
		}
		if target, err = c.runner.Resolve(p.IPAM, p.Raw); err != nil {
			return "", err
		}
		if shared, err = c.keepKnown(ctx, shared, target); err != nil {
			return "", err
		}
	}

	version := spec.Highest(shared)
	if version != "" && version != c.list.CNIVersion {
		c.events.Warn("", fmt.Sprintf("network %s has version %s; its plugins are run with %s, the "+
			"highest version that all of them know", c.list.Name, c.list.CNIVersion, version))
	}
	return version, nil
}

// keepKnown returns those of the versions that a plugin knows.
func (c *chain) keepKnown(ctx context.Context, versions []string,
	target invoke.Target) ([]string, error) {
	known, err := c.runner.Versions(ctx, target)
	if err != nil {
		return nil, err
	}
	return spec.Retain(versions, known), nil
}
