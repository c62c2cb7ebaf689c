package loopback

import (
	"context"
	"fmt"

	types100 "github.com/containernetworking/cni/pkg/types/100"

	"github.com/libcni/libcni/core/internal/builtin/ipamconfig"
	"github.com/libcni/libcni/core/internal/host/rtnl"
	"github.com/libcni/libcni/core/plugin"
)

// Add brings lo up. In a chain it returns the previous result, otherwise lo with its addresses.
func (loopback) Add(ctx context.Context, inv *plugin.Invocation) (*plugin.Result, error) {
	conn, lo, err := lookUp(ctx, inv)
	if err != nil {
		return nil, err
	}
	if err := conn.SetLink(ctx, lo.Index, rtnl.Change{Up: true}); err != nil {
		return nil, fmt.Errorf("link %s: %w", name, err)
	}
	addresses, err := conn.Addresses(ctx, lo.Index)
	if err != nil {
		return nil, err
	}
	if err := requireLoopback(addresses); err != nil {
		return nil, err
	}
	if inv.PrevResult != nil {
		return inv.PrevResult, nil
	}
	return plugin.NewResult(result(lo, inv.NetnsPath, addresses)), nil
}

// requireLoopback refuses addresses that are not loopback addresses.
func requireLoopback(addresses []rtnl.Address) error {
	for _, a := range addresses {
		if !a.Prefix.Addr().IsLoopback() {
			return fmt.Errorf("link %s: address %s is not a loopback address", name, a.Prefix)
		}
	}
	return nil
}

// result lists the first address of each family.
func result(lo *rtnl.Link, sandbox string, addresses []rtnl.Address) *types100.Result {
	r := &types100.Result{
		CNIVersion: types100.ImplementedSpecVersion,
		Interfaces: []*types100.Interface{
			{Name: name, Mac: lo.MAC.String(), Mtu: lo.MTU, Sandbox: sandbox},
		},
	}
	seen := map[bool]bool{}
	for _, a := range addresses {
		if v4 := a.Prefix.Addr().Is4(); !seen[v4] {
			seen[v4] = true
			r.IPs = append(r.IPs, &types100.IPConfig{
				Interface: types100.Int(0), Address: ipamconfig.IPNet(a.Prefix),
			})
		}
	}
	return r
}
