// Package portmap is the built-in portmap plugin: it publishes ports of a container on the addresses of the host.
//
// # What it makes
//
// All of it is in the table "inet libcni". A port that is published is an element of a map from protocol and port to the
// container's address and port, so that the rules stay the same however many there are; the same maps with the host's
// address in the key hold what is published on one address only. Beside the maps are sets of claims, one for all
// networks, where a port that is taken is found before anything is changed. Only a network with conditions of its own has
// maps of its own, behind one rule with these conditions.
//
// Connections that could not be answered otherwise get the host's address as their source, by up to three rules per
// network: those from the network itself, of which the reply would take the short way past the host, and those from
// 127.0.0.0/8. For the latter the kernel needs route_localnet on the link to the container; the rule that drops what
// comes from outside with a loopback address is made in the batch before.
//
// # Differences from the executable
//
// The default backend is nftables; with backend iptables, an externalSetMarkChain, or conditions in the words of
// iptables, the executable is asked, where it may be. No mark is needed: markMasqBit is checked and left to others. ::1 is
// not translated, as the kernel does not let packets from there leave the host.
package portmap

import (
	"context"
	"errors"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/host/nft"
	"github.com/libcni/libcni/core/plugin"
)

const pluginType = "portmap"

type portmap struct{}

// New returns the plugin.
func New() plugin.Plugin { return portmap{} }

// Traits: ports lead to addresses, so that DEL does not depend on the interface.
func (portmap) Traits() plugin.Traits { return plugin.Traits{Chained: true, IgnoresInterface: true} }

// Unsupported names the keys that ask for iptables.
func (portmap) Unsupported(data []byte) string {
	c, err := read(data)
	if err != nil {
		return "" // the method says why
	}
	switch {
	case c.Backend != nil && *c.Backend == "iptables":
		return "backend"
	case c.Backend != nil:
		return ""
	case c.ExternalSetMarkChain != nil:
		return "externalSetMarkChain"
	case ofIPTables(c.ConditionsV4):
		return "conditionsV4"
	case ofIPTables(c.ConditionsV6):
		return "conditionsV6"
	}
	return ""
}

// Status says whether the kernel can do it.
func (portmap) Status(ctx context.Context, inv *plugin.Invocation) error {
	if _, err := parse(inv.Config); err != nil {
		return err
	}
	err := noNFTables(nft.Probe(ctx))
	var f *fault.Error
	if errors.As(err, &f) {
		f.Code = fault.CodePluginNotAvailable
	}
	return err
}

// noNFTables gives the lack of nftables its kind.
func noNFTables(err error) error {
	if errors.Is(err, nft.ErrUnsupported) {
		return fault.New(fault.KindUnsupported, err, "portmap needs nftables (CONFIG_NF_TABLES_INET, CONFIG_NFT_NAT, CONFIG_NFT_MASQ, CONFIG_NFT_FIB_INET)")
	}
	return err
}
