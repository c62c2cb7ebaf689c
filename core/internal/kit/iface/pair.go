package iface

import (
	"bytes"
	"context"
	"errors"

	types100 "github.com/containernetworking/cni/pkg/types/100"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/host/rtnl"
	"github.com/libcni/libcni/core/internal/kit"
	"github.com/libcni/libcni/core/internal/kit/steps"
	"github.com/libcni/libcni/core/plugin"
)

// Pair is the veth pair of an attachment: the host's end, which comes up, and the container's end,
// in its namespace under its final name.
type Pair struct {
	rtnl.NewVeth
	Port *rtnl.Link // the host's end, once the pair is made

	inv  *plugin.Invocation
	host *rtnl.Conn
}

// NewPair describes a pair with random MAC addresses. The caller may change it until it is made.
func NewPair(inv *plugin.Invocation, host *rtnl.Conn) *Pair {
	macs := RandomMACs(2)
	return &Pair{inv: inv, host: host, NewVeth: rtnl.NewVeth{Name: inv.HostIfName, MAC: macs[0],
		Up: true, PeerName: inv.IfName, PeerMAC: macs[1], PeerNamespace: inv.Netns}}
}

// Make makes the pair. A name that is taken is an error of kind exists that says which.
func (p *Pair) Make(ctx context.Context) (err error) {
	p.Port, err = p.host.CreateVeth(ctx, p.NewVeth)
	switch {
	case err == nil, errors.Is(err, rtnl.ErrBridgeFull):
		return err
	case errors.Is(err, rtnl.ErrExists):
		return nameTaken(ctx, p.inv, err)
	}
	return errors.Join(err, steps.Undo(ctx, steps.Step{Undo: p.withdraw}))
}

// withdraw removes a pair that was made although no answer said so, and no other link of its name.
func (p *Pair) withdraw(ctx context.Context) error {
	link, err := LookUp(ctx, p.host, p.Name)
	if err != nil || link == nil || !bytes.Equal(link.MAC, p.MAC) {
		return err
	}
	return Delete(ctx, p.host, link)
}

// Remove undoes Make.
func (p *Pair) Remove(ctx context.Context) error { return DeleteByName(ctx, p.host, p.Name) }

// Describe returns both ends for the result, the host's end first.
func (p *Pair) Describe() []*types100.Interface {
	return []*types100.Interface{
		{Name: p.Port.Name, Mac: p.Port.MAC.String(), Mtu: p.Port.MTU},
		{Name: p.PeerName, Mac: p.PeerMAC.String(), Mtu: p.Port.MTU, Sandbox: p.inv.NetnsPath},
	}
}

// nameTaken says which of the two names is in use.
func nameTaken(ctx context.Context, inv *plugin.Invocation, taken error) error {
	container, err := kit.Container(ctx, inv)
	if err != nil {
		return errors.Join(taken, err)
	}
	if _, err := container.LinkByName(ctx, inv.IfName); err == nil {
		return fault.New(fault.KindExists, nil, "the container has an interface %s already", inv.IfName)
	}
	return fault.New(fault.KindExists, nil, "the host has a link %s already", inv.HostIfName)
}

// LookUp returns the link of that name, or nil if it does not exist.
func LookUp(ctx context.Context, conn *rtnl.Conn, name string) (*rtnl.Link, error) {
	link, err := conn.LinkByName(ctx, name)
	if errors.Is(err, rtnl.ErrNotFound) {
		return nil, nil
	}
	return link, err
}

// Delete removes a link, which may be nil or gone.
func Delete(ctx context.Context, conn *rtnl.Conn, link *rtnl.Link) error {
	if link == nil {
		return nil
	}
	if err := conn.DeleteLink(ctx, link.Index); !errors.Is(err, rtnl.ErrNotFound) {
		return err
	}
	return nil
}

// DeleteByName removes the link of that name, if there is one.
func DeleteByName(ctx context.Context, conn *rtnl.Conn, name string) error {
	link, err := LookUp(ctx, conn, name)
	if err != nil {
		return err
	}
	return Delete(ctx, conn, link)
}

// Kind describes what a link is, for messages.
func Kind(link *rtnl.Link) string {
	if link.Kind == "" {
		return "a device"
	}
	return "of kind " + link.Kind
}
