package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/docker/go-plugins-helpers/volume"
)

// driver keeps volumes as directories. A volume is mounted as long as an id holds it.
type driver struct {
	root, scope string
	mu          sync.Mutex
	volumes     map[string]*held
}

type held struct {
	created time.Time
	opts    map[string]string
	ids     map[string]bool
}

func newDriver(root, scope string) *driver {
	return &driver{root: root, scope: scope, volumes: map[string]*held{}}
}

func (d *driver) path(name string) string { return filepath.Join(d.root, filepath.Base(name)) }

func (d *driver) find(name string) (*held, error) {
	if v := d.volumes[name]; v != nil {
		return v, nil
	}
	return nil, fmt.Errorf("no volume %s here", name)
}

func (d *driver) Create(r *volume.CreateRequest) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if r.Options["fail"] != "" {
		return errors.New(r.Options["fail"])
	}
	d.volumes[r.Name] = &held{created: time.Now(), opts: r.Options, ids: map[string]bool{}}
	return os.MkdirAll(d.path(r.Name), 0o755)
}

func (d *driver) Remove(r *volume.RemoveRequest) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	v, err := d.find(r.Name)
	switch {
	case err != nil:
		return err
	case len(v.ids) > 0:
		return fmt.Errorf("volume %s is mounted by %d", r.Name, len(v.ids))
	}
	delete(d.volumes, r.Name)
	return os.RemoveAll(d.path(r.Name))
}

func (d *driver) Mount(r *volume.MountRequest) (*volume.MountResponse, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	v, err := d.find(r.Name)
	switch {
	case err != nil:
		return nil, err
	case v.ids[r.ID]:
		return nil, fmt.Errorf("%s mounts %s already", r.ID, r.Name)
	case v.opts["invalidOption"] != "":
		return nil, errors.New("invalid argument")
	}
	v.ids[r.ID] = true
	return &volume.MountResponse{Mountpoint: d.path(r.Name)}, nil
}

func (d *driver) Unmount(r *volume.UnmountRequest) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	v, err := d.find(r.Name)
	if err != nil {
		return err
	}
	delete(v.ids, r.ID)
	return nil
}

func (d *driver) Path(r *volume.PathRequest) (*volume.PathResponse, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	v, err := d.find(r.Name)
	if err != nil {
		return nil, err
	}
	answer := &volume.PathResponse{}
	if len(v.ids) > 0 {
		answer.Mountpoint = d.path(r.Name)
	}
	return answer, nil
}

func (d *driver) describe(name string, v *held) *volume.Volume {
	described := &volume.Volume{Name: name, CreatedAt: v.created.Format(time.RFC3339)}
	described.Status = map[string]any{"mounts": len(v.ids), "opts": v.opts}
	if len(v.ids) > 0 {
		described.Mountpoint = d.path(name)
	}
	return described
}

func (d *driver) Get(r *volume.GetRequest) (*volume.GetResponse, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	v, err := d.find(r.Name)
	if err != nil {
		return nil, err
	}
	return &volume.GetResponse{Volume: d.describe(r.Name, v)}, nil
}

func (d *driver) List() (*volume.ListResponse, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	answer := &volume.ListResponse{}
	for name, v := range d.volumes {
		answer.Volumes = append(answer.Volumes, d.describe(name, v))
	}
	return answer, nil
}

func (d *driver) Capabilities() *volume.CapabilitiesResponse {
	return &volume.CapabilitiesResponse{Capabilities: volume.Capability{Scope: d.scope}}
}
