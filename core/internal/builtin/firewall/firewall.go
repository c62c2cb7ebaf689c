// Package firewall is the built-in firewall plugin. It accepts the packets of containers that the
// host forwards, and separates networks if ingressPolicy requires it.
//
// The backend nftables keeps its rules in the tables "inet libcni" and, for the policy isolated,
// "bridge libcni". An accept there cannot overrule a drop in another table: where the host's own
// chain FORWARD drops, each network has accepting rules in it, which iptables can print and nft
// can save. The kernel's legacy tables can have such a chain too; they are changed with the
// iptables-legacy executable. The backend firewalld does the same and adds the containers'
// addresses to a zone. The backend iptables makes the chains of the reference plugin, with the
// iptables executables.
package firewall

import (
	"errors"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/host/firewalld"
	"github.com/libcni/libcni/core/internal/kit/filter"
	"github.com/libcni/libcni/core/plugin"
)

const pluginType = "firewall"

type firewall struct {
	bus string // socket of the system bus
}

// New returns the plugin.
func New() plugin.Plugin { return firewall{bus: firewalld.SystemBus} }

// Traits: the rules concern addresses, so that DEL does not depend on the interface.
func (firewall) Traits() plugin.Traits {
	return plugin.Traits{Chained: true, IgnoresInterface: true}
}

// Unsupported returns "": the plugin supports every key of the reference plugin.
func (firewall) Unsupported([]byte) string { return "" }

// needsNFTables is the error for a kernel without nftables.
const needsNFTables = "firewall needs nftables (CONFIG_NF_TABLES_INET, CONFIG_NFT_CT; " +
	"CONFIG_NF_TABLES_BRIDGE for ingressPolicy isolated; " +
	"CONFIG_NFT_COMPAT where the host's own chain FORWARD drops), or backend iptables"

func noNFTables(err error) error { return filter.Unsupported(err, needsNFTables) }

// noFirewalld gives an error the kind unsupported if firewalld is not running.
func noFirewalld(err error) error {
	if errors.Is(err, firewalld.ErrNotRunning) {
		return fault.New(fault.KindUnsupported, err,
			"backend firewalld: start firewalld, or use backend nftables")
	}
	return err
}
