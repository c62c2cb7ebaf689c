package hostlocal

import (
	"context"
	"net/netip"
	"slices"

	types100 "github.com/containernetworking/cni/pkg/types/100"

	"github.com/libcni/libcni/core/plugin"
)

// Del releases all addresses of the interface. It needs only the location of the store from the
// configuration.
func (p *hostLocal) Del(ctx context.Context, inv *plugin.Invocation) error {
	s, err := p.existing(ctx, inv)
	if s == nil || err != nil {
		return err
	}
	defer s.unlock()
	return s.releaseAll(ctx, owner{inv.ContainerID, inv.IfName}, allocated(inv))
}

// allocated returns which of the owner's addresses to release: all, or those of the ADD that is
// undone.
func allocated(inv *plugin.Invocation) func(netip.Addr) bool {
	if inv.Undone == nil {
		return func(netip.Addr) bool { return true }
	}
	result, err := inv.Undone.Value()
	return func(addr netip.Addr) bool {
		return err == nil && slices.ContainsFunc(result.IPs, func(ip *types100.IPConfig) bool {
			own, _ := netip.AddrFromSlice(ip.Address.IP)
			return own.Unmap() == addr
		})
	}
}

// existing opens and locks the store. It returns nil if the store does not exist.
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

// releaseAll releases those of the owner's addresses that are wanted. If the owner has no lease, it
// releases those of leases of the container without an interface.
func (s *store) releaseAll(ctx context.Context, o owner, wanted func(netip.Addr) bool) error {
	for _, o := range []owner{o, o.withoutInterface()} {
		addrs, err := s.confirmed(ctx, o)
		if err != nil {
			return err
		}
		for _, addr := range addrs {
			if !wanted(addr) {
				continue
			}
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

// confirmed returns the addresses of an owner after checking their files, since the content of a
// file can change without a change of the directory.
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
