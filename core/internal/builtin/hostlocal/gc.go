package hostlocal

import (
	"context"

	"github.com/libcni/libcni/core/plugin"
)

// GC releases the addresses of attachments that are not valid.
func (p *hostLocal) GC(ctx context.Context, inv *plugin.Invocation) error {
	s, err := p.existing(ctx, inv)
	if s == nil || err != nil {
		return err
	}
	defer s.unlock()
	leases, err := s.scan(ctx, nil)
	if err != nil {
		return err
	}
	attachments, containers := map[plugin.AttachmentID]bool{}, map[string]bool{}
	for _, a := range inv.ValidAttachments {
		attachments[a], containers[a.ContainerID] = true, true
	}
	for _, l := range leases {
		if l.owner == (owner{}) || l.valid(attachments, containers) {
			continue
		}
		if err := ctx.Err(); err != nil {
			return s.fault(err, "collect leases")
		}
		if err := s.release(l.addr, l.owner); err != nil {
			return err
		}
	}
	return nil
}
