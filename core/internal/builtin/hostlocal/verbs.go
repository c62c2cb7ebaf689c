package hostlocal

import (
	"context"
	"errors"
	"net/netip"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/plugin"
)

// Del releases all addresses of the interface. It needs no more of the configuration than where the store is.
func (p *hostLocal) Del(ctx context.Context, inv *plugin.Invocation) error {
	s, err := p.existing(ctx, inv)
	if s == nil || err != nil {
		return err
	}
	defer s.unlock()
	return s.releaseAll(ctx, owner{inv.ContainerID, inv.IfName})
}

// existing opens and locks the store; nil if there is none.
func (p *hostLocal) existing(ctx context.Context, inv *plugin.Invocation) (*store, error) {
	dataDir, err := parseDataDir(inv.Config)
	if err != nil {
		return nil, err
	}
	s, err := p.open(inv, dataDir)
	if err != nil {
		return nil, err
	}
	if found, err := s.lock(ctx); !found || err != nil {
		return nil, err
	}
	return s, nil
}

// releaseAll releases what the owner has, or if that is nothing, what an old version of the executable noted for the
// container.
func (s *store) releaseAll(ctx context.Context, o owner) error {
	for _, o := range []owner{o, o.legacy()} {
		addrs, err := s.confirmed(ctx, o)
		if err != nil {
			return err
		}
		for _, addr := range addrs {
			if err := s.release(addr, o); err != nil {
				return err
			}
		}
		if len(addrs) > 0 {
			return nil
		}
	}
	return nil
}

// confirmed returns the addresses of an owner for which the files say so too: what is in a file can be changed without a
// trace in the directory.
func (s *store) confirmed(ctx context.Context, o owner) ([]netip.Addr, error) {
	for {
		addrs, err := s.addresses(ctx, o)
		if err != nil {
			return nil, err
		}
		agree := true
		for _, addr := range addrs {
			l, found, err := s.holder(addr)
			if err != nil {
				return nil, err
			}
			agree = agree && found && l.owner == o
		}
		if agree || s.fresh {
			return addrs, nil
		}
		if _, err := s.scan(ctx, nil); err != nil {
			return nil, err
		}
	}
}

// GC releases what belongs to no valid attachment.
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

// Status says whether every range set has an address to give.
func (p *hostLocal) Status(ctx context.Context, inv *plugin.Invocation) error {
	conf, err := parseConfig(inv.Config, nil, inv.CNIVersion)
	if err != nil {
		return err
	}
	s, err := p.existing(ctx, inv)
	if err != nil {
		return unavailable(err)
	}
	if s == nil {
		return nil
	}
	defer s.unlock()
	for _, set := range conf.sets {
		if err := s.hasFree(ctx, set); err != nil {
			return unavailable(err)
		}
	}
	return nil
}

// unavailable gives an error of the store the code that STATUS answers with.
func unavailable(err error) error {
	var e *fault.Error
	if errors.As(err, &e) && e.Kind == fault.KindState {
		e.Code = fault.CodePluginNotAvailable
	}
	return err
}

func (s *store) hasFree(ctx context.Context, set rangeSet) error {
	spans := set.spans(netip.Addr{})
	addr, err := s.firstFree(ctx, spans)
	if err != nil || addr.IsValid() {
		return err
	}
	leases, err := s.reclaim(ctx, set)
	if err != nil {
		return err
	}
	if addr, err = s.firstFree(ctx, spans); err != nil || addr.IsValid() {
		return err
	}
	return s.exhausted(set, inUse(leases, set), fault.CodePluginNotAvailable)
}
