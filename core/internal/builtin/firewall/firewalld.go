package firewall

import (
	"context"
	"errors"
	"fmt"

	"github.com/libcni/libcni/core/internal/host/firewalld"
	"github.com/libcni/libcni/core/internal/kit/drift"
)

// firewalldZone adds to a backend the containers' addresses as sources of a firewalld zone.
type firewalldZone struct {
	next  backend
	zones *firewalld.Conn
	name  string
}

func (b firewalldZone) status(ctx context.Context) error { return b.next.status(ctx) }

func (b firewalldZone) add(ctx context.Context, a *attachment) error {
	if err := b.next.add(ctx, a); err != nil {
		return err
	}
	return b.addSources(ctx, a)
}

func (b firewalldZone) repair(ctx context.Context, a *attachment) error {
	if err := b.next.repair(ctx, a); err != nil {
		return err
	}
	return b.addSources(ctx, a)
}

func (b firewalldZone) addSources(ctx context.Context, a *attachment) error {
	for _, p := range a.addresses {
		if err := b.zones.AddSource(ctx, b.name, p.Addr()); err != nil {
			return err
		}
	}
	return nil
}

func (b firewalldZone) check(ctx context.Context, a *attachment, list *drift.List) error {
	if err := b.next.check(ctx, a, list); err != nil {
		return err
	}
	for _, p := range a.addresses {
		exists, err := b.zones.HasSource(ctx, b.name, p.Addr())
		if err != nil {
			return err
		}
		if !exists {
			list.Missing(fmt.Sprintf("firewalld zone %s source %s", b.name, p.Addr()))
		}
	}
	return nil
}

// remove removes the sources of addresses that no attachment owns any more.
func (b firewalldZone) remove(ctx context.Context, t target) (removal, error) {
	gone, err := b.next.remove(ctx, t)
	for _, address := range append(gone.addresses, gone.unclaimed...) {
		err = errors.Join(err, b.zones.RemoveSource(ctx, b.name, address))
	}
	return gone, err
}
