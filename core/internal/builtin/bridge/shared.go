package bridge

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/libcni/libcni/core/internal/host/lockfile"
	"github.com/libcni/libcni/core/internal/host/rtnl"
	"github.com/libcni/libcni/core/internal/host/sysctl"
	"github.com/libcni/libcni/core/plugin"
)

// locked runs fn under the lock of the bridge of that name.
func locked(ctx context.Context, inv *plugin.Invocation, bridge string, fn func() error) error {
	lock, err := lockfile.Flock(ctx, filepath.Join(inv.StateDir, "locks", "bridge."+bridge), 0o600, lockfile.Exclusive)
	if err != nil {
		return fmt.Errorf("bridge %s: %w", bridge, err)
	}
	return errors.Join(fn(), lock.Unlock())
}

// lookUp returns nil when there is no such link.
func lookUp(ctx context.Context, conn *rtnl.Conn, name string) (*rtnl.Link, error) {
	link, err := conn.LinkByName(ctx, name)
	if errors.Is(err, rtnl.ErrNotFound) {
		return nil, nil
	}
	return link, err
}

// ensureBridge makes the bridge what it should be. Its lock is taken only if something has to be done.
func (a *attachment) ensureBridge(ctx context.Context) error {
	link, err := lookUp(ctx, a.host, a.Bridge)
	if err != nil {
		return err
	}
	if err := a.setMTU(ctx, link); err != nil {
		return err
	}
	needed, err := bridgeChanges(a.bridge, link)
	if err != nil {
		return err
	}
	a.link = link
	if needed.nothing() {
		return nil
	}
	return locked(ctx, a.inv, a.Bridge, func() error { return a.changeBridge(ctx) })
}

func (a *attachment) setMTU(ctx context.Context, bridge *rtnl.Link) error {
	mtu := a.mtu
	if mtu == 0 {
		inherited, err := defaultMTU(ctx, a.host)
		if err != nil {
			return err
		}
		mtu = chooseMTU(0, inherited, carriedMTU(bridge))
	}
	a.bridge.MTU, a.pair.MTU = mtu, mtu
	return nil
}

// carriedMTU returns what a bridge that is there carries, 0 for no limit. The kernel gives a bridge whose last port goes
// an MTU of 1500, whatever it was made with: of a bridge of ours that is none.
func carriedMTU(bridge *rtnl.Link) int {
	if bridge == nil || bridge.Alias == mark && bridge.MTU == emptyMTU {
		return 0
	}
	return bridge.MTU
}

// defaultMTU returns the MTU of the way to the Internet, 0 if there is none.
func defaultMTU(ctx context.Context, host *rtnl.Conn) (int, error) {
	route, err := host.DefaultRoute(ctx)
	if errors.Is(err, rtnl.ErrNotFound) {
		return 0, nil
	} else if err != nil {
		return 0, err
	}
	if route.MTU != 0 {
		return route.MTU, nil
	}
	link, err := host.LinkByIndex(ctx, route.Link)
	if errors.Is(err, rtnl.ErrNotFound) { // it went meanwhile
		return 0, nil
	} else if err != nil {
		return 0, err
	}
	return link.MTU, nil
}

// changeBridge runs under the lock, and so looks again: another call may have done the work. It goes round once more
// when somebody who does not know the lock made the bridge in between.
func (a *attachment) changeBridge(ctx context.Context) error {
	for range 3 {
		link, err := lookUp(ctx, a.host, a.Bridge)
		if err != nil {
			return err
		}
		needed, err := bridgeChanges(a.bridge, link)
		if err != nil {
			return err
		}
		if a.link = link; needed.nothing() {
			return nil
		}
		if needed.create {
			err = a.createBridge(ctx)
		} else {
			err = a.adjustBridge(ctx, needed)
		}
		if err != nil {
			return err
		}
	}
	return fmt.Errorf("bridge %s: somebody changes it all the time", a.Bridge)
}

func (a *attachment) createBridge(ctx context.Context) error {
	err := a.host.AddBridge(ctx, a.bridge)
	switch {
	case errors.Is(err, rtnl.ErrExists):
		return nil
	case errors.Is(err, rtnl.ErrUnsupported) && a.bridge.VLANFiltering:
		return fmt.Errorf("%w; does the kernel have CONFIG_BRIDGE_VLAN_FILTERING?", err)
	case err != nil:
		return err
	}
	link, err := a.host.LinkByName(ctx, a.Bridge)
	if err != nil {
		return err
	}
	if err := a.host.SetLink(ctx, link.Index, rtnl.Change{Alias: mark}); err != nil {
		return fmt.Errorf("bridge %s: %w", a.Bridge, err)
	}
	return setAcceptRA(a.Bridge, "0")
}

func (a *attachment) adjustBridge(ctx context.Context, needed bridgeChange) error {
	if needed.vlanFiltering {
		if err := a.host.EnableVLANFiltering(ctx, a.link.Index); err != nil {
			return fmt.Errorf("bridge %s: %w", a.Bridge, err)
		}
	}
	if needed.set {
		if err := a.host.SetLink(ctx, a.link.Index, needed.change); err != nil {
			return fmt.Errorf("bridge %s: %w", a.Bridge, err)
		}
	}
	if needed.acceptRA {
		return setAcceptRA(a.Bridge, "0")
	}
	return nil
}

// setAcceptRA sets whether a link of the host takes routes from router advertisements. Without IPv6 it takes none.
func setAcceptRA(link, value string) error {
	_, err := sysctl.Set(sysctl.Link("ipv6", link, "accept_ra"), value)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
