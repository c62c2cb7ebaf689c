package firewall

import (
	"context"

	"github.com/libcni/libcni/core/plugin"
)

// Del removes the attachment's rules: by its addresses if they are known, otherwise by the owner in
// the comments.
func (p firewall) Del(ctx context.Context, inv *plugin.Invocation) error {
	c, err := read(inv.Config)
	if err != nil {
		return err
	}
	a, _, err := knownAttachment(c, inv)
	if err != nil {
		inv.Warn("prevResult: %v", err)
	}
	return p.remove(ctx, c, inv, a.target())
}

// target selects only the attachment.
func (a *attachment) target() target {
	return target{network(a.owner.Network), a, a.owner.Owns}
}

func (p firewall) remove(ctx context.Context, c *config, inv *plugin.Invocation, t target) error {
	s, err := p.connectForRemoval(ctx, c, inv)
	if err != nil {
		return err
	}
	defer s.close()
	return s.remove(ctx, t)
}

// remove covers all families, since those of an attachment are not always known.
func (s *selection) remove(ctx context.Context, t target) error {
	return s.run(ctx, families(), func(b backend) error {
		_, err := b.remove(ctx, t)
		return err
	})
}
