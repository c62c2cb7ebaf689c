package core

import (
	"context"
	"errors"
	"io/fs"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/plugin"
)

// Plugins lists the types that can be used, built in or found in options.pluginDirs.
func (e *Engine) Plugins(ctx context.Context, caller Caller,
	r *PluginsRequest) (*PluginsAnswer, error) {
	return serve(ctx, e.incoming(caller, plugin.Version, &r.Common), (*scope).plugins)
}

func (s *scope) plugins(ctx context.Context) (*PluginsAnswer, error) {
	answer := &PluginsAnswer{Plugins: []PluginInfo{}, Errors: []FileError{}}
	for _, err := range s.runner.Unlistable() {
		var e *fs.PathError
		if errors.As(err, &e) {
			answer.Errors = append(answer.Errors, FileError{File: e.Path, Msg: err.Error()})
		}
	}
	for _, target := range s.runner.List() {
		info, err := s.pluginInfo(ctx, target)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			answer.Errors = append(answer.Errors, FileError{File: target.Path, Msg: err.Error()})
			continue
		}

		answer.Plugins = append(answer.Plugins, *info)
	}
	return answer, nil
}

// PluginInfo describes the plugin that a type leads to.
func (e *Engine) PluginInfo(ctx context.Context, caller Caller,
	r *PluginInfoRequest) (*PluginInfo, error) {
	return serve(ctx, e.incoming(caller, plugin.Version, &r.Common),
		func(s *scope, ctx context.Context) (*PluginInfo, error) {
			if r.Type == "" {
				return nil, fault.InvalidRequest("type", "type is required: give the type of a plugin")
			}

			target, err := s.runner.Resolve(r.Type, nil)
			if err != nil {
				return nil, err
			}
			return s.pluginInfo(ctx, target)
		})
}
