package hostlocal

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/plugin"
)

// Check compares the attachment's addresses with its leases.
func (p *hostLocal) Check(ctx context.Context, inv *plugin.Invocation) error {
	conf, err := parseConfig(inv.Config, inv.Args, inv.CNIVersion)
	if err != nil {
		return err
	}
	given, err := givenAddresses(inv, conf.sets)
	if err != nil {
		return err
	}
	o := owner{inv.ContainerID, inv.IfName}
	s, err := p.existing(ctx, inv)
	if err != nil {
		return err
	}
	if s == nil {
		return fault.NewDrift(compare(inv.Network, o, given, nil, nobody))
	}
	defer s.unlock()
	recorded, err := s.recorded(ctx, o)
	if err != nil {
		return err
	}
	return fault.NewDrift(compare(inv.Network, o, given, recorded, s.describe))
}

// givenAddresses returns the attachment's addresses in our ranges, nil if the result is unknown.
// The others come from other plugins.
func givenAddresses(inv *plugin.Invocation, sets []rangeSet) ([]netip.Addr, error) {
	if inv.PrevResult == nil {
		return nil, nil
	}
	result, err := inv.PrevResult.Value()
	if err != nil {
		return nil, fmt.Errorf("host-local: network %s: prevResult: %w", inv.Network, err)
	}
	given := []netip.Addr{}
	ranges := sortedRanges(sets...)
	for _, ip := range result.IPs {
		addr, _ := netip.AddrFromSlice(ip.Address.IP)
		addr = addr.Unmap()
		if ranges.contains(addr) {
			given = append(given, addr)
		}
	}
	return given, nil
}

// recorded returns the addresses that DEL would release.
func (s *store) recorded(ctx context.Context, o owner) ([]netip.Addr, error) {
	addrs, err := s.confirmed(ctx, o)
	if err != nil || len(addrs) > 0 {
		return addrs, err
	}
	return s.confirmed(ctx, o.withoutInterface())
}

// describe describes the holder of an address.
func (s *store) describe(addr netip.Addr) string {
	l, found, err := s.holder(addr)
	switch {
	case err != nil:
		return err.Error()
	case !found:
		return "missing"
	case l.owner == owner{}:
		return "held by nobody"
	default:
		return "held by " + l.owner.String()
	}
}

func nobody(netip.Addr) string { return "missing" }

// compare returns the differences between the addresses of an attachment (nil: unknown) and those
// recorded.
func compare(network string, o owner, given, recorded []netip.Addr,
	describe func(netip.Addr) string) []fault.Drift {
	var found []fault.Drift
	differ := func(object, expected, actual string) {
		found = append(found,
			fault.Drift{Plugin: name, Object: object, Expected: expected, Actual: actual})
	}
	lease := func(addr netip.Addr) string {
		return fmt.Sprintf("lease of %s in network %s", addr, network)
	}
	isGiven, isRecorded := setOf(given), setOf(recorded)
	for _, addr := range given {
		if !isRecorded[addr] {
			differ(lease(addr), "held by "+o.String(), describe(addr))
		}
	}
	for _, addr := range recorded {
		if given != nil && !isGiven[addr] {
			differ(lease(addr), "missing, because the result does not contain the address",
				"held by "+o.String())
		}
	}
	if len(given) == 0 && len(recorded) == 0 {
		differ("lease of "+o.String()+" in network "+network, "at least one", "missing")
	}
	return found
}

func setOf(addrs []netip.Addr) map[netip.Addr]bool {
	set := make(map[netip.Addr]bool, len(addrs))
	for _, addr := range addrs {
		set[addr] = true
	}
	return set
}
