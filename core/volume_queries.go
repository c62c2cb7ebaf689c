package core

import (
	"context"
	"errors"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/jsonobject"
	"github.com/libcni/libcni/core/volume"
)

// Volume is a volume as its plugin describes it.
type Volume struct {
	Plugin     string         `json:"plugin"` // as the request names it, or as it was found
	Name       string         `json:"name"`
	Mountpoint string         `json:"mountpoint,omitempty"`
	CreatedAt  string         `json:"createdAt,omitempty"`
	Status     jsontext.Value `json:"status,omitempty"`
}

func newVolume(plugin string, v volume.Volume) Volume {
	return Volume{plugin, v.Name, v.Mountpoint, v.CreatedAt, jsontext.Value(v.Status)}
}

// VolumeGetAnswer is what a plugin knows about a volume.
type VolumeGetAnswer struct {
	Volume Volume `json:"volume"`
}

// VolumeGet asks a plugin about one volume.
func (e *Engine) VolumeGet(ctx context.Context, caller Caller, r *VolumeRequest) (*VolumeGetAnswer, error) {
	return serveVolume(ctx, e.incoming(caller, "", &r.Common), volumeID{r.Plugin, r.Name}, func(_ *scope, ctx context.Context, p *volume.Plugin) (*VolumeGetAnswer, error) {
		v, err := p.Get(ctx, r.Name)
		if err != nil {
			return nil, err
		}
		return &VolumeGetAnswer{newVolume(r.Plugin, *v)}, nil
	})
}

// VolumePath returns where a volume is mounted; "" if it is not.
func (e *Engine) VolumePath(ctx context.Context, caller Caller, r *VolumeRequest) (*MountpointAnswer, error) {
	return serveVolume(ctx, e.incoming(caller, "", &r.Common), volumeID{r.Plugin, r.Name}, func(_ *scope, ctx context.Context, p *volume.Plugin) (*MountpointAnswer, error) {
		mountpoint, err := p.Path(ctx, r.Name)
		return &MountpointAnswer{mountpoint}, err
	})
}

// VolumePluginRequest is the request of cni_volume_list and _capabilities.
type VolumePluginRequest struct {
	Common
	Plugin string `json:"plugin"`
}

func (r *VolumePluginRequest) fields() jsonobject.Fields {
	return r.with(jsonobject.Fields{{"plugin", &r.Plugin}}...)
}

// VolumeListAnswer lists volumes. A plugin that could not be asked is under errors: nothing is known of its volumes.
type VolumeListAnswer struct {
	Volumes []Volume            `json:"volumes"`
	Errors  []VolumePluginError `json:"errors"`
}

// VolumePluginError says why a plugin, or a file that should name one, is not in a list.
type VolumePluginError struct {
	Plugin  string     `json:"plugin,omitempty"`
	Address string     `json:"address,omitempty"`
	File    string     `json:"file,omitempty"`
	Kind    fault.Kind `json:"kind"`
	Msg     string     `json:"msg"`
}

// VolumeList lists the volumes of a plugin, or without one of all plugins that can be found.
func (e *Engine) VolumeList(ctx context.Context, caller Caller, r *VolumePluginRequest) (*VolumeListAnswer, error) {
	return serveVolumes(ctx, e.incoming(caller, "", &r.Common), func(_ *scope, ctx context.Context, settings volume.Settings) (*VolumeListAnswer, error) {
		answer := &VolumeListAnswer{Volumes: []Volume{}, Errors: []VolumePluginError{}}
		if r.Plugin == "" {
			return answer, e.listAllVolumes(ctx, settings, answer)
		}
		volumes, err := e.volumes.Plugin(r.Plugin, settings).List(ctx)
		answer.add(r.Plugin, volumes)
		return answer, err
	})
}

func (e *Engine) listAllVolumes(ctx context.Context, settings volume.Settings, answer *VolumeListAnswer) error {
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
	return VolumePluginError{Plugin: l.Name, Address: l.Address.String(), File: l.File, Kind: err.Kind, Msg: err.Msg}
}

// VolumeCapabilitiesAnswer tells the scope of a plugin's volumes, "local" or "global".
type VolumeCapabilitiesAnswer struct {
	Scope string `json:"scope"`
}

// VolumeCapabilities asks a plugin for the scope of its volumes.
func (e *Engine) VolumeCapabilities(ctx context.Context, caller Caller, r *VolumePluginRequest) (*VolumeCapabilitiesAnswer, error) {
	return serveVolumes(ctx, e.incoming(caller, "", &r.Common), func(_ *scope, ctx context.Context, settings volume.Settings) (*VolumeCapabilitiesAnswer, error) {
		p, err := e.volumePlugin(r.Plugin, settings)
		if err != nil {
			return nil, err
		}
		scope, err := p.Capabilities(ctx)
		return &VolumeCapabilitiesAnswer{scope}, err
	})
}

// VolumePluginsRequest is the request of cni_volume_plugins.
type VolumePluginsRequest struct {
	Common
}

// VolumePluginsAnswer lists the plugins that can be found. With options.volumeReload each has shaken hands anew, and
// those that did not are under errors.
type VolumePluginsAnswer struct {
	Plugins []VolumePlugin      `json:"plugins"`
	Errors  []VolumePluginError `json:"errors"`
}

// VolumePlugin is a volume plugin that was found.
type VolumePlugin struct {
	Name    string `json:"name"`
	Address string `json:"address"`
	File    string `json:"file,omitempty"` // that names it
}

// VolumePlugins lists the volume plugins that can be found by name.
func (e *Engine) VolumePlugins(ctx context.Context, caller Caller, r *VolumePluginsRequest) (*VolumePluginsAnswer, error) {
	return serveVolumes(ctx, e.incoming(caller, "", &r.Common), func(_ *scope, ctx context.Context, settings volume.Settings) (*VolumePluginsAnswer, error) {
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
