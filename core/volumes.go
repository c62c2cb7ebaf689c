package core

import (
	"context"
	"errors"
	"time"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/jsonobject"
	"github.com/libcni/libcni/core/volume"
)

// defaultVolumeTimeout is longer than that of networks: plugins make file systems and wait for storage.
const defaultVolumeTimeout = 120 * time.Second

const (
	defaultVolumeConnectTimeout  = 10 * time.Second
	defaultVolumeActivateTimeout = 10 * time.Second
)

// VolumeTimeouts bounds the steps of a call to a volume plugin, beside options.timeoutMs.
type VolumeTimeouts struct {
	ConnectMs  *int64 `json:"connectMs"`
	ActivateMs *int64 `json:"activateMs"`
	HeaderMs   *int64 `json:"headerMs"`
}

func (t *VolumeTimeouts) fields() jsonobject.Fields {
	return jsonobject.Fields{{"connectMs", &t.ConnectMs}, {"activateMs", &t.ActivateMs}, {"headerMs", &t.HeaderMs}}
}

// volumeDirs are Docker's.
func volumeDirs() []string {
	return []string{"/run/docker/plugins", "/etc/docker/plugins", "/usr/lib/docker/plugins"}
}

// validateVolumes refuses what the options of volumes must not be.
func (o *RequestOptions) validateVolumes() error {
	errs := []error{
		validMilliseconds("options.volumeRetryMs", o.VolumeRetryMs),
		validMilliseconds("options.volumeTimeouts.connectMs", o.VolumeTimeouts.ConnectMs),
		validMilliseconds("options.volumeTimeouts.activateMs", o.VolumeTimeouts.ActivateMs),
		validMilliseconds("options.volumeTimeouts.headerMs", o.VolumeTimeouts.HeaderMs),
	}
	for _, dir := range o.VolumePluginDirs {
		errs = append(errs, validPath("options.volumePluginDirs", dir))
	}
	for name := range o.VolumePlugins {
		if err := volume.ValidateName(name); err != nil {
			errs = append(errs, fault.InvalidRequest("options.volumePlugins", "options.volumePlugins: %v", err))
		}
	}
	return errors.Join(errs...)
}

func (o *RequestOptions) volumeSettings() volume.Settings {
	settings := volume.Settings{
		Dirs: o.VolumePluginDirs, Named: o.VolumePlugins, Reload: o.VolumeReload,
		Retry:    milliseconds(o.VolumeRetryMs, 0),
		Connect:  milliseconds(o.VolumeTimeouts.ConnectMs, defaultVolumeConnectTimeout),
		Activate: milliseconds(o.VolumeTimeouts.ActivateMs, defaultVolumeActivateTimeout),
		Header:   milliseconds(o.VolumeTimeouts.HeaderMs, 0),
	}
	if settings.Dirs == nil {
		settings.Dirs = volumeDirs()
	}
	return settings
}

// withinVolumes is within for the verbs of volumes.
func withinVolumes[Answer any](ctx context.Context, e *Engine, caller Caller, request *Common,
	body func(*scope, context.Context, volume.Settings) (Answer, error)) (Answer, error) {
	if request.Options.TimeoutMs == nil {
		timeout := defaultVolumeTimeout.Milliseconds()
		request.Options.TimeoutMs = &timeout
	}
	return within(ctx, e, caller, "", request, func(s *scope, ctx context.Context) (answer Answer, err error) {
		if err := request.Options.validateVolumes(); err != nil {
			return answer, fault.From(err, fault.KindInvalidRequest)
		}
		return body(s, ctx, request.Options.volumeSettings())
	})
}

// volumePlugin is the plugin a request names.
func (e *Engine) volumePlugin(name string, settings volume.Settings) (*volume.Plugin, error) {
	if name == "" {
		return nil, fault.InvalidRequest("plugin", "which plugin? give its name, or its address such as unix:///run/docker/plugins/x.sock")
	}
	return e.volumes.Plugin(name, settings), nil
}
