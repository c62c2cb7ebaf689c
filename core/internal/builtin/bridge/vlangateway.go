package bridge

import (
	"context"
	"errors"
	"fmt"

	"github.com/libcni/libcni/core/internal/host/rtnl"
	"github.com/libcni/libcni/core/internal/kit"
	"github.com/libcni/libcni/core/internal/kit/iface"
	"github.com/libcni/libcni/core/internal/kit/router"
	"github.com/libcni/libcni/core/internal/kit/undo"
	"github.com/libcni/libcni/core/plugin"
)

// ensureVLANGateway creates the link with the gateway addresses of a VLAN: one end of a pair whose
// other end is a port of the bridge in that VLAN. It runs under the lock.
func (a *attachment) ensureVLANGateway(ctx context.Context) error {
	name := a.gatewayLink()
	link, err := iface.LookUp(ctx, a.host, name)
	switch {
	case err != nil:
		return err
	case link == nil:
		if err := a.createVLANGateway(ctx, name); err != nil {
			return err
		}
		if link, err = a.host.LinkByName(ctx, name); err != nil {
			return err
		}
	default:
		if err := a.connectVLANGateway(ctx, link); err != nil {
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

// connectVLANGateway makes the other end of a gateway link of ours a port of the bridge in the
// VLAN. The kernel takes it out of a bridge that is deleted. Another link of the name must lead to
// the bridge.
func (a *attachment) connectVLANGateway(ctx context.Context, link *rtnl.Link) error {
	port, err := otherEnd(ctx, a.host, link)
	if err != nil {
		return err
	}
	if link.Alias != mark {
		if port != nil && port.Master == a.link.Index {
			return nil
		}
		return fmt.Errorf("a link %s exists that does not lead to the bridge; remove or rename it, or "+
			"choose another bridge or vlan", link.Name)
	}
	if port == nil {
		return fmt.Errorf("link %s has lost its other end; delete it, so that it is made anew", link.Name)
	}
	if err := a.restorePort(ctx, port); err != nil {
		return err
	}
	return a.configurePort(ctx, port.Index, rtnl.Port{}, portVLANs(a.VLAN, nil))
}

// otherEnd returns the other end of a veth whose ends are both on the host, else nil.
func otherEnd(ctx context.Context, host *rtnl.Conn, link *rtnl.Link) (*rtnl.Link, error) {
	if link.Kind != "veth" || link.PeerElsewhere || link.Peer == 0 {
		return nil, nil
	}
	end, err := host.LinkByIndex(ctx, link.Peer)
	if errors.Is(err, rtnl.ErrNotFound) || err == nil && end.Peer != link.Index {
		return nil, nil
	}
	return end, err
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
	if err := router.IgnoreAdvertisements(a.inv, made); err != nil {
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
		unused, err := gatewayIsUnused(ctx, host, link, c.VLAN)
		if err != nil || !unused {
			return err
		}
		return iface.Delete(ctx, host, link)
	})
}

func gatewayIsUnused(ctx context.Context, host *rtnl.Conn, gateway *rtnl.Link,
	vlan int) (bool, error) {
	port, err := otherEnd(ctx, host, gateway)
	if err != nil || port == nil {
		return false, err
	}
	if port.Master == 0 { // the bridge was deleted
		return gateway.Alias == mark, nil
	}
	ports, err := host.PortVLANs(ctx)
	return err == nil && unused(ports, gateway, vlan), err
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
