package volume

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/libcni/libcni/core/internal/fault"
)

// The requests. They always have all keys, since some plugins require even the empty ones.
type (
	createRequest struct {
		Name string
		Opts map[string]string
	}
	nameRequest  struct{ Name string }
	mountRequest struct{ Name, ID string }
	emptyRequest struct{}
)

// Create creates a volume. A plugin may delay that until the volume is mounted.
func (p *Plugin) Create(ctx context.Context, name string, opts map[string]string) error {
	if opts == nil {
		opts = map[string]string{}
	}
	return p.perform(ctx, "Create", name, createRequest{name, opts})
}

// Remove removes a volume.
func (p *Plugin) Remove(ctx context.Context, name string) error {
	return p.perform(ctx, "Remove", name, nameRequest{name})
}

// Unmount undoes the mount with the same id.
func (p *Plugin) Unmount(ctx context.Context, name, id string) error {
	return p.perform(ctx, "Unmount", name, mountRequest{name, id})
}

// perform makes a call and ignores the content of its response.
func (p *Plugin) perform(ctx context.Context, method, name string, request any) error {
	c, err := p.newCall(method, name, request)
	if err != nil {
		return err
	}
	_, err = c.do(ctx)
	return err
}

// Mount mounts a volume and returns the mountpoint. The id identifies the mount.
//
// If uncertain is true, the volume may be mounted although the call failed; Unmount with the same
// id undoes that. A plugin that returned an error has mounted nothing.
func (p *Plugin) Mount(ctx context.Context, name,
	id string) (mountpoint string, uncertain bool, err error) {
	c, err := p.newCall("Mount", name, mountRequest{name, id})
	if err != nil {
		return "", false, err
	}
	mountpoint, err = c.mountpoint(ctx)
	if err == nil && mountpoint == "" {
		err = c.fail(fault.KindVolumeNoMountpoint, nil,
			"the plugin reported success without a mountpoint")
	}
	return mountpoint, err != nil && c.sent && !isRefusal(err), err
}

func isRefusal(err error) bool {
	var e *fault.Error
	return errors.As(err, &e) && e.Kind == fault.KindVolumePluginFailed
}

// Path returns the mountpoint of a volume, or "" if it is not mounted.
func (p *Plugin) Path(ctx context.Context, name string) (string, error) {
	c, err := p.newCall("Path", name, nameRequest{name})
	if err != nil {
		return "", err
	}
	return c.mountpoint(ctx)
}

func (c *call) mountpoint(ctx context.Context) (string, error) {
	var response struct{ Mountpoint string }
	if err := c.fetch(ctx, &response); err != nil {
		return "", err
	}
	if m := response.Mountpoint; m != "" && (!filepath.IsAbs(m) || strings.ContainsRune(m, 0)) {
		return "", c.fail(fault.KindVolumeNoMountpoint, nil, "the mountpoint %s is not an absolute path",
			strconv.Quote(clip(m, maxExcerpt)))
	}
	return response.Mountpoint, nil
}

// fetch makes a call and decodes its response.
func (c *call) fetch(ctx context.Context, into any) error {
	response, err := c.do(ctx)
	if err != nil {
		return err
	}
	return c.decode(response, into)
}

func (c *call) decode(response json.RawMessage, into any) error {
	if err := json.Unmarshal(response, into); err != nil {
		return c.fail(fault.KindPluginProtocol, nil,
			"the response does not conform to the protocol: %s", excerpt(response))
	}
	return nil
}

// Get returns the plugin's description of a volume.
func (p *Plugin) Get(ctx context.Context, name string) (*Volume, error) {
	c, err := p.newCall("Get", name, nameRequest{name})
	if err != nil {
		return nil, err
	}
	var response struct{ Volume *wireVolume }
	if err := c.fetch(ctx, &response); err != nil {
		return nil, err
	}
	if response.Volume == nil {
		return nil, c.fail(fault.KindVolumeNotFound, nil, "no such volume")
	}
	volume, err := c.volumeOf(*response.Volume)
	if err == nil && volume.Name == "" {
		volume.Name = name
	}
	return volume, err
}

// wireVolume is a volume in the protocol's form.
type wireVolume struct {
	Name, Mountpoint, CreatedAt string
	Status                      json.RawMessage
}

// volumeOf checks a plugin's description of a volume. It encodes the status again, since other
// readers may reject the original, for example because of a duplicate key.
func (c *call) volumeOf(d wireVolume) (*Volume, error) {
	v := &Volume{Name: d.Name, Mountpoint: d.Mountpoint, CreatedAt: d.CreatedAt}
	if len(d.Status) == 0 || bytes.Equal(d.Status, []byte("null")) {
		return v, nil
	}
	var status map[string]any
	decoder := json.NewDecoder(bytes.NewReader(d.Status))
	decoder.UseNumber()
	err := decoder.Decode(&status)
	if err == nil {
		v.Status, err = json.Marshal(status)
	}
	if err != nil {
		return nil, c.fail(fault.KindPluginProtocol, nil, "the status of %s is not an object: %s",
			strconv.Quote(d.Name), excerpt(d.Status))
	}
	return v, nil
}

// List returns the plugin's volumes.
func (p *Plugin) List(ctx context.Context) ([]Volume, error) {
	c, err := p.newCall("List", "", emptyRequest{})
	if err != nil {
		return nil, err
	}
	response, err := c.do(ctx)
	if err != nil {
		return nil, err
	}
	return c.volumes(response)
}

// volumes decodes the response of List. Only an object without volumes is an empty list: a plugin
// that failed to list must not look like one without volumes.
func (c *call) volumes(response json.RawMessage) ([]Volume, error) {
	if response[0] != '{' {
		return nil, c.fail(fault.KindPluginProtocol, nil, "the response is not a list of volumes: %s",
			excerpt(response))
	}
	var list struct{ Volumes []*wireVolume }
	if err := c.decode(response, &list); err != nil {
		return nil, err
	}
	volumes := make([]Volume, 0, len(list.Volumes))
	for _, d := range list.Volumes {
		if d == nil || d.Name == "" {
			return nil, c.fail(fault.KindPluginProtocol, nil, "a volume in the list has no name")
		}
		v, err := c.volumeOf(*d)
		if err != nil {
			return nil, err
		}
		volumes = append(volumes, *v)
	}
	return volumes, nil
}

// Capabilities returns the scope of the plugin's volumes. The endpoint is optional: if the plugin
// refuses or returns something else, the scope is Local. A reported scope is cached.
func (p *Plugin) Capabilities(ctx context.Context) (scope string, err error) {
	c, err := p.newCall("Capabilities", "", emptyRequest{})
	if err != nil {
		return "", err
	}
	if err := c.connect(ctx); err != nil {
		return "", err
	}
	if known := p.client.known.scope(c.id); known != "" && !p.Reload {
		c.close()
		return known, nil
	}
	response, err := c.run(ctx)
	var e *fault.Error
	switch {
	case err == nil:
		return c.scopeOf(response), nil
	case errors.As(err, &e) && e.VolumePlugin.Endpoint == c.endpoint &&
		(e.Kind == fault.KindVolumePluginFailed || e.Kind == fault.KindPluginProtocol):
		return Local, nil
	default:
		return "", err
	}
}

func (c *call) scopeOf(response json.RawMessage) string {
	var decoded struct{ Capabilities struct{ Scope string } }
	if json.Unmarshal(response, &decoded) != nil {
		return Local
	}
	switch scope := strings.ToLower(decoded.Capabilities.Scope); scope {
	case Local, Global:
		c.plugin.client.known.setScope(c.id, scope)
		return scope
	default:
		return Local
	}
}
