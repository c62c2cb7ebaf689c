// Package loopback is the built-in loopback plugin: it brings the container's lo up.
package loopback

import (
	"context"
	"errors"
	"fmt"

	types100 "github.com/containernetworking/cni/pkg/types/100"

	"github.com/libcni/libcni/core/internal/builtin/ipamconfig"
	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/host/rtnl"
	"github.com/libcni/libcni/core/internal/kit"
	"github.com/libcni/libcni/core/plugin"
)

const (
	pluginType = "loopback"
	name       = "lo" // whatever interface name the request has
)

type loopback struct{}

// New returns the plugin.
func New() plugin.Plugin { return loopback{} }

// Traits: the plugin makes no interface; lo is there already.
func (loopback) Traits() plugin.Traits { return plugin.Traits{} }

// Unsupported is always empty: the plugin has no keys of its own.
func (loopback) Unsupported([]byte) string { return "" }

// Add brings lo up. In a chain it passes the previous result through, otherwise it answers with lo
// and its addresses.
func (loopback) Add(ctx context.Context, inv *plugin.Invocation) (*plugin.Result, error) {
	conn, lo, err := open(ctx, inv)
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
	if err := judge(addresses); err != nil {
		return nil, err
	}
	if inv.PrevResult != nil {
		return inv.PrevResult, nil
	}
	return plugin.NewResult(result(lo, inv.NetnsPath, addresses)), nil
}

// judge refuses addresses that are not loopback addresses.
func judge(addresses []rtnl.Address) error {
	for _, a := range addresses {
		if !a.Prefix.Addr().IsLoopback() {
			return fmt.Errorf("link %s: has the address %s, which is no loopback address", name, a.Prefix)
		}
	}
	return nil
}

// result lists the first address of each family.
func result(lo *rtnl.Link, sandbox string, addresses []rtnl.Address) *types100.Result {
	r := &types100.Result{CNIVersion: types100.ImplementedSpecVersion, Interfaces: []*types100.Interface{
		{Name: name, Mac: lo.MAC.String(), Mtu: lo.MTU, Sandbox: sandbox},
	}}
	seen := map[bool]bool{}
	for _, a := range addresses {
		if v4 := a.Prefix.Addr().Is4(); !seen[v4] {
			seen[v4] = true
			r.IPs = append(r.IPs, &types100.IPConfig{Interface: types100.Int(0), Address: ipamconfig.IPNet(a.Prefix)})
		}
	}
	return r
}

// Del sets lo down, where there is still a namespace.
func (loopback) Del(ctx context.Context, inv *plugin.Invocation) error {
	if inv.Netns == nil {
		return nil
	}
	conn, lo, err := open(ctx, inv)
	if errors.Is(err, rtnl.ErrNotFound) {
		return nil
	} else if err != nil {
		return err
	}
	if !lo.Up {
		return nil
	}
	if err := conn.SetLink(ctx, lo.Index, rtnl.Change{Down: true}); err != nil {
		return fmt.Errorf("link %s: %w", name, err)
	}
	return nil
}

// Check finds lo down.
func (loopback) Check(ctx context.Context, inv *plugin.Invocation) error {
	_, lo, err := open(ctx, inv)
	if err != nil {
		return err
	}
	if lo.Up {
		return nil
	}
	return fault.NewDrift([]fault.Drift{{Plugin: pluginType, Object: "link " + name, Expected: "up", Actual: "down"}})
}

// GC has nothing to do: nothing of lo outlives its namespace.
func (loopback) GC(context.Context, *plugin.Invocation) error { return nil }

// Status is always good.
func (loopback) Status(context.Context, *plugin.Invocation) error { return nil }

func open(ctx context.Context, inv *plugin.Invocation) (*rtnl.Conn, *rtnl.Link, error) {
	if inv.Netns == nil {
		return nil, nil, fault.InvalidRequest("netns", "netns: loopback needs the container's network namespace")
	}
	conn, err := kit.Container(ctx, inv)
	if err != nil {
		return nil, nil, err
	}
	lo, err := conn.LinkByName(ctx, name)
	return conn, lo, err
}
