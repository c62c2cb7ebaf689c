package core

import (
	"context"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/jsonobject"
	"github.com/libcni/libcni/core/plugin"
)

// PluginInfo describes a plugin that can be used.
type PluginInfo struct {
	Type              string   `json:"type"`
	Builtin           bool     `json:"builtin"`
	Path              string   `json:"path,omitempty"`
	SupportedVersions []string `json:"supportedVersions"`
}

// PluginsRequest is the request of cni_plugins.
type PluginsRequest struct {
	Common
}

// PluginsAnswer lists the plugins that can be used, and the executables that did not answer VERSION.
type PluginsAnswer struct {
	Plugins []PluginInfo `json:"plugins"`
	Errors  []FileError  `json:"errors"`
}

// FileError is what is wrong with a file; other files are not affected.
type FileError struct {
	File string `json:"file"`
	Msg  string `json:"msg"`
}

// Plugins lists the types that can be used, built in or found in options.pluginDirs.
func (e *Engine) Plugins(ctx context.Context, caller Caller, r *PluginsRequest) (*PluginsAnswer, error) {
	return serve(ctx, e.incoming(caller, plugin.Version, &r.Common), (*scope).plugins)
}

func (s *scope) plugins(ctx context.Context) (*PluginsAnswer, error) {
	answer := &PluginsAnswer{Plugins: []PluginInfo{}, Errors: []FileError{}}
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

// PluginInfoRequest is the request of cni_plugin_info.
type PluginInfoRequest struct {
	Common
	Type string `json:"type"`
}

func (r *PluginInfoRequest) fields() jsonobject.Fields {
	return r.with(jsonobject.Fields{{"type", &r.Type}}...)
}

// PluginInfo describes the plugin that a type leads to.
func (e *Engine) PluginInfo(ctx context.Context, caller Caller, r *PluginInfoRequest) (*PluginInfo, error) {
	return serve(ctx, e.incoming(caller, plugin.Version, &r.Common), func(s *scope, ctx context.Context) (*PluginInfo, error) {
		if r.Type == "" {
			return nil, fault.InvalidRequest("type", "type is missing: give a plugin's type, such as bridge")
		}
		target, err := s.runner.Resolve(r.Type, nil)
		if err != nil {
			return nil, err
		}
		return s.pluginInfo(ctx, target)
	})
}
