// Package static is the address plugin "static": it answers the addresses it is configured with and keeps no state.
package static

import (
	"context"
	"fmt"
	"net/netip"

	types100 "github.com/containernetworking/cni/pkg/types/100"

	"github.com/libcni/libcni/core/internal/builtin/ipamconfig"
	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/plugin"
)

const name = "static"

// New returns the plugin.
func New() plugin.Plugin { return static{} }

type static struct{}

func (static) Traits() plugin.Traits { return plugin.Traits{IPAM: true} }

func (static) Unsupported([]byte) string { return "" }

func (static) Add(_ context.Context, inv *plugin.Invocation) (*plugin.Result, error) {
	conf, err := parseConfig(inv.Config, inv.Args, inv.CNIVersion)
	if err != nil {
		return nil, err
	}
	result := &types100.Result{CNIVersion: types100.ImplementedSpecVersion, Routes: conf.routes, DNS: conf.dns}
	for _, a := range conf.addresses {
		result.IPs = append(result.IPs, &types100.IPConfig{Address: ipamconfig.IPNet(a.prefix), Gateway: a.gateway.AsSlice()})
	}
	return plugin.NewResult(result), nil
}

func (static) Del(context.Context, *plugin.Invocation) error { return nil }

func (static) GC(context.Context, *plugin.Invocation) error { return nil }

// Check finds configured addresses that the attachment does not have, or has with another prefix length or gateway.
func (static) Check(_ context.Context, inv *plugin.Invocation) error {
	conf, err := parseConfig(inv.Config, inv.Args, inv.CNIVersion)
	if err != nil {
		return err
	}
	if inv.PrevResult == nil {
		return fault.InvalidConfig("prevResult", "static: network %s: CHECK needs prevResult, the result of ADD", inv.Network)
	}
	result, err := inv.PrevResult.Value()
	if err != nil {
		return fmt.Errorf("static: network %s: prevResult: %w", inv.Network, err)
	}
	return fault.NewDrift(compare(conf.addresses, result.IPs))
}

func (static) Status(_ context.Context, inv *plugin.Invocation) error {
	_, err := parseConfig(inv.Config, inv.Args, inv.CNIVersion)
	return err
}

func compare(want []address, have []*types100.IPConfig) []fault.Drift {
	var found []fault.Drift
	for _, a := range want {
		object := "address " + a.prefix.String()
		got := lookup(have, a.prefix.Addr())
		if got == nil {
			found = append(found, fault.Drift{Plugin: name, Object: object, Expected: a.prefix.String(), Actual: "missing"})
			continue
		}
		if ones, _ := got.Address.Mask.Size(); ones != a.prefix.Bits() {
			found = append(found, fault.Drift{Plugin: name, Object: object, Expected: a.prefix.String(), Actual: got.Address.String()})
		}
		// Without a gateway of its own the plugin on top may have filled one in.
		if gateway, _ := netip.AddrFromSlice(got.Gateway); a.gateway.IsValid() && gateway.Unmap() != a.gateway {
			found = append(found, fault.Drift{Plugin: name, Object: "gateway of " + object, Expected: a.gateway.String(), Actual: present(gateway)})
		}
	}
	return found
}

func lookup(have []*types100.IPConfig, addr netip.Addr) *types100.IPConfig {
	for _, ip := range have {
		if got, _ := netip.AddrFromSlice(ip.Address.IP); got.Unmap() == addr {
			return ip
		}
	}
	return nil
}

func present(addr netip.Addr) string {
	if !addr.IsValid() {
		return "missing"
	}
	return addr.Unmap().String()
}
