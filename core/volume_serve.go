package core

import (
	"context"
	"strings"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/volume"
)

// serveVolumes is serve for the verbs of volumes.
func serveVolumes[Answer any](ctx context.Context, in incoming,
	body func(*scope, context.Context, volume.Settings) (Answer, error)) (Answer, error) {
	in.defaultTimeout = defaultVolumeTimeout
	return serve(ctx, in, func(s *scope, ctx context.Context) (answer Answer, err error) {
		options := &s.request.Options
		if err := options.validateVolumes(); err != nil {
			return answer, fault.From(err, fault.KindInvalidRequest)
		}
		return body(s, ctx, options.volumeSettings())
	})
}

// volumeID identifies a volume of a plugin.
type volumeID struct {
	plugin string // its name or address
	name   string
}

// serveVolume is serve for the verbs that are about one volume of one plugin.
func serveVolume[Answer any](ctx context.Context, in incoming, id volumeID,
	body func(*scope, context.Context, *volume.Plugin) (Answer, error)) (Answer, error) {
	return serveVolumes(ctx, in,
		func(s *scope, ctx context.Context, settings volume.Settings) (answer Answer, err error) {
			p, err := in.engine.volumePlugin(id.plugin, settings)
			if err != nil {
				return answer, err
			}

			if err := validVolumeKey("name", id.name); err != nil {
				return answer, err
			}
			return body(s, ctx, p)
		})
}

// volumePlugin returns the plugin of a name or address.
func (e *Engine) volumePlugin(name string, settings volume.Settings) (*volume.Plugin, error) {
	if name == "" {
		return nil, fault.InvalidRequest("plugin",
			"plugin is required: give its name, or its address such as unix:///run/docker/plugins/x.sock")
	}
	return e.volumes.Plugin(name, settings), nil
}

// validVolumeKey refuses what no plugin can accept. Which other names are allowed is up to the
// plugin.
func validVolumeKey(key, value string) error {
	if value == "" {
		return fault.InvalidRequest(key, "%s is missing", key)
	}
	if strings.ContainsRune(value, 0) {
		return fault.InvalidRequest(key, "%s contains a NUL character", key)
	}
	return nil
}
