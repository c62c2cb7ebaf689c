package static

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/containernetworking/cni/pkg/types"

	"github.com/libcni/libcni/core/internal/builtin/ipamconfig"
	"github.com/libcni/libcni/core/internal/fault"
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
}

// parseConfig reads and validates the configuration. IP and GATEWAY of CNI_ARGS add to the
// configured addresses; args.cni.ips replaces all of these, and runtimeConfig.ips replaces all
// others.
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
	if err := conf.addArgs(args); err != nil {
		return nil, err
	}
	if err := conf.replace("args.cni.ips", raw.Args.CNI.IPs); err != nil {
		return nil, err
	}
	if err := conf.replace("runtimeConfig.ips", raw.RuntimeConfig.IPs); err != nil {
		return nil, err
	}
	var err error
	if conf.routes, err = ipamconfig.Routes("ipam.routes", raw.IPAM.Routes); err != nil {
		return nil, err
	}
	return conf, ipamconfig.CheckCount(cniVersion, conf.all())
}

// Validate refuses what ADD would refuse.
func (static) Validate(inv *plugin.Invocation) error {
	_, err := parseConfig(inv.Config, inv.Args, inv.CNIVersion)
	return err
}

func (c *config) configured(raw *rawConfig) error {
	for i, item := range raw.IPAM.Addresses {
		key := fmt.Sprintf("ipam.addresses[%d]", i)
		prefix, err := ipamconfig.Prefix(key+".address", item.Address)
		if err != nil {
			return err
		}
		added := address{prefix: prefix}
		if item.Gateway != "" {
			if added.gateway, err = ipamconfig.Address(key+".gateway", item.Gateway); err != nil {
				return err
			}
		}
		c.addresses = append(c.addresses, added)
	}
	return nil
}

func (c *config) addArgs(args plugin.Args) error {
	if err := args.Known(plugin.ArgIP, plugin.ArgGateway); err != nil {
		return err
	}
	configured := len(c.addresses)
	for _, text := range list(args, plugin.ArgIP) {
		prefix, err := netip.ParsePrefix(text)
		if err != nil || prefix.Addr().Is4In6() {
			return fault.InvalidRequest("args",
				"CNI_ARGS: IP: %q is not an address with a prefix length, such as 10.1.0.5/16",
				text)
		}
		c.addresses = append(c.addresses, address{prefix: prefix})
	}
	for _, text := range list(args, plugin.ArgGateway) {
		gateway, err := netip.ParseAddr(text)
		if err != nil || gateway.Zone() != "" {
			return fault.InvalidRequest("args", "CNI_ARGS: GATEWAY: %q is not an IP address", text)
		}
		added := c.addresses[configured:]
		for i := range added {
			if added[i].prefix.Masked().Contains(gateway.Unmap()) {
				added[i].gateway = gateway.Unmap()
			}
		}
	}
	return nil
}

// replace replaces the addresses. An address that was already configured keeps its
// gateway.
func (c *config) replace(key string, texts []string) error {
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
		prefix, err := ipamconfig.Prefix(fmt.Sprintf("%s[%d]", key, i), text)
		if err != nil {
			return err
		}
		c.addresses = append(c.addresses,
			address{prefix: prefix, gateway: gateways[prefix]})
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
