package iface

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"

	"github.com/libcni/libcni/core/internal/host/rtnl"
	"github.com/libcni/libcni/core/internal/host/sysctl"
	"github.com/libcni/libcni/core/internal/kit/ipam"
)

// setting is a sysctl of the container's namespace.
type setting struct {
	key, value string
	needed     bool // without it an address cannot be added; otherwise it is a precaution
}

// settings returns what the interface needs before it comes up.
func (i *Interface) settings() (list []setting) {
	if len(i.Addresses) == 0 {
		return nil
	}
	link := func(setting string) string { return sysctl.Link("ipv6", i.Inv.IfName, setting) }
	if !i.AcceptRA {
		// Otherwise any neighbour can give the container another default route and address.
		list = append(list, setting{link("accept_ra"), "0", false},
			setting{link("autoconf"), "0", false})
	}
	if !ipam.Has(i.prefixes(), netip.Addr.Is6) {
		return list
	}
	// Runtimes start containers with IPv6 off. Since addresses are asked for, it is turned on.
	list = append(list,
		setting{sysctl.Link("ipv6", "lo", "disable_ipv6"), "0", true},
		setting{link("disable_ipv6"), "0", true},
		setting{link("keep_addr_on_down"), "1", false},
		setting{link("ndisc_notify"), "1", false})
	if !i.DAD {
		return append(list, setting{link("accept_dad"), "0", false})
	}
	return append(list, setting{link("enhanced_dad"), "1", true},
		setting{link("accept_dad"), "1", true})
}

// prepare applies the settings in the container's namespace. Precautions that cannot be written are
// a warning.
func (i *Interface) prepare(ctx context.Context) error {
	list := i.settings()
	if list == nil {
		return nil
	}
	var refused []error
	err := i.Inv.Netns.Do(ctx, func() (err error) {
		refused, err = apply(list)
		return err
	})
	if len(refused) > 0 {
		i.Inv.Warn("interface %s: precautions that cannot be taken: %v", i.Inv.IfName,
			errors.Join(refused...))
	}
	return err
}

// apply returns the errors of precautions that cannot be written here. A kernel without IPv6 needs
// none.
func apply(list []setting) (refused []error, err error) {
	for _, s := range list {
		err := s.apply()
		switch {
		case err == nil:
		case s.needed && errors.Is(err, sysctl.ErrUnavailable):
			refused = append(refused, err) // it may have the value: adding the address shows it
		case s.needed && sysctl.Refused(err):
			return refused, fmt.Errorf("%w; the IPv6 addresses need it", err)
		case s.needed:
			return refused, err
		case sysctl.Refused(err):
			refused = append(refused, err)
		case !errors.Is(err, fs.ErrNotExist):
			return refused, err
		}
	}
	return refused, nil
}

func (s setting) apply() error {
	if !s.needed {
		return sysctl.Put(s.key, s.value)
	}
	_, err := sysctl.Set(s.key, s.value)
	return err
}

// ignoresAdvertisements reports whether the container's end is to ignore router advertisements. The
// executables leave the kernel's setting.
func (c *Comparison) ignoresAdvertisements() bool {
	return c.keys.IPAM.Type != "" && !c.keys.AcceptRA && !c.Inv.ByExecutable
}

// advertisements adds the container's end if it accepts router advertisements although its
// addresses are assigned.
func (c *Comparison) advertisements(ctx context.Context, end *rtnl.Link) error {
	if !c.ignoresAdvertisements() || end.AcceptRA <= 0 {
		return nil
	}
	return c.Inv.Netns.Do(ctx, func() error {
		if sysctl.Writable(sysctl.Link("ipv6", end.Name, "accept_ra")) {
			c.Differs("link "+end.Name+" accept_ra", "0", fmt.Sprint(end.AcceptRA))
		}
		return nil
	})
}

// RestoreSettings makes the container's end ignore router advertisements again.
func (c *Comparison) RestoreSettings(ctx context.Context) error {
	end, err := LookUp(ctx, c.Container, c.Inv.IfName)
	if err != nil || end == nil {
		return err
	}
	return c.restoreSettings(ctx, end)
}

func (c *Comparison) restoreSettings(ctx context.Context, end *rtnl.Link) error {
	if !c.ignoresAdvertisements() || end.AcceptRA <= 0 {
		return nil
	}
	i := Interface{Inv: c.Inv, Addresses: Addresses(c.Was.Addresses(), rtnl.Address{})}
	return i.prepare(ctx)
}
