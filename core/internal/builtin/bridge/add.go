package bridge

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/netip"
	"time"

	types100 "github.com/containernetworking/cni/pkg/types/100"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/host/rtnl"
	"github.com/libcni/libcni/core/internal/kit"
	"github.com/libcni/libcni/core/plugin"
)

// Budgets of what must not take for ever.
const (
	undoTimeout    = 10 * time.Second
	forwardTimeout = 10 * time.Second
	joinTimeout    = time.Second
)

// attachment is an ADD under way.
type attachment struct {
	*config
	*plan
	inv       *plugin.Invocation
	host      *rtnl.Conn
	link      *rtnl.Link // the bridge
	port      *rtnl.Link // the host's end
	gateway   *rtnl.Link // what holds the gateway addresses
	detecting []netip.Prefix
	address   *addressing
	ipam      *types100.Result
}

// step is one change of an ADD, with what takes it back. What is shared with other containers stays.
type step struct {
	do   func(context.Context) error
	undo func(context.Context) error
	// half says that the step may leave something behind when it fails.
	half bool
}

func (a *attachment) steps() []step {
	return []step{
		{do: a.ensureBridge},
		{do: a.makePair, undo: a.removePair},
		{do: a.setPort},
		{do: a.allocate, undo: a.release, half: true},
		{do: a.ensureGateway},
		{do: a.enableForwarding},
		{do: a.addRules, undo: a.removeRules, half: true},
		{do: a.configureContainer},
		{do: a.awaitForwarding},
		{do: a.announce},
	}
}

// Add attaches the container.
func (bridge) Add(ctx context.Context, inv *plugin.Invocation) (*plugin.Result, error) {
	a, err := newAttachment(ctx, inv)
	if err != nil {
		return nil, err
	}
	if err := run(ctx, a.steps()); err != nil {
		return nil, err
	}
	return plugin.NewResult(a.result()).WithInterface(a.port.Peer, a.pair.PeerMAC), nil
}

func newAttachment(ctx context.Context, inv *plugin.Invocation) (*attachment, error) {
	c, err := parse(inv.Config)
	if err != nil {
		return nil, err
	}
	if inv.Netns == nil {
		return nil, fault.InvalidRequest("netns", "netns: bridge needs the container's network namespace")
	}
	random := make([]byte, 18)
	_, _ = rand.Read(random) // never fails, see its documentation
	p, err := newPlan(c, inv, randomMAC(random), randomMAC(random[6:]), randomMAC(random[12:]))
	if err != nil {
		return nil, err
	}
	host, err := kit.Host(ctx, inv)
	if err != nil {
		return nil, err
	}
	return &attachment{config: c, plan: p, inv: inv, host: host}, nil
}

// run does the steps; when one fails, it undoes those before it in reverse, with time of their own.
func run(ctx context.Context, steps []step) error {
	for i, s := range steps {
		err := s.do(ctx)
		if err == nil {
			continue
		}
		done := steps[:i]
		if s.half {
			done = steps[:i+1]
		}
		return errors.Join(err, undo(ctx, done))
	}
	return nil
}

func undo(ctx context.Context, done []step) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTimeout)
	defer cancel()
	var failed error
	for i := len(done) - 1; i >= 0; i-- {
		if done[i].undo == nil {
			continue
		}
		if err := done[i].undo(ctx); err != nil {
			failed = errors.Join(failed, fmt.Errorf("%w: %w", fault.ErrNotUndone, err))
		}
	}
	return failed
}

// makePair creates both ends at their places.
func (a *attachment) makePair(ctx context.Context) (err error) {
	a.pair.Master = a.link.Index
	a.port, err = a.host.CreateVeth(ctx, a.pair)
	switch {
	case errors.Is(err, rtnl.ErrBridgeFull):
		return fmt.Errorf("bridge %s is full: %w; use another bridge", a.Bridge, err)
	case errors.Is(err, rtnl.ErrExists):
		return a.nameTaken(ctx, err)
	case err != nil:
		err = fmt.Errorf("bridge %s: attach: %w", a.Bridge, err)
		return errors.Join(err, undo(ctx, []step{{undo: a.withdrawPair}}))
	}
	return nil
}

// withdrawPair removes a pair that was made although no answer said so, and nobody else's.
func (a *attachment) withdrawPair(ctx context.Context) error {
	link, err := a.host.LinkByName(ctx, a.inv.HostIfName)
	if errors.Is(err, rtnl.ErrNotFound) || err == nil && !bytes.Equal(link.MAC, a.pair.MAC) {
		return nil
	}
	if err != nil {
		return err
	}
	return a.removePair(ctx)
}

// nameTaken says which of the two names is in use.
func (a *attachment) nameTaken(ctx context.Context, taken error) error {
	container, err := kit.Container(ctx, a.inv)
	if err != nil {
		return errors.Join(taken, err)
	}
	if _, err := container.LinkByName(ctx, a.inv.IfName); err == nil {
		return fault.New(fault.KindExists, nil, "the container has an interface %s already", a.inv.IfName)
	}
	return fault.New(fault.KindExists, nil, "the host has a link %s already", a.inv.HostIfName)
}

func (a *attachment) removePair(ctx context.Context) error {
	link, err := a.host.LinkByName(ctx, a.inv.HostIfName)
	if err == nil {
		err = a.host.DeleteLink(ctx, link.Index)
	}
	if err != nil && !errors.Is(err, rtnl.ErrNotFound) {
		return err
	}
	return removeUnusedGateway(ctx, a.config, a.inv)
}

// setPort sets what the bridge's end has beyond being a port.
func (a *attachment) setPort(ctx context.Context) error {
	if err := setAcceptRA(a.port.Name, "0"); err != nil {
		return err
	}
	if err := configurePort(ctx, a.host, a.link, a.port.Index, a.dropDefault, a.plan.port, a.vlans); err != nil {
		return fmt.Errorf("bridge %s: port %s: %w", a.Bridge, a.port.Name, err)
	}
	return nil
}

func configurePort(ctx context.Context, host *rtnl.Conn, bridge *rtnl.Link, index int, dropDefault bool, port rtnl.Port, vlans []rtnl.VLAN) error {
	if dropDefault && bridge.Bridge.DefaultPVID != 0 {
		if err := host.RemovePortVLAN(ctx, index, bridge.Bridge.DefaultPVID); err != nil {
			return err
		}
	}
	if port == (rtnl.Port{}) && len(vlans) == 0 {
		return nil
	}
	return host.SetPort(ctx, index, port, vlans)
}

// allocate asks the address plugin.
func (a *attachment) allocate(ctx context.Context) error {
	if a.IPAM.Type == "" {
		return nil
	}
	answer, err := a.inv.Delegate(ctx, plugin.Add, a.IPAM.Type, a.inv.Config)
	if err != nil {
		return fmt.Errorf("ipam %s: %w", a.IPAM.Type, err)
	}
	if a.ipam, err = answer.Value(); err != nil {
		return fmt.Errorf("ipam %s: %w", a.IPAM.Type, err)
	}
	a.address, err = newAddressing(a.config, a.ipam)
	return err
}

func (a *attachment) release(ctx context.Context) error {
	err := delegate(ctx, a.config, a.inv, plugin.Del)
	var f *fault.Error
	if errors.As(err, &f) && f.Kind == fault.KindPluginNotFound {
		return nil // it did not run
	}
	return err
}

// result is the answer, with the interfaces in the reference plugin's order.
func (a *attachment) result() *types100.Result {
	r := &types100.Result{CNIVersion: types100.ImplementedSpecVersion, Interfaces: []*types100.Interface{
		{Name: a.link.Name, Mac: a.link.MAC.String(), Mtu: a.link.MTU},
		{Name: a.port.Name, Mac: a.port.MAC.String(), Mtu: a.port.MTU},
		{Name: a.inv.IfName, Mac: a.pair.PeerMAC.String(), Mtu: a.port.MTU, Sandbox: a.inv.NetnsPath},
	}}
	if a.gateway != nil && a.gateway.Index != a.link.Index {
		r.Interfaces = append(r.Interfaces, &types100.Interface{Name: a.gateway.Name, Mac: a.gateway.MAC.String(), Mtu: a.gateway.MTU})
	}
	if a.address != nil {
		r.IPs, r.Routes, r.DNS = a.address.ips, a.address.routes, *a.ipam.DNS.Copy()
	}
	if c := a.config.DNS; c.Nameservers != nil || c.Search != nil || c.Options != nil || c.Domain != "" {
		r.DNS = c
	}
	return r
}
