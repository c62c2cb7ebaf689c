package core

import (
	"context"
	"errors"
	"slices"
	"sort"
	"strings"

	"github.com/libcni/libcni/core/internal/conf"
	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/invoke"
	"github.com/libcni/libcni/core/plugin"
)

// Validate checks a configuration without touching the network: its form, that every plugin and
// IPAM plugin is there and knows the configuration's version, and that built-ins accept it. It
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

	info, err := s.pluginInfo(ctx, target)
	if err != nil {
		return nil, err
	}

	if !slices.Contains(info.SupportedVersions, list.CNIVersion) {
		return nil, fault.New(fault.KindUnsupported, nil,
			"plugin %s does not know version %s of network %s; it knows %s",
			pluginType, list.CNIVersion, list.Name, strings.Join(info.SupportedVersions, ", "))
	}
	return info, nil
}

// capabilities is the union of what the plugins of a list switch on.
func capabilities(list *conf.List) []string {
	names := []string{}
	for _, p := range list.Plugins {
		for name, on := range p.Capabilities {
			if on && !slices.Contains(names, name) {
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
