package firewall

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/plugin"
)

// undoTimeout bounds the undo of a failed ADD, which does not end with the caller's context.
const undoTimeout = 10 * time.Second

// Add makes the attachment's rules. Its result is that of the plugins before.
func (p firewall) Add(ctx context.Context, inv *plugin.Invocation) (*plugin.Result, error) {
	c, err := parse(inv.Config)
	if err != nil {
		return nil, err
	}
	a, err := newAttachment(c, inv)
	if err != nil || len(a.addresses) == 0 {
		return inv.PrevResult, err
	}
	s, err := p.selectBackend(ctx, c, inv)
	if err != nil {
		return nil, err
	}
	defer s.close()
	err = s.run(ctx, a.families(), func(b backend) error {
		err := b.add(ctx, a)
		if err != nil {
			err = errors.Join(err, s.undo(ctx, a))
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return inv.PrevResult, nil
}

// undo removes what a failed ADD made, as DEL does.
func (s *selection) undo(ctx context.Context, a *attachment) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTimeout)
	defer cancel()
	if err := s.remove(ctx, a.target()); err != nil {
		return fmt.Errorf("%w: %w", fault.ErrNotUndone, err)
	}
	return nil
}
