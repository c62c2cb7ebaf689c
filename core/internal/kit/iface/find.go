package iface

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"

	types100 "github.com/containernetworking/cni/pkg/types/100"

	"github.com/libcni/libcni/core/internal/host/rtnl"
	"github.com/libcni/libcni/core/internal/kit"
	"github.com/libcni/libcni/core/internal/kit/record"
	"github.com/libcni/libcni/core/internal/kit/reference"
	"github.com/libcni/libcni/core/plugin"
)

// Ours reports whether the host's end of a pair is one that the plugin makes, for attachments whose
// MAC address is unknown.
type Ours func(ctx context.Context, host *rtnl.Conn, port *rtnl.Link) (bool, error)

// Marked is Ours of a plugin whose pairs are in no bridge, and whose host's ends are marked with
// their owner. An executable marks nothing.
func Marked(inv *plugin.Invocation) Ours {
	return func(_ context.Context, _ *rtnl.Conn, port *rtnl.Link) (bool, error) {
		if strings.HasPrefix(port.Alias, markPrefix) {
			return port.Alias == mark(inv), nil
		}
		return port.Master == 0, nil
	}
}

// Others looks up the container's other interfaces.
func Others(ctx context.Context, inv *plugin.Invocation) (reference.Others, error) {
	if inv.OtherInterfaces != nil {
		names, err := inv.OtherInterfaces()
		if err != nil || len(names) > 0 {
			return reference.Others{Recorded: true}, err
		}
	}
	addresses, err := otherAddresses(ctx, inv)
	return reference.Others{Addresses: addresses}, err
}

// otherAddresses returns the addresses of the container's interfaces other than the attachment's;
// none if there is no namespace.
func otherAddresses(ctx context.Context, inv *plugin.Invocation) (others []netip.Addr, err error) {
	if inv.Netns == nil {
		return nil, nil
	}
	container, err := kit.Container(ctx, inv)
	if err != nil {
		return nil, err
	}
	links, err := container.Links(ctx)
	if err != nil {
		return nil, err
	}
	for _, link := range links {
		if link.Name == inv.IfName {
			continue
		}
		addresses, err := container.Addresses(ctx, link.Index)
		if err != nil {
			return nil, err
		}
		for _, a := range addresses {
			others = append(others, a.Prefix.Addr())
		}
	}
	return others, nil
}

// StartDeletion starts to remove an attachment's pair, and returns a function that waits until it
// is gone.
func StartDeletion(ctx context.Context, inv *plugin.Invocation,
	ours Ours) (wait func(context.Context) error, err error) {
	conn, index, err := findPair(ctx, inv, ours)
	if err != nil {
		return nil, err
	}
	if conn == nil {
		return func(context.Context) error { return nil }, nil
	}
	deletion, err := conn.BeginDeletion(ctx, index)
	if err != nil {
		return nil, fmt.Errorf("interface %s: remove: %w", inv.IfName, err)
	}
	return func(ctx context.Context) error {
		if err := deletion.Wait(ctx); err != nil && !errors.Is(err, rtnl.ErrNotFound) {
			return fmt.Errorf("interface %s: remove: %w", inv.IfName, err)
		}
		return nil
	}, nil
}

// findPair finds either end of the attachment's pair: the host's by its recorded name, else the
// container's by the interface name. The connection is nil if neither end exists, or only
// another attachment's of the same name.
func findPair(ctx context.Context, inv *plugin.Invocation, ours Ours) (*rtnl.Conn, int, error) {
	host, err := kit.Host(ctx, inv)
	if err != nil {
		return nil, 0, err
	}
	was := record.Known(inv)
	if name := was.HostName(); name != "" {
		link, err := LookUp(ctx, host, name)
		if err != nil {
			return nil, 0, err
		}
		if link != nil && link.Kind == "veth" && isRecorded(was.Host(name), link) {
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
	end, err := LookUp(ctx, container, inv.IfName)
	if err != nil || end == nil || end.Kind != "veth" {
		return nil, 0, err
	}
	if mac := was.ContainerMAC(); mac != nil {
		if !bytes.Equal(mac, end.MAC) {
			return nil, 0, nil
		}
		return container, end.Index, nil
	}
	own, err := isOurs(ctx, host, end, ours)
	if err != nil || !own {
		return nil, 0, err
	}
	return container, end.Index, nil
}

// isRecorded reports whether a link with the recorded name has the recorded address, too, if there
// is one: the name may be another attachment's by now.
func isRecorded(was *types100.Interface, link *rtnl.Link) bool {
	if was == nil {
		return true
	}
	mac, err := net.ParseMAC(was.Mac)
	return err != nil || bytes.Equal(mac, link.MAC)
}

// isOurs tells the attachment's end in the container from another's by the other end.
func isOurs(ctx context.Context, host *rtnl.Conn, end *rtnl.Link, ours Ours) (bool, error) {
	port, err := host.LinkByIndex(ctx, end.Peer)
	if errors.Is(err, rtnl.ErrNotFound) {
		return false, nil
	}
	if err != nil || port.Kind != "veth" || port.Peer != end.Index {
		return false, err
	}
	return ours(ctx, host, port)
}
