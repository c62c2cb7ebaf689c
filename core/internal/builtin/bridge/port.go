package bridge

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/libcni/libcni/core/internal/host/rtnl"
	"github.com/libcni/libcni/core/internal/kit/router"
)

// forwardTimeout bounds the wait until a port forwards.
const forwardTimeout = 10 * time.Second

// setPort configures the port: router advertisements, VLANs, hairpin mode and isolation.
func (a *attachment) setPort(ctx context.Context) error {
	if err := router.IgnoreAdvertisements(a.inv, a.pair.Port); err != nil {
		return err
	}
	if err := a.configurePort(ctx, a.pair.Port.Index, a.plan.port, a.vlans); err != nil {
		return fmt.Errorf("bridge %s: port %s: %w", a.Bridge, a.pair.Port.Name, err)
	}
	return nil
}

func (a *attachment) configurePort(ctx context.Context, index int, port rtnl.Port,
	vlans []rtnl.VLAN) error {
	if a.dropDefault && a.link.Bridge.DefaultPVID != 0 {
		if err := a.host.RemovePortVLAN(ctx, index, a.link.Bridge.DefaultPVID); err != nil {
			return err
		}
	}
	if port == (rtnl.Port{}) && len(vlans) == 0 {
		return nil
	}
	return a.host.SetPort(ctx, index, port, vlans)
}

// awaitForwarding waits until the bridge forwards packets of the container, and with DAD until the
// addresses are known to be unique.
func (a *attachment) awaitForwarding(ctx context.Context) error {
	if a.up {
		if err := a.awaitLinks(ctx); err != nil {
			return err
		}
	}
	if err := a.awaitDetection(ctx); err != nil {
		return err
	}
	if a.link.Alias == mark && a.link.MTU == a.pair.Port.MTU {
		return nil
	}
	// attaching a port may have changed the bridge's MTU, and the MAC of a bridge that we did not
	// create
	var err error
	a.link, err = a.host.LinkByIndex(ctx, a.link.Index)
	return err
}

// awaitLinks waits until the kernel has noticed that the pair is up, and after that the bridge and
// our link with the gateway addresses, unless another port has made them operational before. What
// is sent to a link that is not operational is dropped.
func (a *attachment) awaitLinks(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, forwardTimeout)
	defer cancel()
	links := []rtnl.Awaited{{Index: a.pair.Port.Index, Until: settled(a.link)}}
	for _, link := range slices.Compact([]*rtnl.Link{a.link, a.gateway}) {
		if a.followsPort(link) && !link.Operational {
			links = append(links, rtnl.Awaited{Index: link.Index, Until: isOperational})
		}
	}
	switch err := a.host.WaitLinks(limited, links...); {
	case err == nil:
		return nil
	case errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil:
		return fmt.Errorf("bridge %s: port %s did not start to forward within %v",
			a.Bridge, a.pair.Port.Name, forwardTimeout)
	default:
		return fmt.Errorf("bridge %s: port %s: %w", a.Bridge, a.pair.Port.Name, err)
	}
}

// followsPort reports whether a link, which may be nil, becomes operational with the first port
// that forwards: the bridge, and the VLAN link that we made on it.
func (a *attachment) followsPort(link *rtnl.Link) bool {
	return link != nil && !a.link.Bridge.STP && (link == a.link || link.Alias == mark)
}

func isOperational(link *rtnl.Link) bool { return link.Operational }

func (a *attachment) awaitDetection(ctx context.Context) error {
	if len(a.detecting) > 0 {
		if err := a.host.WaitUsable(ctx, a.gateway.Index, a.detecting...); err != nil {
			return fmt.Errorf("%s: %w", a.gateway.Name, err)
		}
	}
	return a.container().AwaitDetection(ctx)
}

// settled reports whether a port forwards, and the kernel has noticed that both ends of the pair
// are up: before that it drops what is sent to them. With the spanning tree protocol forwarding
// takes half a minute, so an operational port suffices.
func settled(bridge *rtnl.Link) func(*rtnl.Link) bool {
	return func(port *rtnl.Link) bool {
		return port.Port != nil && port.Operational && (port.Port.Forwarding || bridge.Bridge.STP)
	}
}
