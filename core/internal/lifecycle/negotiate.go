package lifecycle

import (
	"context"
	"slices"

	"github.com/libcni/libcni/core/internal/invoke"
	"github.com/libcni/libcni/core/internal/spec"
)

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

	return spec.Highest(shared), nil
}

// keepKnown returns those of the versions that a plugin knows.
func (c *chain) keepKnown(ctx context.Context, versions []string,
	target invoke.Target) ([]string, error) {
	known, err := c.runner.Versions(ctx, target)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(versions, func(v string) bool { return !slices.Contains(known, v) }), nil
}
