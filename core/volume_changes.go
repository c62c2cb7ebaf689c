package core

import (
	"context"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/kit/undo"
	"github.com/libcni/libcni/core/volume"
)

// VolumeCreate makes a volume.
func (e *Engine) VolumeCreate(ctx context.Context, caller Caller,
	r *VolumeCreateRequest) (none, error) {
	return serveVolume(ctx, e.incoming(caller, "", &r.Common), volumeID{r.Plugin, r.Name},
		func(_ *scope, ctx context.Context, p *volume.Plugin) (none, error) {
			return none{}, p.Create(ctx, r.Name, r.Opts)
		})
}

// VolumeRemove removes a volume.
func (e *Engine) VolumeRemove(ctx context.Context, caller Caller, r *VolumeRequest) (none, error) {
	return serveVolume(ctx, e.incoming(caller, "", &r.Common), volumeID{r.Plugin, r.Name},
		func(_ *scope, ctx context.Context, p *volume.Plugin) (none, error) {
			return none{}, p.Remove(ctx, r.Name)
		})
}

// VolumeMount mounts a volume. If it is not known whether a failed mount was carried out, it is
// undone.
func (e *Engine) VolumeMount(ctx context.Context, caller Caller,
	r *VolumeMountRequest) (*MountpointAnswer, error) {
	return serveVolume(ctx, e.incoming(caller, "", &r.Common), volumeID{r.Plugin, r.Name},
		func(s *scope, ctx context.Context, p *volume.Plugin) (*MountpointAnswer, error) {
			if err := validVolumeKey("id", r.ID); err != nil {
				return nil, err
			}

			mountpoint, uncertain, err := p.Mount(ctx, r.Name, r.ID)
			if err != nil {
				return nil, s.undoMount(ctx, p, r, fault.From(err, fault.KindState), uncertain)
			}
			return &MountpointAnswer{mountpoint}, nil
		})
}

// undoMount unmounts what a failed mount may have mounted, unless options.rollback is false, and
// records in the error whether nothing is left. Plugins expect to be asked to unmount what is not
// mounted.
func (s *scope) undoMount(ctx context.Context, p *volume.Plugin, r *VolumeMountRequest, err *Error,
	uncertain bool) error {
	clean := !uncertain
	if options := &s.request.Options; uncertain && options.rollsBack() {
		ctx, cancel := undo.Begin(ctx)
		defer cancel()
		clean = p.Unmount(ctx, r.Name, r.ID) == nil
	}
	err.RolledBack = &clean
	return err
}

// VolumeUnmount ends a mount.
func (e *Engine) VolumeUnmount(ctx context.Context, caller Caller,
	r *VolumeMountRequest) (none, error) {
	return serveVolume(ctx, e.incoming(caller, "", &r.Common), volumeID{r.Plugin, r.Name},
		func(_ *scope, ctx context.Context, p *volume.Plugin) (none, error) {
			if err := validVolumeKey("id", r.ID); err != nil {
				return none{}, err
			}
			return none{}, p.Unmount(ctx, r.Name, r.ID)
		})
}
