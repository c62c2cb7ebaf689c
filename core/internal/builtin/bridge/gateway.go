package bridge

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/libcni/libcni/core/internal/host/rtnl"
	"github.com/libcni/libcni/core/internal/kit"
	"github.com/libcni/libcni/core/internal/kit/iface"
	"github.com/libcni/libcni/core/internal/kit/router"
	"github.com/libcni/libcni/core/internal/kit/undo"
	"github.com/libcni/libcni/core/plugin"
)

// ensureGateway adds the host's addresses in the container's networks, to the bridge or to the
// VLAN's gateway link.
func (a *attachment) ensureGateway(ctx context.Context) error {
	if a.address == nil || len(a.address.gateways) == 0 {
		return nil
	}
	if a.VLAN != 0 {
		// Take the lock even if the link exists, since a DEL may be about to remove it as unused.
		return locked(ctx, a.inv, a.Bridge, func() error {
			if err := a.ensureVLANGateway(ctx); err != nil {
				return fmt.Errorf("bridge %s: gateway of vlan %d: %w", a.Bridge, a.VLAN, err)
			}
			return a.setGatewayAddresses(ctx)
		})
	}
	a.gateway = a.link
	_, add, err := a.gatewayChanges(ctx)
	if err != nil || len(add) == 0 {
		return err
	}
	return locked(ctx, a.inv, a.Bridge, func() error { return a.setGatewayAddresses(ctx) })
}

func (a *attachment) gatewayChanges(ctx context.Context) (remove, add []netip.Prefix, err error) {
	have, err := a.host.Addresses(ctx, a.gateway.Index)
	if err != nil {
		return nil, nil, err
	}
	return addressChanges(a.gateway.Name, have, a.address.gateways, a.ForceAddress)
}

// setGatewayAddresses runs under the lock. It retries if a process that does not take the lock
// adds one of the addresses meanwhile.
func (a *attachment) setGatewayAddresses(ctx context.Context) error {
	for range 3 {
		remove, add, err := a.gatewayChanges(ctx)
		if err != nil || len(add) == 0 {
			return err
		}
		err = a.changeGateway(ctx, remove, add)
		if !errors.Is(err, rtnl.ErrExists) {
			return err
		}
	}
	return fmt.Errorf("%s: gave up after 3 attempts: another process keeps modifying its addresses",
		a.gateway.Name)
}

func (a *attachment) changeGateway(ctx context.Context, remove, add []netip.Prefix) error {
	for _, prefix := range remove {
		if err := a.host.RemoveAddress(ctx, a.gateway.Index, prefix); err != nil &&
			!errors.Is(err, rtnl.ErrNotFound) {
			return fmt.Errorf("%s: %w", a.gateway.Name, err)
		}
	}
	ours := a.gateway.Alias == mark
	err := iface.Assign(ctx, a.host, a.gateway.Index, iface.Addresses(add, rtnl.Address{}), ours,
		func(addresses []rtnl.Address) error {
			for _, address := range addresses {
				if err := a.host.AddAddress(ctx, a.gateway.Index, address); err != nil {
					return err
				}
			}
			return nil
		})
	if err != nil {
		return fmt.Errorf("%s: %w", a.gateway.Name, err)
	}
	if ours {
		return nil
	}
	a.detecting = slices.DeleteFunc(slices.Clone(add),
		func(p netip.Prefix) bool { return p.Addr().Is4() })
	// A bridge without an explicit MAC address uses the lowest of its ports' addresses, which changes
	// with the ports.
	return a.host.SetLink(ctx, a.gateway.Index, rtnl.Change{MAC: a.gateway.MAC})
}

// ensureVLANGateway creates the link with the gateway addresses of a VLAN: one end of a pair whose
// other end is a port of the bridge in that VLAN. It runs under the lock.
func (a *attachment) ensureVLANGateway(ctx context.Context) error {
	name := a.gatewayLink()
	link, err := iface.LookUp(ctx, a.host, name)
	if err != nil {
		return err
	}
	if link == nil {
		if err := a.createVLANGateway(ctx, name); err != nil {
			return err
		}
		if link, err = a.host.LinkByName(ctx, name); err != nil {
			return err
		}
	}
	if !link.Up {
		if err := a.host.SetLink(ctx, link.Index, rtnl.Change{Up: true}); err != nil {
			return err
		}
	}
	a.gateway = link
	return nil
}

func (a *attachment) createVLANGateway(ctx context.Context, name string) (err error) {
	macs := iface.RandomMACs(3)
	port := fmt.Sprintf("veth%x", []byte(macs[2][2:]))
	pair := rtnl.NewVeth{Name: port, MAC: macs[0], MTU: a.link.MTU, Master: a.link.Index, Up: true,
		PeerName: name, PeerMAC: macs[1]}
	if err := a.host.AddVeth(ctx, pair); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			ctx, cancel := undo.Begin(ctx)
			defer cancel()
			err = errors.Join(err, iface.DeleteByName(ctx, a.host, name))
		}
	}()
	made, err := a.host.LinkByName(ctx, port)
	if err != nil {
		return err
	}
	if err := router.IgnoreAdvertisements(port); err != nil {
		return err
	}
	if err := a.configurePort(ctx, made.Index, rtnl.Port{}, portVLANs(a.VLAN, nil)); err != nil {
		return err
	}
	return iface.Own(ctx, a.host, made.Peer, macs[1], rtnl.Change{Up: true, Alias: mark})
}

// removeUnusedGateway removes the gateway link of the network's VLAN if no other port of the bridge
// is in the VLAN.
func removeUnusedGateway(ctx context.Context, c *config, inv *plugin.Invocation) error {
	if c.VLAN == 0 || !c.IsGateway {
		return nil
	}
	host, err := kit.Host(ctx, inv)
	if err != nil {
		return err
	}
	if link, err := iface.LookUp(ctx, host, c.gatewayLink()); link == nil || err != nil {
		return err
	}
	return locked(ctx, inv, c.Bridge, func() error {
		link, err := iface.LookUp(ctx, host, c.gatewayLink())
		if link == nil || err != nil {
			return err
		}
		ports, err := host.PortVLANs(ctx)
		if err != nil || !unused(ports, link, c.VLAN) {
			return err
		}
		return iface.Delete(ctx, host, link)
	})
}

// unused reports whether the gateway's own port is the bridge's only port in the VLAN. It is false
// for a link that is not such a gateway.
func unused(ports []rtnl.PortVLANs, gateway *rtnl.Link, vlan int) bool {
	bridge := 0
	for _, p := range ports {
		if gateway.Kind == "veth" && p.Index == gateway.Peer && member(p, vlan) {
			bridge = p.Master
		}
	}
	if bridge == 0 {
		return false
	}
	for _, p := range ports {
		if p.Master == bridge && p.Index != gateway.Peer && member(p, vlan) {
			return false
		}
	}
	return true
}

func member(p rtnl.PortVLANs, vlan int) bool {
	for _, v := range p.VLANs {
		if v.ID == vlan {
			return true
		}
	}
	return false
}
