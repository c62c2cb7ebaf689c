package bridge

import (
	"context"
	"net"
	"net/netip"
	"slices"

	types100 "github.com/containernetworking/cni/pkg/types/100"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/host/rtnl"
	"github.com/libcni/libcni/core/plugin"
)

// Repair does again the shared and the host's part of an ADD where CHECK finds something missing: the bridge, the port's
// place on it, gateway addresses, forwarding, rules. What is reported is what was missing before and is there after.
func (bridge) Repair(ctx context.Context, inv *plugin.Invocation) error {
	before, err := differences(ctx, inv)
	if err != nil || len(before.found) == 0 {
		return err
	}
	a, err := newAttachment(ctx, inv)
	if err != nil {
		return err
	}
	a.remember(before)
	if err := run(ctx, a.repairs(before)); err != nil {
		return err
	}
	after, err := differences(ctx, inv)
	if err != nil {
		return err
	}
	for _, object := range objects(before.found) {
		if !slices.Contains(objects(after.found), object) {
			inv.Repaired(object)
		}
	}
	return nil
}

// objects names each object once.
func objects(drift []fault.Drift) (names []string) {
	for _, d := range drift {
		if !slices.Contains(names, d.Object) {
			names = append(names, d.Object)
		}
	}
	return names
}

// differences is what CHECK compares, without the address plugin, which has nothing to repair.
func differences(ctx context.Context, inv *plugin.Invocation) (*comparison, error) {
	k, err := newComparison(ctx, inv)
	if err != nil {
		return nil, err
	}
	return k, k.compare(ctx)
}

// remember gives the attachment what an ADD would have decided: that of the result.
func (a *attachment) remember(k *comparison) {
	if i := slices.IndexFunc(k.was.Interfaces, func(i *types100.Interface) bool { return i.Sandbox == "" && i.Name == a.Bridge }); i >= 0 {
		if mac, err := net.ParseMAC(k.was.Interfaces[i].Mac); err == nil {
			a.bridge.MAC = mac
		}
		if a.mtu == 0 {
			a.mtu = k.was.Interfaces[i].Mtu
		}
	}
	if a.IPAM.Type == "" {
		return
	}
	a.address = &addressing{addresses: k.was.addresses(a.inv)}
	for _, ip := range k.ips() {
		address, ok := prefixOf(ip.Address)
		if gateway := addrOf(ip.Gateway); ok && gateway.IsValid() && a.IsGateway {
			a.address.gateways = append(a.address.gateways, netip.PrefixFrom(gateway, address.Bits()))
		}
	}
	a.address.gateways = distinct(a.address.gateways)
}

func (a *attachment) repairs(k *comparison) []step {
	return []step{
		{do: a.ensureBridge},
		{do: func(ctx context.Context) error { return a.repairPort(ctx, k.was.hostName(a.inv, a.config)) }},
		{do: a.ensureGateway},
		{do: a.enableForwarding},
		{do: k.ruleset().restore},
	}
}

// repairPort puts the host's end back to its place. One that is gone took the container's interface with it, which is
// not for repair.
func (a *attachment) repairPort(ctx context.Context, name string) error {
	port, err := lookUp(ctx, a.host, name)
	if err != nil || port == nil || port.Kind != "veth" {
		return err
	}
	if port.Master != a.link.Index {
		if err := a.host.SetMaster(ctx, port.Index, a.link.Index); err != nil {
			return err
		}
	}
	if !port.Up {
		if err := a.host.SetLink(ctx, port.Index, rtnl.Change{Up: true}); err != nil {
			return err
		}
	}
	if err := setAcceptRA(name, "0"); err != nil {
		return err
	}
	return configurePort(ctx, a.host, a.link, port.Index, a.dropDefault, a.plan.port, a.vlans)
}

func (s ruleset) restore(ctx context.Context) error {
	if s.programmed != nil {
		if err := programs(s.inv).Add(ctx, *s.programmed); err != nil {
			return err
		}
	}
	return unsupported(s.update(ctx, s.repair))
}
