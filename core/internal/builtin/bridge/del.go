package bridge

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"

	types100 "github.com/containernetworking/cni/pkg/types/100"

	"github.com/libcni/libcni/core/internal/host/rtnl"
	"github.com/libcni/libcni/core/internal/kit"
	"github.com/libcni/libcni/core/plugin"
)

// Del detaches the container. The addresses are released after the link is gone, so that nobody is given an address
// that still answers; the dhcp plugin alone needs the link to tell the server.
func (bridge) Del(ctx context.Context, inv *plugin.Invocation) error {
	c, err := read(inv.Config)
	if err != nil {
		return err
	}
	if needsLink(c, inv) {
		if err := delegate(ctx, c, inv, plugin.Del); err != nil {
			return err
		}
	}
	wait, err := removeLink(ctx, c, inv)
	if err != nil {
		return err
	}
	return (&removal{config: c, inv: inv, wait: wait}).Finish(ctx)
}

func needsLink(c *config, inv *plugin.Invocation) bool {
	return c.IPAM.Type != "" && inv.TraitsOf(c.IPAM.Type).NeedsLink
}

// StartDel starts the removal of the pair, unless the IPAM plugin still needs it.
func (bridge) StartDel(ctx context.Context, inv *plugin.Invocation) plugin.StartedDel {
	c, err := read(inv.Config)
	if err != nil || needsLink(c, inv) {
		return nil
	}
	wait, err := removeLink(ctx, c, inv)
	if err != nil {
		return nil
	}
	return &removal{config: c, inv: inv, wait: wait}
}

// removal is a DEL whose pair the kernel is removing.
type removal struct {
	*config
	inv  *plugin.Invocation
	wait func(context.Context) error // until the pair is gone
}

// Abandon waits until the pair is gone.
func (r *removal) Abandon(ctx context.Context) { _ = r.wait(ctx) }

// Finish removes the rest.
func (r *removal) Finish(ctx context.Context) error {
	if err := r.removeRules(ctx); err != nil {
		return err
	}
	if err := removeUnusedGateway(ctx, r.config, r.inv); err != nil {
		return err
	}
	if needsLink(r.config, r.inv) {
		return nil
	}
	return delegate(ctx, r.config, r.inv, plugin.Del)
}

// removeRules removes the rules while the kernel removes the link. Rules that restrict what the container may send stay
// until the link is gone.
func (r *removal) removeRules(ctx context.Context) error {
	if !r.MACSpoofCheck && !r.inv.ByExecutable {
		return errors.Join(removeRules(ctx, r.config, r.inv), r.wait(ctx))
	}
	if err := r.wait(ctx); err != nil {
		return err
	}
	return removeRules(ctx, r.config, r.inv)
}

// removeLink begins to remove the pair, and returns what waits until it is gone.
func removeLink(ctx context.Context, c *config, inv *plugin.Invocation) (wait func(context.Context) error, err error) {
	conn, index, err := findLink(ctx, c, inv)
	if err != nil {
		return nil, err
	}
	if conn == nil {
		return func(context.Context) error { return nil }, nil
	}
	deletion, err := conn.BeginDeletion(ctx, index)
	if err != nil {
		return nil, fmt.Errorf("bridge %s: detach: %w", c.Bridge, err)
	}
	return func(ctx context.Context) error {
		if err := deletion.Wait(ctx); err != nil && !errors.Is(err, rtnl.ErrNotFound) {
			return fmt.Errorf("bridge %s: detach: %w", c.Bridge, err)
		}
		return nil
	}, nil
}

// findLink finds either end of the pair: the host's by its recorded name, else the container's by the interface name.
// A nil connection says that there is none, or only a stranger's of the same name.
func findLink(ctx context.Context, c *config, inv *plugin.Invocation) (*rtnl.Conn, int, error) {
	host, err := kit.Host(ctx, inv)
	if err != nil {
		return nil, 0, err
	}
	before := previous(inv)
	if name := before.hostName(inv, c); name != "" {
		link, err := lookUp(ctx, host, name)
		if err != nil {
			return nil, 0, err
		}
		if link != nil && link.Kind == "veth" {
			return host, link.Index, nil
		}
	}
	if inv.Netns == nil {
		return nil, 0, nil
	}
	container, err := kit.Container(ctx, inv)
	if err != nil {
		return nil, 0, err
	}
	end, err := lookUp(ctx, container, inv.IfName)
	if err != nil || end == nil || end.Kind != "veth" {
		return nil, 0, err
	}
	ours, err := isOurs(ctx, host, c, end, before.containerMAC(inv))
	if err != nil || !ours {
		return nil, 0, err
	}
	return container, end.Index, nil
}

// isOurs tells our end in the container from another attachment's: by the MAC address if that was recorded, else by
// the bridge that the other end is a port of.
func isOurs(ctx context.Context, host *rtnl.Conn, c *config, end *rtnl.Link, recorded net.HardwareAddr) (bool, error) {
	if recorded != nil {
		return bytes.Equal(recorded, end.MAC), nil
	}
	other, err := host.LinkByIndex(ctx, end.Peer)
	if errors.Is(err, rtnl.ErrNotFound) {
		return false, nil
	} else if err != nil {
		return false, err
	}
	bridge, err := lookUp(ctx, host, c.Bridge)
	if err != nil || bridge == nil {
		return false, err
	}
	return other.Kind == "veth" && other.Peer == end.Index && other.Master == bridge.Index, nil
}

// record is the result of the ADD, as far as it is known.
type record struct{ *types100.Result }

func previous(inv *plugin.Invocation) record {
	if inv.PrevResult == nil {
		return record{&types100.Result{}}
	}
	value, err := inv.PrevResult.Value()
	if err != nil { // DEL goes on without
		return record{&types100.Result{}}
	}
	return record{value}
}

// container returns the container's interface, nil if the result lacks it.
func (r record) container(inv *plugin.Invocation) (found *types100.Interface, index int) {
	for i, link := range r.Interfaces {
		if link.Sandbox != "" && link.Name == inv.IfName {
			return link, i
		}
	}
	return nil, -1
}

func (r record) containerMAC(inv *plugin.Invocation) net.HardwareAddr {
	link, _ := r.container(inv)
	if link == nil {
		return nil
	}
	mac, _ := net.ParseMAC(link.Mac)
	return mac
}

// hostName returns the name of the host's end: the second interface of the result for attachments that were made by
// others, and have no recorded name.
func (r record) hostName(inv *plugin.Invocation, c *config) string {
	if inv.HostIfName != "" {
		return inv.HostIfName
	}
	if len(r.Interfaces) > containerIndex && r.Interfaces[0].Name == c.Bridge && r.Interfaces[1].Sandbox == "" {
		return r.Interfaces[1].Name
	}
	return ""
}
