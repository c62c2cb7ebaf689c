package static

import (
	"context"
	"fmt"
	"net/netip"

	types100 "github.com/containernetworking/cni/pkg/types/100"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/kit/drift"
	"github.com/libcni/libcni/core/internal/kit/ipam"
	"github.com/libcni/libcni/core/plugin"
)

// Check reports configured addresses that the attachment lacks, or has with another prefix length
// or gateway.
func (static) Check(_ context.Context, inv *plugin.Invocation) error {
	conf, err := parseConfig(inv.Config, inv.Args, inv.CNIVersion)
	if err != nil {
		return err
	}
	if inv.PrevResult == nil {
		return fault.InvalidConfig("prevResult",
			"static: network %s: CHECK needs prevResult, the result of the ADD", inv.Network)
	}
	result, err := inv.PrevResult.Value()
	if err != nil {
		return fmt.Errorf("static: network %s: prevResult: %w", inv.Network, err)
	}
	list := &drift.List{Plugin: name}
	compare(list, conf.addresses, result.IPs)
	return fault.NewDrift(list.Found)
}

func compare(list *drift.List, want []address, have []*types100.IPConfig) {
	at := map[netip.Addr]int{}
	for i := len(have) - 1; i >= 0; i-- {
		at[ipam.Addr(have[i].Address.IP)] = i
	}
	for _, a := range want {
		object := "address " + a.prefix.String()
		i, found := at[a.prefix.Addr()]
		if !found {
			list.Differs(object, a.prefix.String(), "missing")
			continue
		}
		if ones, _ := have[i].Address.Mask.Size(); ones != a.prefix.Bits() {
			list.Differs(object, a.prefix.String(), have[i].Address.String())
		}
		// If no gateway is configured, the plugin that delegates to this one may have added one. 0.1.0
		// derived none.
		gateway := ipam.Addr(have[i].Gateway)
		if a.gateway.IsValid() && gateway != a.gateway && (gateway.IsValid() || !a.derived) {
			list.Differs("gateway of "+object, a.gateway.String(), present(gateway))
		}
	}
}

func present(addr netip.Addr) string {
	if !addr.IsValid() {
		return "missing"
	}
	return addr.String()
}
