package static

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/containernetworking/cni/pkg/types"

	"github.com/libcni/libcni/core/internal/builtin/ipamconfig"
	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/kit/ipam"
	"github.com/libcni/libcni/core/plugin"
)

type config struct {
	addresses []address
	routes    []*types.Route
	dns       types.DNS
}

type address struct {
	prefix  netip.Prefix
	gateway netip.Addr // invalid: none
	derived bool       // the gateway is that of the configured network
}

// parseConfig reads and validates the configuration. IP and GATEWAY of CNI_ARGS add to the
// configured addresses; args.cni.ips replaces all of these, and runtimeConfig.ips replaces all
// others. An address that is given at run time is completed from the configured network that
// contains it.
func parseConfig(data []byte, args plugin.Args, cniVersion string) (*config, error) {
	var raw rawConfig
	if err := ipamconfig.Decode(data, raw.fields()); err != nil {
		return nil, err
	}
	if raw.IPAM == nil {
		return nil, fault.InvalidConfig("ipam", "static: the configuration has no \"ipam\"")
	}
	conf := &config{dns: raw.IPAM.DNS}
	if err := conf.configured(&raw); err != nil {
		return nil, err
	}
	networks := slices.Clone(conf.addresses)
	if err := conf.addArgs(args); err != nil {
		return nil, err
	}
	if err := conf.replace("args.cni.ips", raw.Args.CNI.IPs, networks); err != nil {
		return nil, err
	}
	if err := conf.replace("runtimeConfig.ips", raw.RuntimeConfig.IPs, networks); err != nil {
		return nil, err
	}
	var err error
	if conf.routes, err = ipamconfig.Routes("ipam.routes", raw.IPAM.Routes); err != nil {
		return nil, err
	}
	return conf, ipamconfig.CheckCount(cniVersion, conf.all())
}

// ReadConfig returns a *config.
func (static) ReadConfig(inv *plugin.Invocation) (any, error) {
	return parseConfig(inv.Config, inv.Args, inv.CNIVersion)
}

func (c *config) configured(raw *rawConfig) error {
	for i, item := range raw.IPAM.Addresses {
		key := fmt.Sprintf("ipam.addresses[%d]", i)
		prefix, err := ipamconfig.Prefix(key+".address", item.Address)
		if err != nil {
			return err
		}
		if err := ipam.CheckAddress(prefix); err != nil {
			return fault.InvalidConfig(key+".address", "%s.address: %v", key, err)
		}
		added := address{prefix: prefix}
		if item.Gateway != "" {
			if added.gateway, err = parseGateway(key+".gateway", item.Gateway, prefix); err != nil {
				return err
			}
		}
		c.addresses = append(c.addresses, added)
	}
	return nil
}

func parseGateway(key, text string, of netip.Prefix) (netip.Addr, error) {
	gateway, err := ipamconfig.Address(key, text)
	if err != nil {
		return gateway, err
	}
	if err := ipam.CheckUnicast(gateway); err != nil {
		return gateway, fault.InvalidConfig(key, "%s: %v", key, err)
	}
	if gateway.Is4() != of.Addr().Is4() {
		return gateway, fault.InvalidConfig(key, "%s: %s is of the other family than address %s", key,
			gateway, of)
	}
	return gateway, nil
}

// addArgs adds the addresses of CNI_ARGS. GATEWAY names the gateways of their networks.
func (c *config) addArgs(args plugin.Args) error {
	if err := args.Known(plugin.ArgIP, plugin.ArgGateway); err != nil {
		return err
	}
	configured := len(c.addresses)
	for _, text := range list(args, plugin.ArgIP) {
		added, err := complete("CNI_ARGS: IP", text, c.addresses[:configured])
		if err != nil {
			return fault.InvalidRequest("args", "%v", err)
		}
		c.addresses = append(c.addresses, added)
	}
	for _, text := range list(args, plugin.ArgGateway) {
		gateway, err := netip.ParseAddr(text)
		if err != nil || gateway.Zone() != "" {
			return fault.InvalidRequest("args", "CNI_ARGS: GATEWAY: %q is not an IP address", text)
		}
		if err := ipam.CheckUnicast(gateway.Unmap()); err != nil {
			return fault.InvalidRequest("args", "CNI_ARGS: GATEWAY: %v", err)
		}
		added := c.addresses[configured:]
		for i := range added {
			if added[i].prefix.Masked().Contains(gateway.Unmap()) {
				added[i].gateway, added[i].derived = gateway.Unmap(), false
			}
		}
	}
	return nil
}

// replace replaces the addresses by those given at run time. An address that was there keeps its
// gateway.
func (c *config) replace(key string, texts []string, networks []address) error {
	if len(texts) == 0 {
		return nil
	}
	gateways := map[netip.Prefix]netip.Addr{}
	for _, a := range c.addresses {
		if _, known := gateways[a.prefix]; !known {
			gateways[a.prefix] = a.gateway
		}
	}
	c.addresses = nil
	for i, text := range texts {
		key := fmt.Sprintf("%s[%d]", key, i)
		added, err := complete(key, text, networks)
		if err != nil {
			return fault.InvalidConfig(key, "%v", err)
		}
		if gateway := gateways[added.prefix]; gateway.IsValid() {
			added.gateway, added.derived = gateway, false
		}
		c.addresses = append(c.addresses, added)
	}
	return nil
}

func (c *config) all() []netip.Addr {
	var addrs []netip.Addr
	for _, a := range c.addresses {
		addrs = append(addrs, a.prefix.Addr())
	}
	return addrs
}

// list splits an argument at its commas.
func list(args plugin.Args, key string) []string {
	value, _ := args.Get(key)
	if value == "" {
		return nil
	}
	items := strings.Split(value, ",")
	for i := range items {
		items[i] = strings.TrimSpace(items[i])
	}
	return items
}
