package core

import (
	"context"
	"errors"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/volume"
)

func newVolume(plugin string, v volume.Volume) Volume {
	return Volume{plugin, v.Name, v.Mountpoint, v.CreatedAt, jsontext.Value(v.Status)}
}

// VolumeGet asks a plugin about one volume.
func (e *Engine) VolumeGet(ctx context.Context, caller Caller,
	r *VolumeRequest) (*VolumeAnswer, error) {
	return serveVolume(ctx, e.incoming(caller, "", &r.Common), volumeID{r.Plugin, r.Name},
		func(_ *scope, ctx context.Context, p *volume.Plugin) (*VolumeAnswer, error) {
			v, err := p.Get(ctx, r.Name)
			if err != nil {
				return nil, err
			}
			return &VolumeAnswer{newVolume(r.Plugin, *v)}, nil
		})
}

// VolumePath returns where a volume is mounted; "" if it is not.
func (e *Engine) VolumePath(ctx context.Context, caller Caller,
	r *VolumeRequest) (*MountpointAnswer, error) {
	return serveVolume(ctx, e.incoming(caller, "", &r.Common), volumeID{r.Plugin, r.Name},
		func(_ *scope, ctx context.Context, p *volume.Plugin) (*MountpointAnswer, error) {
			mountpoint, err := p.Path(ctx, r.Name)
			return &MountpointAnswer{mountpoint}, err
		})
}

// VolumeList lists the volumes of a plugin, or without one of all plugins that can be found.
func (e *Engine) VolumeList(ctx context.Context, caller Caller,
	r *VolumeListRequest) (*VolumeListAnswer, error) {
	return serveVolumes(ctx, e.incoming(caller, "", &r.Common),
		func(_ *scope, ctx context.Context, settings volume.Settings) (*VolumeListAnswer, error) {
			answer := &VolumeListAnswer{Volumes: []Volume{}, Errors: []VolumePluginError{}}
			if r.Plugin == "" {
				return answer, e.listAllVolumes(ctx, settings, answer)
			}
			volumes, err := e.volumes.Plugin(r.Plugin, settings).List(ctx)
			answer.add(r.Plugin, volumes)
			return answer, err
		})
}

func (e *Engine) listAllVolumes(ctx context.Context, settings volume.Settings,
	answer *VolumeListAnswer) error {
	listings, bad := e.volumes.ListAll(ctx, settings)
	if errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err()
	}

	answer.Errors = badFiles(bad)
	for _, l := range listings {
		answer.add(l.Name, l.Volumes)
		if l.Err != nil {
			answer.Errors = append(answer.Errors, notAsked(l))
		}
	}
	return nil
}

func (a *VolumeListAnswer) add(plugin string, volumes []volume.Volume) {
	for _, v := range volumes {
		a.Volumes = append(a.Volumes, newVolume(plugin, v))
	}
}

func badFiles(bad []error) []VolumePluginError {
	all := []VolumePluginError{}
	for _, err := range bad {
		e := VolumePluginError{Kind: fault.KindNotAPlugin, Msg: err.Error()}
		e.Plugin, e.File = volume.BadFile(err)
		all = append(all, e)
	}
	return all
}

func notAsked(l volume.Listing) VolumePluginError {
	err := fault.From(l.Err, fault.KindState)
	return VolumePluginError{Plugin: l.Name, Address: l.Address.String(), File: l.File, Kind: err.Kind,
		Msg: err.Msg}
}

// VolumeCapabilities asks a plugin for the scope of its volumes.
func (e *Engine) VolumeCapabilities(ctx context.Context, caller Caller,
	r *VolumeCapabilitiesRequest) (*VolumeCapabilitiesAnswer, error) {
	return serveVolumes(ctx, e.incoming(caller, "", &r.Common),
		func(_ *scope, ctx context.Context, settings volume.Settings) (*VolumeCapabilitiesAnswer, error) {
			p, err := e.volumePlugin(r.Plugin, settings)
			if err != nil {
				return nil, err
			}
			scope, err := p.Capabilities(ctx)
			return &VolumeCapabilitiesAnswer{scope}, err
		})
}

// VolumePlugins lists the volume plugins that can be found by name.
func (e *Engine) VolumePlugins(ctx context.Context, caller Caller,
	r *VolumePluginsRequest) (*VolumePluginsAnswer, error) {
	return serveVolumes(ctx, e.incoming(caller, "", &r.Common),
		func(_ *scope, ctx context.Context, settings volume.Settings) (*VolumePluginsAnswer, error) {
			answer := &VolumePluginsAnswer{Plugins: []VolumePlugin{}}
			if !settings.Reload {
				found, bad := volume.Discover(settings)
				for _, f := range found {
					answer.Plugins = append(answer.Plugins, VolumePlugin{f.Name, f.Address.String(), f.File})
				}

				answer.Errors = badFiles(bad)
				return answer, nil
			}

			listings, bad := e.volumes.ActivateAll(ctx, settings)
			if errors.Is(ctx.Err(), context.Canceled) {
				return nil, ctx.Err()
			}

			answer.Errors = badFiles(bad)
			for _, l := range listings {
				if l.Err != nil {
					answer.Errors = append(answer.Errors, notAsked(l))
					continue
				}

				answer.Plugins = append(answer.Plugins, VolumePlugin{l.Name, l.Address.String(), l.File})
			}

			return answer, nil
		})
}
