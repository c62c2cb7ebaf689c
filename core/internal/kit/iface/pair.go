package iface

import (
	"bytes"
	"context"
	"errors"
	"net"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/host/rtnl"
	"github.com/libcni/libcni/core/internal/kit"
	"github.com/libcni/libcni/core/internal/kit/steps"
	"github.com/libcni/libcni/core/plugin"
)

// NewPair describes the veth pair of an attachment: the host's end, which comes up, and the container's end, in its
// namespace under its final name.
func NewPair(inv *plugin.Invocation, host, container net.HardwareAddr) rtnl.NewVeth {
	return rtnl.NewVeth{Name: inv.HostIfName, MAC: host, Up: true,
		PeerName: inv.IfName, PeerMAC: container, PeerNamespace: inv.Netns}
}

// MakePair makes a pair and returns the host's end. A name that is taken is an error of kind exists that says which.
func MakePair(ctx context.Context, inv *plugin.Invocation, host *rtnl.Conn, pair rtnl.NewVeth) (*rtnl.Link, error) {
	link, err := host.CreateVeth(ctx, pair)
	switch {
	case err == nil:
		return link, nil
	case errors.Is(err, rtnl.ErrBridgeFull):
		return nil, err
	case errors.Is(err, rtnl.ErrExists):
		return nil, nameTaken(ctx, inv, err)
	}
	withdraw := func(ctx context.Context) error { return withdrawPair(ctx, host, pair) }
	return nil, errors.Join(err, steps.Undo(ctx, steps.Step{Undo: withdraw}))
}

// withdrawPair removes a pair that was made although no answer said so, and no other link of its name.
func withdrawPair(ctx context.Context, host *rtnl.Conn, pair rtnl.NewVeth) error {
	link, err := LookUp(ctx, host, pair.Name)
	if err != nil || link == nil || !bytes.Equal(link.MAC, pair.MAC) {
		return err
	}
	return Delete(ctx, host, link)
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

// LookUp returns the link of that name, nil if there is none.
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
