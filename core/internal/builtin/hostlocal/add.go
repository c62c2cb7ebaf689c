package hostlocal

import (
	"context"
	"errors"
	"net/netip"

	types100 "github.com/containernetworking/cni/pkg/types/100"

	"github.com/libcni/libcni/core/internal/builtin/hostlocal/leaseindex"
	"github.com/libcni/libcni/core/internal/builtin/ipamconfig"
	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/plugin"
)

// Add allocates one address from each range set.
func (p *hostLocal) Add(ctx context.Context, inv *plugin.Invocation) (*plugin.Result, error) {
	conf, err := plugin.Read[*config](p, inv)
	if err != nil {
		return nil, err
	}
	result := &types100.Result{CNIVersion: types100.ImplementedSpecVersion, Routes: conf.routes}
	if conf.resolvConf != "" {
		if result.DNS, err = readResolvConf(conf.resolvConf); err != nil {
			return nil, err
		}
	}
	s, err := p.open(inv, conf.dataDir)
	if err != nil {
		return nil, err
	}
	if err := s.lockToCreate(ctx); err != nil {
		return nil, err
	}
	defer s.unlock()
	result.IPs, err = s.give(ctx, conf, owner{inv.ContainerID, inv.IfName})
	if err != nil {
		return nil, err
	}
	return plugin.NewResult(result), nil
}

// give allocates one address from every set. If a set fails, it releases the other addresses.
func (s *store) give(ctx context.Context, conf *config, o owner) ([]*types100.IPConfig, error) {
	var ips []*types100.IPConfig
	var given []netip.Addr
	if err := s.refuseSecond(ctx, conf.sets, o); err != nil {
		return nil, err
	}
	for i, set := range conf.sets {
		addr, err := s.giveOne(ctx, set, i, conf.requested[i], o)
		if err != nil {
			for _, addr := range given {
				err = errors.Join(err, s.release(addr, o))
			}
			return nil, err
		}
		given = append(given, addr)
		in, _ := set.rangeOf(addr)
		ips = append(ips, &types100.IPConfig{
			Address: ipamconfig.IPNet(netip.PrefixFrom(addr, in.subnet.Bits())),
			Gateway: in.gateway.AsSlice(),
		})
	}
	return ips, nil
}

func (s *store) giveOne(ctx context.Context, set rangeSet, number int, requested netip.Addr,
	o owner) (netip.Addr, error) {
	if err := ctx.Err(); err != nil { // there may be thousands of sets
		return netip.Addr{}, s.fault(err, "give an address")
	}
	if requested.IsValid() {
		return requested, s.giveRequested(ctx, set, number, requested, o)
	}
	return s.giveNext(ctx, set, number, o)
}

// refuseSecond refuses a second address from a set for the same interface.
func (s *store) refuseSecond(ctx context.Context, sets []rangeSet, o owner) error {
	for _, o := range []owner{o, o.withoutInterface()} {
		addrs, err := s.addresses(ctx, o)
		if err != nil {
			return err
		}
		if len(addrs) == 0 {
			continue
		}
		ranges := sortedRanges(sets...)
		for _, addr := range addrs {
			if ranges.contains(addr) {
				return fault.New(
					fault.KindPluginFailed,
					nil,
					"host-local: network %s: %s has been allocated to %s, duplicate allocation is not allowed; "+
						"DEL releases it",
					s.network,
					addr,
					o,
				)
			}
		}
	}
	return nil
}

func (s *store) giveRequested(ctx context.Context, set rangeSet, number int, addr netip.Addr,
	o owner) error {
	err := s.reserve(addr, o, number)
	if errors.Is(err, errTaken) && !s.fresh {
		// The lease may be of an earlier boot, or without an owner.
		if _, err := s.scan(ctx, nil); err != nil {
			return err
		}
		err = s.reserve(addr, o, number)
	}
	if !errors.Is(err, errTaken) {
		return err
	}
	holder := "by a file that is not a lease"
	if l, found, err := s.holder(addr); err == nil && found && !l.garbage && l.owner != (owner{}) {
		holder = "by " + l.owner.String()
	}
	return fault.New(fault.KindPluginFailed, nil,
		"host-local: network %s: requested IP address %s is not available in range set %s: held %s",
		s.network, addr, set, holder).Contend()
}

// giveNext allocates the next free address after the last allocated one. The index only proposes an
// address; the exclusive creation of its file allocates it.
func (s *store) giveNext(ctx context.Context, set rangeSet, number int,
	o owner) (netip.Addr, error) {
	spans := set.spans(s.lastGiven(number))
	var reclaimed []lease
	for {
		addr, err := s.firstFree(ctx, spans)
		switch {
		case err != nil:
			return addr, err
		case addr.IsValid():
			if err = s.reserve(addr, o, number); !errors.Is(err, errTaken) {
				return addr, err
			}
			if err := s.distrust(ctx, addr); err != nil {
				return addr, err
			}
		case reclaimed != nil:
			return addr, s.exhausted(set, inUse(reclaimed, set), fault.CodeInternal)
		default:
			if reclaimed, err = s.reclaim(ctx, set); err != nil {
				return addr, err
			}
		}
	}
}

// firstFree returns the first free address of the spans, or an invalid one if all are taken.
func (s *store) firstFree(ctx context.Context, spans []span) (netip.Addr, error) {
	return query(ctx, s, func(x *leaseindex.Index) (netip.Addr, error) {
		for _, span := range spans {
			if addr, err := span.firstFree(x.NextFree); err != nil || addr.IsValid() {
				return addr, err
			}
		}
		return netip.Addr{}, nil
	})
}

// distrust corrects an index that lists a taken address as free.
func (s *store) distrust(ctx context.Context, addr netip.Addr) error {
	if s.fresh {
		return s.index.Add(addr, leaseindex.Owner{})
	}
	_, err := s.scan(ctx, nil)
	return err
}

// reclaim reads all leases when no address is free, and releases those of an earlier boot.
func (s *store) reclaim(ctx context.Context, set rangeSet) ([]lease, error) {
	leases, err := s.scan(ctx, set)
	if leases == nil {
		leases = []lease{}
	}
	return leases, err
}

func (s *store) exhausted(set rangeSet, inUse string, code int64) error {
	e := fault.New(
		fault.KindPluginFailed,
		nil,
		"host-local: network %s: no IP addresses available in range set: %s: %s, recorded in %s; detach "+
			"containers, release the addresses of "+
			"those that are gone with GC, or make the range larger",
		s.network,
		set,
		inUse,
		s.dir,
	)
	e.Code = code
	return e.Contend()
}
