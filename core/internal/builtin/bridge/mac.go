package bridge

import (
	"bytes"
	"context"
	"fmt"
	"net"

	"github.com/libcni/libcni/core/internal/host/rtnl"
	"github.com/libcni/libcni/core/internal/kit/iface"
)

// pinMAC sets the MAC address of a bridge that we did not create. Otherwise the kernel gives the
// bridge the lowest address of its ports, which changes with the ports, and zeros when the last
// port is gone. A repair restores the address of the ADD.
func (a *attachment) pinMAC(ctx context.Context) error {
	if a.link.Alias == mark {
		return nil
	}
	mac := a.link.MAC // before the container's port was attached
	if a.bridge.MAC != nil {
		mac = a.bridge.MAC
	}
	if !isZero(mac) {
		return a.setMAC(ctx, mac)
	}
	return locked(ctx, a.inv, a.Bridge, func() error { return a.replaceZeroMAC(ctx) })
}

// replaceZeroMAC sets a random address, unless another call has done so. It runs under the lock.
func (a *attachment) replaceZeroMAC(ctx context.Context) error {
	link, err := a.host.LinkByIndex(ctx, a.link.Index)
	if err != nil {
		return err
	}
	mac := link.MAC
	if isZero(mac) || a.pair.Port != nil && bytes.Equal(mac, a.pair.Port.MAC) {
		mac = iface.RandomMACs(1)[0]
	}
	return a.setMAC(ctx, mac)
}

func (a *attachment) setMAC(ctx context.Context, mac net.HardwareAddr) error {
	if err := a.host.SetLink(ctx, a.link.Index, rtnl.Change{MAC: mac}); err != nil {
		return fmt.Errorf("bridge %s: set the MAC address %s: %w; set one, for example with "+
			"\"ip link set %s address %s\", or choose another bridge", a.Bridge, mac, err, a.Bridge,
			iface.RandomMACs(1)[0])
	}
	return nil
}

func isZero(mac net.HardwareAddr) bool {
	for _, b := range mac {
		if b != 0 {
			return false
		}
	}
	return true
}
