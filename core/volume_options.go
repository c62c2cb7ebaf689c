package core

import (
	"errors"
	"time"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/jsonobject"
	"github.com/libcni/libcni/core/volume"
)

// defaultVolumeTimeout is longer than defaultTimeout: plugins make file systems and wait for storage.
const defaultVolumeTimeout = 120 * time.Second

const (
	defaultVolumeConnectTimeout  = 10 * time.Second
	defaultVolumeActivateTimeout = 10 * time.Second
)

// VolumeTimeouts bounds the steps of a call to a volume plugin, in addition to options.timeoutMs.
type VolumeTimeouts struct {
	ConnectMs  *int64 `json:"connectMs"`
	ActivateMs *int64 `json:"activateMs"`
	HeaderMs   *int64 `json:"headerMs"`
}

func (t *VolumeTimeouts) fields() jsonobject.Fields {
	return jsonobject.Fields{{"connectMs", &t.ConnectMs}, {"activateMs", &t.ActivateMs}, {"headerMs", &t.HeaderMs}}
}

// volumeDirs returns Docker's directories, which are the default.
func volumeDirs() []string {
	return []string{"/run/docker/plugins", "/etc/docker/plugins", "/usr/lib/docker/plugins"}
}

// validateVolumes refuses invalid options of volumes.
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
