package bridge

import (
	"context"
	"net"

	"github.com/libcni/libcni/core/internal/host/rtnl"
	"github.com/libcni/libcni/core/internal/kit/drift"
	"github.com/libcni/libcni/core/internal/kit/iface"
	"github.com/libcni/libcni/core/internal/kit/router"
	"github.com/libcni/libcni/core/internal/kit/steps"
	"github.com/libcni/libcni/core/plugin"
)

// Repair repeats the host's part of an ADD if CHECK finds something missing: the bridge, its port,
// gateway addresses, forwarding, rules.
func (bridge) Repair(ctx context.Context, inv *plugin.Invocation) error {
	return drift.Repair(ctx, inv, differences)
}

// differences compares as CHECK does, without the IPAM plugin, which has nothing to repair.
func differences(ctx context.Context, inv *plugin.Invocation) (*comparison, error) {
	k, err := newComparison(ctx, inv)
	if err != nil {
		return nil, err
	}
	return k, k.compare(ctx)
}

// Restore implements drift.Comparison.
func (k *comparison) Restore(ctx context.Context) error {
	a, err := newAttachment(ctx, k.Inv)
	if err != nil {
		return err
	}
	a.remember(k)
	return steps.Run(ctx, a.repairs(k))
}

// remember restores the decisions of the ADD from its result.
func (a *attachment) remember(k *comparison) {
	if was := k.Was.Host(a.Bridge); was != nil {
		if mac, err := net.ParseMAC(was.Mac); err == nil {
			a.bridge.MAC = mac
		}
		if a.mtu == 0 {
			a.mtu = was.Mtu
		}
	}
	if a.IPAM.Type == "" {
		return
	}
	a.address = &addressing{addresses: k.Was.Addresses()}
	if a.IsGateway {
		a.address.gateways, a.address.host = k.gateways(), hostRoutes(k.Was.IPs())
	}
}

func (a *attachment) repairs(k *comparison) []steps.Step {
	return []steps.Step{
		{Do: a.ensureBridge},
		{Do: func(ctx context.Context) error { return a.repairPort(ctx, k.Was.HostName()) }},
		{Do: a.ensureGateway},
		{Do: a.restoreConnected},
		{Do: a.addHostRoutes},
		{Do: a.enableForwarding},
		{Do: k.RestoreSettings},
		{Do: k.rules(k.Inv, recorded(k.Was)).Restore},
	}
}

// repairPort attaches the host's end to the bridge again. If that end is gone, so is the
// container's interface, which a repair does not restore.
func (a *attachment) repairPort(ctx context.Context, name string) error {
	port, err := iface.LookUp(ctx, a.host, name)
	if err != nil || port == nil || port.Kind != "veth" {
		return err
	}
	if err := a.restorePort(ctx, port); err != nil {
		return err
	}
	if err := router.IgnoreAdvertisements(a.inv, port); err != nil {
		return err
	}
	return a.configurePort(ctx, port.Index, a.plan.port, a.vlans)
}

// restorePort makes a link a port of the bridge again, and brings it up.
func (a *attachment) restorePort(ctx context.Context, port *rtnl.Link) error {
	if port.Master != a.link.Index {
		if err := a.host.SetMaster(ctx, port.Index, a.link.Index); err != nil {
			return err
		}
	}
	if port.Up {
		return nil
	}
	return a.host.SetLink(ctx, port.Index, rtnl.Change{Up: true})
}
