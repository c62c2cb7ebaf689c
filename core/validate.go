package core

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/libcni/libcni/core/internal/conf"
	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/invoke"
	"github.com/libcni/libcni/core/internal/spec"
	"github.com/libcni/libcni/core/plugin"
)

// Validate checks a configuration without touching the network: its form, that every plugin and
// IPAM plugin is there, that all share a version, and that built-ins accept the configuration. It
// warns of keys that no built-in reads.
func (e *Engine) Validate(ctx context.Context, caller Caller,
	r *ValidateRequest) (*ValidateAnswer, error) {
	return serve(ctx, e.incoming(caller, plugin.Version, &r.Common),
		func(s *scope, ctx context.Context) (*ValidateAnswer, error) {
			return s.validate(ctx, r.Strict)
		})
}

func (s *scope) validate(ctx context.Context, strict bool) (*ValidateAnswer, error) {
	list, err := s.network()
	if err != nil {
		return nil, err
	}

	if err := conf.ValidateNetworkName(list.Name); err != nil {
		return nil, err
	}

	unknown, err := newUnknownKeys(list)
	if err != nil {
		return nil, err
	}

	shared := spec.Versions()
	answer := &ValidateAnswer{Name: list.Name, CNIVersion: list.CNIVersion,
		Capabilities: capabilities(list)}
	for i, p := range list.Plugins {
		for at, pluginType := range []string{p.Type, p.IPAM} {
			if pluginType == "" {
				continue
			}

			info, err := s.validatePlugin(ctx, list, i, pluginType)
			if err != nil {
				return nil, err
			}

			shared = spec.Retain(shared, info.SupportedVersions)
			answer.Plugins = append(answer.Plugins, *info)
			if info.Builtin {
				err = errors.Join(unknown.addPlugin(i, pluginType, at == 1),
					s.readConfig(ctx, list, i, pluginType))
			}
			if err != nil {
				return nil, err
			}
		}
	}

	if err := s.validateVersions(list, answer.Plugins, shared); err != nil {
		return nil, err
	}

	answer.Warnings = unknown.warnings
	if strict {
		return answer, unknown.refuse()
	}
	return answer, nil
}

// validatePlugin finds plugin i of a list, or its IPAM plugin.
func (s *scope) validatePlugin(ctx context.Context, list *conf.List, i int,
	pluginType string) (*PluginInfo, error) {
	target, err := s.runner.Resolve(pluginType, list.Plugins[i].Raw)
	if err != nil {
		return nil, err
	}

	return s.pluginInfo(ctx, target)
}

// validateVersions refuses plugins that share no version. If they share one, but not that of the
// network, ADD negotiates.
func (s *scope) validateVersions(list *conf.List, plugins []PluginInfo, shared []string) error {
	if slices.Contains(shared, list.CNIVersion) {
		return nil
	}
	var known []string
	for _, p := range plugins {
		if !slices.Contains(p.SupportedVersions, list.CNIVersion) || len(shared) == 0 {
			known = append(known, fmt.Sprintf("plugin %s knows %s", p.Type,
				fault.Excerpt(strings.Join(p.SupportedVersions, ", "))))
		}
	}

	msg := fmt.Sprintf("network %s has version %s; %s", list.Name, list.CNIVersion,
		strings.Join(known, "; "))
	if len(shared) == 0 {
		return fault.New(fault.KindUnsupported, nil, "%s; all plugins must share a version", msg)
	}
	s.events.Warn("", fmt.Sprintf("%s; all plugins are run with %s", msg, spec.Highest(shared)))
	return nil
}

// capabilities is the union of what the plugins of a list switch on.
func capabilities(list *conf.List) []string {
	names, known := []string{}, map[string]bool{}
	for _, p := range list.Plugins {
		for name, on := range p.Capabilities {
			if on && !known[name] {
				known[name] = true
				names = append(names, name)
			}
		}
	}
	sort.Strings(names)
	return names
}

func (s *scope) pluginInfo(ctx context.Context, target invoke.Target) (*PluginInfo, error) {
	versions, err := s.runner.Versions(ctx, target)
	if err != nil {
		return nil, err
	}
	return &PluginInfo{Type: target.Type, Builtin: target.Builtin, Path: target.Path,
		SupportedVersions: versions}, nil
}
