// Package firewall is the built-in firewall plugin: it lets a container's packets through the host, and keeps networks
// apart if it is asked to.
//
// With the backend nftables, what it makes is in the tables "inet libcni" and, for the policy isolated, "bridge libcni".
// An accept there cannot overrule a drop elsewhere: where the host's own chain FORWARD drops, each network has a pair of
// rules in it, made of what iptables can print. The backend firewalld does the same and makes the containers' addresses
// sources of a zone. The backend iptables makes the chains of the reference plugin, with the iptables executables.
package firewall

import (
	"context"
	"errors"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/host/firewalld"
	"github.com/libcni/libcni/core/internal/host/iptables"
	"github.com/libcni/libcni/core/internal/host/nft"
	"github.com/libcni/libcni/core/internal/kit"
	"github.com/libcni/libcni/core/plugin"
)

const pluginType = "firewall"

type firewall struct {
	bus string // the socket of the system bus
}

// New returns the plugin.
func New() plugin.Plugin { return firewall{bus: firewalld.SystemBus} }

// Traits: the rules concern addresses, so that DEL does not depend on the interface.
func (firewall) Traits() plugin.Traits { return plugin.Traits{Chained: true, IgnoresInterface: true} }

// Unsupported returns "": there is nothing in a configuration that is left to the executable.
func (firewall) Unsupported([]byte) string { return "" }

// Status says with code 50 that an ADD would fail.
func (p firewall) Status(ctx context.Context, inv *plugin.Invocation) error {
	c, err := parse(inv.Config)
	if err != nil {
		return err
	}
	switch c.Backend {
	case backendIPTables:
		for _, f := range []iptables.Family{iptables.IPv4, iptables.IPv6} {
			if _, err := iptables.Find(kit.Starter(inv), f); err != nil {
				return unavailable(fault.New(fault.KindUnsupported, err, "backend iptables: install iptables, or use backend nftables"))
			}
		}
		return nil
	case backendFirewalld:
		zones, err := firewalld.Open(ctx, p.bus)
		if err != nil {
			return unavailable(noFirewalld(err))
		}
		zones.Close()
	}
	return unavailable(noNFTables(nft.View(ctx, func(r *nft.Reader) error { return warn(r, inv) })))
}

// warn tells of chains of others that drop what the host forwards, and that nothing is put into: nobody would keep it
// there when they are loaded anew.
func warn(r *nft.Reader, inv *plugin.Invocation) error {
	chains, err := r.DroppingForwards()
	if err != nil {
		return err
	}
	for _, c := range chains {
		if c.Table == nft.Own(nft.Inet) || c == foreignForward(c) {
			continue
		}
		inv.Warn("chain %s of nftables table %s drops what it does not accept, the containers' packets too", c.Name, c.Table.Name)
	}
	return nil
}

// foreignForward is the chain FORWARD of iptables in the family of another.
func foreignForward(c nft.Chain) nft.Chain {
	c.Table.Name, c.Name = filterTable, forwardHook
	return c
}

func unavailable(err error) error {
	var f *fault.Error
	if errors.As(err, &f) {
		f.Code = fault.CodePluginNotAvailable
	}
	return err
}

// noNFTables gives the lack of nftables its kind.
func noNFTables(err error) error {
	if errors.Is(err, nft.ErrUnsupported) {
		return fault.New(fault.KindUnsupported, err, "firewall needs nftables (CONFIG_NF_TABLES_INET, CONFIG_NFT_CT; CONFIG_NF_TABLES_BRIDGE for ingressPolicy isolated; "+
			"CONFIG_NFT_COMPAT where the host's own chain FORWARD drops), or backend iptables")
	}
	return err
}

// noFirewalld gives the lack of firewalld its kind.
func noFirewalld(err error) error {
	if errors.Is(err, firewalld.ErrNotRunning) {
		return fault.New(fault.KindUnsupported, err, "backend firewalld: start firewalld, or use backend nftables")
	}
	return err
}

// harmless passes over a kernel without nftables: it has no rules to remove.
func harmless(err error) error {
	if errors.Is(err, nft.ErrUnsupported) {
		return nil
	}
	return err
}
