package kittest

import (
	"context"
	"fmt"
	"net"
	"net/netip"

	types100 "github.com/containernetworking/cni/pkg/types/100"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/host/rtnl"
	"github.com/libcni/libcni/core/internal/host/spawn"
	"github.com/libcni/libcni/core/internal/kit"
	"github.com/libcni/libcni/core/plugin"
)

// Container is a container with the identity of one attachment.
type Container struct {
	Node                // zero if the namespace is not known
	Network, ID, IfName string
	HostIfName          string
	Result              *plugin.Result // of the plugin before, or of the last ADD
}

// NewContainer makes a container with a namespace, whose host interface is to be named after it.
func (h *Host) NewContainer(network, id string) *Container {
	h.T.Helper()
	return &Container{
		Node:       *h.NewNode(),
		Network:    network,
		ID:         id,
		IfName:     "eth0",
		HostIfName: "veth" + id,
	}
}

// Lost is an attachment whose identity alone is known.
func Lost(network, id string) *Container {
	return &Container{Network: network, ID: id, IfName: "eth0"}
}

// Lost is the attachment when nothing but its identity is known.
func (c *Container) Lost() *Container {
	return &Container{Network: c.Network, ID: c.ID, IfName: c.IfName}
}

// Invocation is a call of a plugin for an attachment, by the newest version of the specification.
func Invocation(network, id string, config []byte) *plugin.Invocation {
	return &plugin.Invocation{
		Network:     network,
		ContainerID: id,
		IfName:      "eth0",
		CNIVersion:  "1.1.0",
		Config:      config,
	}
}

// Invocation is a call of a plugin for a container, as the engine makes it on this host.
func (h *Host) Invocation(c *Container, config []byte) *plugin.Invocation {
	inv := Invocation(c.Network, c.ID, config)
	inv.IfName, inv.HostIfName = c.IfName, c.HostIfName
	inv.StateDir, inv.PrevResult = h.StateDir, c.Result
	inv.Warnings = func(msg string) { h.Warnings = append(h.Warnings, msg) }
	inv.Repaired = func(object string) { h.Repaired = append(h.Repaired, object) }
	if c.NS != nil {
		inv.Netns, inv.NetnsPath = c.NS, c.NS.Path()
	}
	links := rtnl.NewSession(c.NS, nil)
	h.T.Cleanup(links.Close)
	inv.Lent = &kit.Lent{Links: links, Start: spawn.ForkExec}
	inv.Delegate = func(ctx context.Context, command, pluginType string,
		config []byte) (*plugin.Result, error) {
		h.Delegated = append(h.Delegated, command+" "+pluginType)
		inner := *inv
		inner.Command, inner.Config = command, config
		return h.run(ctx, pluginType, &inner)
	}
	inv.TraitsOf = h.traitsOf
	return inv
}

// traitsOf knows the executable dhcp besides Plugins.
func (h *Host) traitsOf(pluginType string) plugin.Traits {
	if p := h.Plugins[pluginType]; p != nil {
		return p.Traits()
	}
	return plugin.Traits{IPAM: true, NeedsLink: pluginType == "dhcp"}
}

func (h *Host) run(ctx context.Context, pluginType string,
	inv *plugin.Invocation) (*plugin.Result, error) {
	p := h.Plugins[pluginType]
	if p == nil {
		return nil, fault.New(fault.KindPluginNotFound, nil, "no plugin %s", pluginType)
	}
	switch inv.Command {
	case plugin.Add:
		return p.Add(ctx, inv)
	case plugin.Del:
		return nil, p.Del(ctx, inv)
	case plugin.Check:
		return nil, p.Check(ctx, inv)
	case plugin.GC:
		return nil, p.GC(ctx, inv)
	default:
		return nil, p.Status(ctx, inv)
	}
}

// Repair runs a plugin's Repair and returns the objects that it names.
func (h *Host) Repair(p plugin.Plugin, inv *plugin.Invocation) []string {
	h.T.Helper()
	h.Repaired = nil
	Must(h.T, p.(plugin.Repairer).Repair(h.T.Context(), inv))
	return h.Repaired
}

// Addresses are those of a container on one of the networks "a", "b" and so on: 10.NETWORK.0.NUMBER
// and fd00:NETWORK::NUMBER. Number 1 is the gateway.
func Addresses(network string, number int) (ipv4, ipv6 string) {
	n := int(network[0] - 'a' + 1)
	return fmt.Sprintf("10.%d.0.%d", n, number), fmt.Sprintf("fd00:%d::%x", n, number)
}

// Attach attaches a container to a network of Addresses with a plugin that makes bridges; the
// bridge is "br" and the network's name, and the plugin delegates to static.
func (h *Host) Attach(bridge plugin.Plugin, c *Container, number int) {
	h.T.Helper()
	ipv4, ipv6 := Addresses(c.Network, number)
	gateway4, gateway6 := Addresses(c.Network, 1)
	config := fmt.Sprintf(
		`{"cniVersion":"1.1.0","name":%q,"type":"bridge","bridge":%q,"isGateway":true,"ipam":{"type":"static",
		"addresses":[{"address":"%s/24","gateway":%q},{"address":"%s/64","gateway":%q}],"routes":[{"dst":"0.0.0.0/0"},{"dst":"::/0"}]}}`,
		c.Network,
		"br"+c.Network,
		ipv4,
		gateway4,
		ipv6,
		gateway6,
	)
	result, err := bridge.Add(h.T.Context(), h.Invocation(c, []byte(config)))
	Must(h.T, err)
	c.Result = result
}

// Paper is an attachment that exists only as the result of a bridge plugin; it has the addresses of
// Addresses.
func Paper(network string, number int) *Container {
	c := Lost(network, fmt.Sprintf("c%d", number))
	ipv4, ipv6 := Addresses(network, number)
	result := &types100.Result{Interfaces: []*types100.Interface{
		{
			Name: "br" + network,
		}, {Name: fmt.Sprintf("v%s%d", network, number)}, {Name: "eth0", Sandbox: "/no/such"}}}
	for _, text := range []string{ipv4 + "/24", ipv6 + "/64"} {
		prefix := netip.MustParsePrefix(text)
		result.IPs = append(result.IPs, &types100.IPConfig{Interface: types100.Int(2),
			Address: net.IPNet{
				IP:   prefix.Addr().AsSlice(),
				Mask: net.CIDRMask(prefix.Bits(), prefix.Addr().BitLen()),
			}})
	}
	c.Result = plugin.NewResult(result)
	return c
}
