package bridge

import (
	"net"
	"net/netip"

	"github.com/libcni/libcni/core/internal/host/nft"
	"github.com/libcni/libcni/core/internal/kit/filter"
	"github.com/libcni/libcni/core/internal/kit/record"
	"github.com/libcni/libcni/core/internal/kit/ruleset"
	"github.com/libcni/libcni/core/plugin"
)

// endpoint holds the addresses and ends that an attachment's rules match; unknown fields are zero.
type endpoint struct {
	addresses []netip.Prefix
	port      string           // the host's end
	mac       net.HardwareAddr // the container's
}

func recorded(was record.Record) endpoint {
	return endpoint{was.Addresses(), was.HostName(), was.ContainerMAC()}
}

func (c *config) rules(inv *plugin.Invocation, e endpoint) *ruleset.Rules {
	owner := filter.Owner(inv)
	r := &ruleset.Rules{
		Inv: inv, Addresses: e.addresses, Masquerade: c.Masquerade(),
		RemoveReference: func(tx *nft.Tx) error { return removeReferenceSpoofCheck(tx, owner) },
		Need: "ipMasq and macspoofchk need nftables (CONFIG_NF_TABLES, CONFIG_NF_TABLES_INET, " +
			"CONFIG_NF_TABLES_BRIDGE, " +
			"CONFIG_NFT_MASQ)",
	}
	if c.MACSpoofCheck || inv.Reconfigured {
		r.Parts = []ruleset.Part{&spoofCheck{owner: owner, port: e.port, mac: e.mac}}
	}
	return r
}
