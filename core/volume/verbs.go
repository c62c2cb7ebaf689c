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

// The requests. They always have all keys, since some plugins need them even if they are empty.
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
	return p.tell(ctx, "Create", name, createRequest{name, opts})
}

// Remove removes a volume.
func (p *Plugin) Remove(ctx context.Context, name string) error {
	return p.tell(ctx, "Remove", name, nameRequest{name})
}

// Unmount undoes the mount with the same id.
func (p *Plugin) Unmount(ctx context.Context, name, id string) error {
	return p.tell(ctx, "Unmount", name, mountRequest{name, id})
}

// tell makes a call and ignores the content of its response.
func (p *Plugin) tell(ctx context.Context, method, name string, request any) error {
	c, err := p.newCall(method, name, request)
	if err != nil {
		return err
	}
	_, err = c.do(ctx)
	return err
}

// Mount mounts a volume and returns the mountpoint. The id identifies the mount.
//
// If uncertain is true, the volume may be mounted although there is an error: Unmount with the same
// id undoes that. A plugin that refused has mounted nothing.
func (p *Plugin) Mount(ctx context.Context, name,
	id string) (mountpoint string, uncertain bool, err error) {
	c, err := p.newCall("Mount", name, mountRequest{name, id})
	if err != nil {
		return "", false, err
	}
	mountpoint, err = c.mountpoint(ctx)
	if err == nil && mountpoint == "" {
		err = c.fail(fault.KindVolumeNoMountpoint, nil, "the plugin says it is mounted, and not where")
	}
	return mountpoint, err != nil && c.sent && !isRefusal(err), err
}

func isRefusal(err error) bool {
	var e *fault.Error
	return errors.As(err, &e) && e.Kind == fault.KindVolumePluginFailed
}

// Path returns where a volume is mounted, or "" if it is not.
func (p *Plugin) Path(ctx context.Context, name string) (string, error) {
	c, err := p.newCall("Path", name, nameRequest{name})
	if err != nil {
		return "", err
	}
	return c.mountpoint(ctx)
}

func (c *call) mountpoint(ctx context.Context) (string, error) {
	var answer struct{ Mountpoint string }
	if err := c.ask(ctx, &answer); err != nil {
		return "", err
	}
	if m := answer.Mountpoint; m != "" && (!filepath.IsAbs(m) || strings.ContainsRune(m, 0)) {
		return "", c.fail(fault.KindVolumeNoMountpoint, nil, "the mountpoint %s is not an absolute path",
			quoted(clip(m, maxExcerpt)))
	}
	return answer.Mountpoint, nil
}

// ask makes a call and decodes its response.
func (c *call) ask(ctx context.Context, into any) error {
	answer, err := c.do(ctx)
	if err != nil {
		return err
	}
	return c.decode(answer, into)
}

func (c *call) decode(answer json.RawMessage, into any) error {
	if err := json.Unmarshal(answer, into); err != nil {
		return c.fail(fault.KindPluginProtocol, nil, "the answer is not as the protocol has it: %s",
			excerpt(answer))
	}
	return nil
}

// Get returns what the plugin knows about a volume.
func (p *Plugin) Get(ctx context.Context, name string) (*Volume, error) {
	c, err := p.newCall("Get", name, nameRequest{name})
	if err != nil {
		return nil, err
	}
	var answer struct{ Volume *described }
	if err := c.ask(ctx, &answer); err != nil {
		return nil, err
	}
	if answer.Volume == nil {
		return nil, c.fail(fault.KindVolumeNotFound, nil, "no such volume")
	}
	volume, err := c.volumeOf(*answer.Volume)
	if err == nil && volume.Name == "" {
		volume.Name = name
	}
	return volume, err
}

// described is a volume in the protocol's form.
type described struct {
	Name, Mountpoint, CreatedAt string
	Status                      json.RawMessage
}

// volumeOf checks a plugin's description of a volume. It encodes the status again, since other
// readers may reject the original, for example because of a duplicate key.
func (c *call) volumeOf(d described) (*Volume, error) {
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
			quoted(d.Name), excerpt(d.Status))
	}
	return v, nil
}

// List returns the plugin's volumes.
func (p *Plugin) List(ctx context.Context) ([]Volume, error) {
	c, err := p.newCall("List", "", emptyRequest{})
	if err != nil {
		return nil, err
	}
	answer, err := c.do(ctx)
	if err != nil {
		return nil, err
	}
	return c.volumes(answer)
}

// volumes decodes the response of List. Only an object without volumes is an empty list: a plugin
// that failed to list must not look like one without volumes.
func (c *call) volumes(answer json.RawMessage) ([]Volume, error) {
	if answer[0] != '{' {
		return nil, c.fail(fault.KindPluginProtocol, nil, "the answer is not a list: %s", excerpt(answer))
	}
	var list struct{ Volumes []*described }
	if err := c.decode(answer, &list); err != nil {
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
// refuses or returns something else, the scope is Local. A reported scope is remembered.
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
	answer, err := c.run(ctx)
	var e *fault.Error
	switch {
	case err == nil:
		return c.scopeOf(answer), nil
	case errors.As(err, &e) && e.VolumePlugin.Endpoint == c.endpoint &&
		(e.Kind == fault.KindVolumePluginFailed || e.Kind == fault.KindPluginProtocol):
		return Local, nil
	default:
		return "", err
	}
}

func (c *call) scopeOf(answer json.RawMessage) string {
	var said struct{ Capabilities struct{ Scope string } }
	if json.Unmarshal(answer, &said) != nil {
		return Local
	}
	switch scope := strings.ToLower(said.Capabilities.Scope); scope {
	case Local, Global:
		c.plugin.client.known.setScope(c.id, scope)
		return scope
	default:
		return Local
	}
}

func quoted(text string) string { return strconv.Quote(text) }

func digits(n int) string { return strconv.Itoa(n) }
