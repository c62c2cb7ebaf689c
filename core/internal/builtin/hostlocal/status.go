package hostlocal

import (
	"context"
	"errors"
	"net/netip"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/plugin"
)

// Status fails with code 50 if a range set has no free address or the store cannot be used.
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

// unavailable gives an error of the store the code of a plugin that cannot be used.
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
