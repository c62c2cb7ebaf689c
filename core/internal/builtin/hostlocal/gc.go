package hostlocal

import (
	"context"
	"errors"

	"github.com/libcni/libcni/core/plugin"
)

// GC releases the addresses of attachments that are not valid. A lease that cannot be read is left,
// and one that cannot be released does not keep the others.
func (p *hostLocal) GC(ctx context.Context, inv *plugin.Invocation) error {
	s, err := p.existing(ctx, inv)
	if s == nil || err != nil {
		return err
	}
	defer s.unlock()
	s.unreadable = func(err error) { inv.Warn("%v; the lease is left", err) }
	leases, err := s.scan(ctx, nil)
	if err != nil {
		return err
	}
	attachments, containers := map[plugin.AttachmentID]bool{}, map[string]bool{}
	for _, a := range inv.ValidAttachments {
		attachments[a], containers[a.ContainerID] = true, true
	}
	var failed error
	for _, l := range leases {
		if l.owner == (owner{}) || l.valid(attachments, containers) {
			continue
		}
		if err := ctx.Err(); err != nil {
			return s.fault(err, "collect leases")
		}
		failed = errors.Join(failed, s.release(l.addr, l.owner))
	}
	return failed
}
