package bridge

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/host/lockfile"
	"github.com/libcni/libcni/core/internal/host/rtnl"
	"github.com/libcni/libcni/core/internal/kit/iface"
	"github.com/libcni/libcni/core/internal/kit/router"
	"github.com/libcni/libcni/core/plugin"
)

// locked runs fn under the lock of the bridge of that name.
func locked(ctx context.Context, inv *plugin.Invocation, bridge string, fn func() error) error {
	lock, err := lockfile.Flock(ctx, filepath.Join(inv.StateDir, "locks", "bridge."+bridge), 0o600,
		lockfile.Exclusive)
	if err != nil {
		return fmt.Errorf("bridge %s: %w", bridge, err)
	}
	return errors.Join(fn(), lock.Unlock())
}

// ensureBridge brings the bridge to the desired state. Its lock is taken only if something has to
// change.
func (a *attachment) ensureBridge(ctx context.Context) error {
	link, err := iface.LookUp(ctx, a.host, a.Bridge)
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
		inherited, err := router.MTU(ctx, a.host)
		if err != nil {
			return err
		}
		mtu = chooseMTU(0, inherited, carriedMTU(bridge))
	}
	a.bridge.MTU, a.pair.MTU = mtu, mtu
	return nil
}

// carriedMTU returns the MTU that an existing bridge carries, 0 for no limit. When a bridge loses
// its last port the kernel resets its MTU to 1500; on a bridge we created, 1500 therefore means "no
// limit".
func carriedMTU(bridge *rtnl.Link) int {
	if bridge == nil || bridge.Alias == mark && bridge.MTU == emptyMTU {
		return 0
	}
	return bridge.MTU
}

// keepIPv6 refuses an MTU with which the bridge would lose its IPv6 addresses: a bridge takes the
// smallest MTU of its ports. A link-local address alone serves nobody.
func (a *attachment) keepIPv6(ctx context.Context) error {
	if router.CarriesIPv6(a.pair.MTU) {
		return nil
	}
	have, err := a.host.Addresses(ctx, a.link.Index)
	if err != nil {
		return err
	}
	for _, address := range have {
		if ip := address.Prefix.Addr(); ip.Is6() && !ip.IsLinkLocalUnicast() {
			return fault.InvalidConfig("mtu",
				"mtu: with %d bridge %s would lose its address %s, since IPv6 needs %d; set a larger mtu, "+
					"or use another bridge", a.pair.MTU, a.Bridge, address.Prefix, router.MinMTU6)
		}
	}
	return nil
}

// changeBridge runs under the lock. It compares the bridge again, since another call may have done
// the work, and retries if a process that does not take the lock creates the bridge meanwhile.
func (a *attachment) changeBridge(ctx context.Context) error {
	for attempt := range 3 {
		link, err := iface.LookUp(ctx, a.host, a.Bridge)
		if err != nil {
			return err
		}
		needed, err := bridgeChanges(a.bridge, link)
		if err != nil {
			return err
		}
		if attempt > 0 {
			needed.acceptRA = false // a precaution that cannot be written where /proc/sys is read-only
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
	return fmt.Errorf("bridge %s: gave up after 3 attempts: another process keeps modifying it",
		a.Bridge)
}

func (a *attachment) createBridge(ctx context.Context) error {
	if a.bridge.MAC == nil {
		a.bridge.MAC = iface.RandomMACs(1)[0]
	}
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
	if err := iface.Own(ctx, a.host, link.Index, link.MAC, rtnl.Change{Alias: mark}); err != nil {
		return fmt.Errorf("bridge %s: %w", a.Bridge, err)
	}
	return router.IgnoreAdvertisements(a.inv, link)
}

// ownUp brings a bridge of ours up. It lost its IPv6 addresses when it went down.
func (a *attachment) ownUp(ctx context.Context, index int, change rtnl.Change) error {
	return iface.Own(ctx, a.host, index, a.link.MAC, change)
}

func (a *attachment) adjustBridge(ctx context.Context, needed bridgeChange) error {
	if needed.vlanFiltering {
		if err := a.host.EnableVLANFiltering(ctx, a.link.Index); err != nil {
			return fmt.Errorf("bridge %s: %w", a.Bridge, err)
		}
	}
	if needed.set {
		set := a.host.SetLink
		if a.link.Alias == mark && needed.change.Up {
			set = a.ownUp
		}
		if err := set(ctx, a.link.Index, needed.change); err != nil {
			return fmt.Errorf("bridge %s: %w", a.Bridge, err)
		}
	}
	if needed.acceptRA {
		return router.IgnoreAdvertisements(a.inv, a.link)
	}
	return nil
}
