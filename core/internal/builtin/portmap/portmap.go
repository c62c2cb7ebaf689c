// Package portmap is the built-in portmap plugin: it publishes ports of a container on the
// addresses of the host.
//
// # Objects
//
// All objects are in the table "inet libcni". A published port is an element of a map from protocol
// and port to the container's address and port, so that the number of rules does not grow with the
// ports. A second map, with the host's address in its key, has the ports that are published on one
// address. A range of ports is one element of a map of ranges. Sets of claims, which all networks
// share, refuse a port that is taken before anything is changed; claims whose holder is proved to
// be gone give way (holder.go). A network with conditions has maps of its own, behind a rule with
// these conditions.
//
// Some connections could not be answered with their own source address, and get the host's: those
// from the network itself, whose replies would bypass the host, and those from 127.0.0.1
// (loopback.go).
//
// # Differences from the reference executable
//
// The default backend is nftables. With backend iptables, an externalSetMarkChain, or conditions in
// iptables syntax the executable runs, where the request allows it. No mark is needed: markMasqBit
// is validated and otherwise unused. ::1 is not published, since the kernel lets no packet from
// there leave the host.
package portmap

import (
	"github.com/libcni/libcni/core/plugin"
)

const pluginType = "portmap"

type portmap struct{}

// needsNFTables is the error of a kernel without nftables.
const needsNFTables = "portmap needs nftables (CONFIG_NF_TABLES_INET, CONFIG_NFT_NAT, " +
	"CONFIG_NFT_MASQ, CONFIG_NFT_FIB_INET)"

// New returns the plugin.
func New() plugin.Plugin { return portmap{} }

// Traits: ports are forwarded to addresses, so that DEL does not depend on the interface.
func (portmap) Traits() plugin.Traits {
	return plugin.Traits{Chained: true, IgnoresInterface: true,
		Capabilities: []string{"portMappings"}}
}

// Unsupported names the key that requires iptables.
func (portmap) Unsupported(data []byte) string {
	c, err := read(data)
	if err != nil {
		return "" // the method returns the error
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
