package ptp

import (
	"errors"
	"net/netip"

	"github.com/libcni/libcni/core/internal/builtin/ipamconfig"
	"github.com/libcni/libcni/core/internal/kit/ruleset"
	"github.com/libcni/libcni/core/internal/kit/settings"
	"github.com/libcni/libcni/core/plugin"
)

// config is the plugin's configuration: the shared keys.
type config struct{ settings.Settings }

// read validates types, not values, so that DEL and GC work with values that ADD would refuse.
func read(data []byte) (*config, error) {
	c := &config{}
	return c, ipamconfig.Decode(data, c.Fields())
}

// parse reads a configuration for ADD, CHECK and STATUS.
func parse(data []byte) (*config, error) {
	c, err := read(data)
	if err != nil {
		return nil, err
	}
	return c, errors.Join(c.RequireIPAM(), c.Validate())
}

// ReadConfig returns a *config.
func (ptp) ReadConfig(inv *plugin.Invocation) (any, error) {
	return parse(inv.Config)
}

func (c *config) rules(inv *plugin.Invocation, addresses []netip.Prefix) *ruleset.Rules {
	return &ruleset.Rules{Inv: inv, Masquerade: c.Masquerade(), Addresses: addresses,
		Need: "ipMasq needs nftables (CONFIG_NF_TABLES, CONFIG_NF_TABLES_INET, CONFIG_NFT_MASQ)"}
}
