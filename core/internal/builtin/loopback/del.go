package loopback

import (
	"context"
	"errors"
	"fmt"

	"github.com/libcni/libcni/core/internal/host/rtnl"
	"github.com/libcni/libcni/core/plugin"
)

// Del sets lo down if the namespace still exists.
func (loopback) Del(ctx context.Context, inv *plugin.Invocation) error {
	if inv.Netns == nil {
		return nil
	}
	conn, lo, err := lookUp(ctx, inv)
	if errors.Is(err, rtnl.ErrNotFound) {
		return nil
	}
	if err != nil || !lo.Up {
		return err
	}
	if err := conn.SetLink(ctx, lo.Index, rtnl.Change{Down: true}); err != nil {
		return fmt.Errorf("link %s: %w", name, err)
	}
	return nil
}
