package core

import (
	"errors"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/volume"
)

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
			errs = append(errs, fault.InvalidRequest("options.volumePlugins", "options.volumePlugins: %v",
				err))
		}
	}

	return errors.Join(errs...)
}

func (o *RequestOptions) volumeSettings() volume.Settings {
	return volume.Settings{
		Dirs: o.VolumePluginDirs, Named: o.VolumePlugins, Reload: o.VolumeReload,
		Retry:    milliseconds(o.VolumeRetryMs, defaultVolumeRetry),
		Connect:  milliseconds(o.VolumeTimeouts.ConnectMs, defaultVolumeConnect),
		Activate: milliseconds(o.VolumeTimeouts.ActivateMs, defaultVolumeActivate),
		Header:   milliseconds(o.VolumeTimeouts.HeaderMs, defaultVolumeHeader),
	}
}
