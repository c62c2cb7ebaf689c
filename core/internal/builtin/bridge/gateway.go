package bridge

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"

	"github.com/libcni/libcni/core/internal/host/rtnl"
	"github.com/libcni/libcni/core/internal/host/sysctl"
	"github.com/libcni/libcni/core/internal/kit"
	"github.com/libcni/libcni/core/plugin"
)

// ensureGateway gives the host its addresses in the container's networks: on the bridge, or on the link of the VLAN.
func (a *attachment) ensureGateway(ctx context.Context) error {
	if a.address == nil || len(a.address.gateways) == 0 {
		return nil
	}
	if a.VLAN != 0 {
		// Under the lock even if the link is there, since a DEL may be about to remove it as unused.
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

// setGatewayAddresses runs under the lock. It looks again when somebody who does not know the lock adds one of the
// addresses in between.
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
	return fmt.Errorf("%s: somebody changes its addresses all the time", a.gateway.Name)
}

func (a *attachment) changeGateway(ctx context.Context, remove, add []netip.Prefix) error {
	for _, prefix := range remove {
		if err := a.host.RemoveAddress(ctx, a.gateway.Index, prefix); err != nil && !errors.Is(err, rtnl.ErrNotFound) {
			return fmt.Errorf("%s: %w", a.gateway.Name, err)
		}
	}
	ours := a.gateway.Alias == mark
	err := withAddresses(ctx, a.host, a.gateway.Index, add, ours, func(addresses []rtnl.Address) error {
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
	a.detecting = slices.DeleteFunc(slices.Clone(add), func(p netip.Prefix) bool { return p.Addr().Is4() })
	// Or a bridge takes the lowest address of its ports, and changes it as they come and go.
	return a.host.SetLink(ctx, a.gateway.Index, rtnl.Change{MAC: a.gateway.MAC})
}

// ensureVLANGateway makes the link that holds the gateway addresses of a VLAN: one end of a pair whose other end is a
// port of the bridge in that VLAN. It runs under the lock.
func (a *attachment) ensureVLANGateway(ctx context.Context) error {
	name := a.gatewayLink()
	link, err := lookUp(ctx, a.host, name)
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
	random := make([]byte, 16)
	_, _ = rand.Read(random) // never fails
	port := fmt.Sprintf("veth%x", random[12:])
	pair := rtnl.NewVeth{Name: port, MAC: randomMAC(random), MTU: a.link.MTU, Master: a.link.Index, Up: true,
		PeerName: name, PeerMAC: randomMAC(random[6:])}
	if err := a.host.AddVeth(ctx, pair); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, deleteByName(context.WithoutCancel(ctx), a.host, name))
		}
	}()
	made, err := a.host.LinkByName(ctx, port)
	if err != nil {
		return err
	}
	if err := setAcceptRA(port, "0"); err != nil {
		return err
	}
	if err := configurePort(ctx, a.host, a.link, made.Index, a.dropDefault, rtnl.Port{}, portVLANs(a.VLAN, nil)); err != nil {
		return err
	}
	return a.host.SetLink(ctx, made.Peer, rtnl.Change{Up: true, Alias: mark})
}

func deleteByName(ctx context.Context, host *rtnl.Conn, name string) error {
	link, err := lookUp(ctx, host, name)
	if link == nil || err != nil {
		return err
	}
	if err := host.DeleteLink(ctx, link.Index); !errors.Is(err, rtnl.ErrNotFound) {
		return err
	}
	return nil
}

// removeUnusedGateway removes the gateway link of the network's VLAN if no other port of the bridge is in the VLAN.
func removeUnusedGateway(ctx context.Context, c *config, inv *plugin.Invocation) error {
	if c.VLAN == 0 || !c.IsGateway {
		return nil
	}
	host, err := kit.Host(ctx, inv)
	if err != nil {
		return err
	}
	if link, err := lookUp(ctx, host, c.gatewayLink()); link == nil || err != nil {
		return err
	}
	return locked(ctx, inv, c.Bridge, func() error {
		link, err := lookUp(ctx, host, c.gatewayLink())
		if link == nil || err != nil {
			return err
		}
		ports, err := host.PortVLANs(ctx)
		if err != nil || !unused(ports, link, c.VLAN) {
			return err
		}
		if err := host.DeleteLink(ctx, link.Index); !errors.Is(err, rtnl.ErrNotFound) {
			return err
		}
		return nil
	})
}

// unused says that of the ports of the gateway's bridge only the gateway's own is in the VLAN. A link that is no such
// gateway is never unused.
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

// enableForwarding makes the host a router for the families that have a gateway.
func (a *attachment) enableForwarding(ctx context.Context) error {
	if a.address == nil || len(a.address.gateways) == 0 {
		return nil
	}
	if a.address.has(netip.Addr.Is4) {
		if _, err := sysctl.Set(forwarding4, "1"); err != nil {
			return err
		}
	}
	if !a.address.has(netip.Addr.Is6) {
		return nil
	}
	value, err := sysctl.Get(forwarding6)
	if err != nil || value == "1" {
		return err
	}
	if err := keepAdvertisedRoutes(ctx, a.host); err != nil {
		return err
	}
	_, err = sysctl.Set(forwarding6, "1")
	return err
}

const (
	forwarding4 = "ipv4/ip_forward"
	forwarding6 = "ipv6/conf/all/forwarding"
)

// keepAdvertisedRoutes makes the interfaces with a router-advertised route keep it: a router does not listen to
// advertisements unless accept_ra is 2, and the host would lose its own default route when that runs out.
func keepAdvertisedRoutes(ctx context.Context, host *rtnl.Conn) error {
	routes, err := host.AdvertisedRoutes(ctx)
	if err != nil {
		return err
	}
	done := map[int]bool{}
	for _, r := range routes {
		if done[r.Link] {
			continue
		}
		done[r.Link] = true
		link, err := host.LinkByIndex(ctx, r.Link)
		if errors.Is(err, rtnl.ErrNotFound) {
			continue
		} else if err != nil {
			return err
		}
		if link.AcceptRA == 1 {
			if err := setAcceptRA(link.Name, strconv.Itoa(2)); err != nil {
				return err
			}
		}
	}
	return nil
}
