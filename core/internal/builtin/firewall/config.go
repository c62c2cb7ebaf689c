package firewall

import (
	"net/netip"
	"slices"
	"strings"

	types100 "github.com/containernetworking/cni/pkg/types/100"
	"github.com/containernetworking/cni/pkg/version"

	"github.com/libcni/libcni/core/internal/builtin/ipamconfig"
	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/host/nft"
	"github.com/libcni/libcni/core/internal/jsonobject"
	"github.com/libcni/libcni/core/plugin"
)

// config is the plugin's configuration; fields says with which keys.
type config struct {
	CNIVersion    string
	Backend       string
	AdminChain    string
	Zone          string
	IngressPolicy string
}

// fields are the keys of the reference plugin.
func (c *config) fields() jsonobject.Fields {
	return jsonobject.Fields{
		{"cniVersion", &c.CNIVersion},
		{"backend", &c.Backend},
		{"iptablesAdminChainName", &c.AdminChain},
		{"firewalldZone", &c.Zone},
		{"ingressPolicy", &c.IngressPolicy},
	}
}

// The values of backend. Without one it is firewalld if that is there, else nftables.
const (
	backendNFTables  = "nftables"
	backendIPTables  = "iptables"
	backendFirewalld = "firewalld"
)

// The values of ingressPolicy.
const (
	policyOpen       = "open"
	policySameBridge = "same-bridge"
	policyIsolated   = "isolated"
)

const oldestVersion = "0.4.0"

// read decodes a configuration and judges nothing, so that DEL works with one that ADD would refuse.
func read(data []byte) (*config, error) {
	c := &config{}
	if err := ipamconfig.Decode(data, c.fields()); err != nil {
		return nil, err
	}
	if c.AdminChain == "" {
		c.AdminChain = "CNI-ADMIN"
	}
	if c.Zone == "" {
		c.Zone = "trusted"
	}
	if c.IngressPolicy == "" {
		c.IngressPolicy = policyOpen
	}
	return c, nil
}

// parse reads a configuration for ADD and CHECK.
func parse(data []byte) (*config, error) {
	c, err := read(data)
	if err != nil {
		return nil, err
	}
	return c, c.validate()
}

func (c *config) validate() error {
	if enough, err := version.GreaterThanOrEqualTo(c.CNIVersion, oldestVersion); err != nil || !enough {
		return fault.InvalidConfig("cniVersion", "cniVersion: firewall needs %s or later, not %q", oldestVersion, c.CNIVersion)
	}
	backends := []string{"", backendNFTables, backendIPTables, backendFirewalld}
	if !slices.Contains(backends, c.Backend) {
		return fault.InvalidConfig("backend", "backend: %q is none of %s", c.Backend, strings.Join(backends[1:], ", "))
	}
	policies := []string{policyOpen, policySameBridge, policyIsolated}
	if !slices.Contains(policies, c.IngressPolicy) {
		return fault.InvalidConfig("ingressPolicy", "ingressPolicy: %q is none of %s", c.IngressPolicy, strings.Join(policies, ", "))
	}
	// iptables takes 28 characters. The names of our own chains begin with "firewall".
	reserved := []string{"INPUT", "FORWARD", "OUTPUT", "ACCEPT", "DROP", "RETURN", "QUEUE", privateChain, stage1, stage2}
	if !isChainName(c.AdminChain) || slices.Contains(reserved, c.AdminChain) || strings.HasPrefix(c.AdminChain, firewallChain) {
		return fault.InvalidConfig("iptablesAdminChainName", "iptablesAdminChainName: %q cannot be the name of an administrator's chain", c.AdminChain)
	}
	return nil
}

func isChainName(name string) bool {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_"
	return len(name) <= 28 && strings.Trim(name, letters+"0123456789.-") == "" && strings.IndexAny(name, letters) == 0
}

// attachment is what the rules of one attachment are made of.
type attachment struct {
	*config
	owner     nft.Owner
	addresses []netip.Prefix // of the container, with the networks they are in; none when unknown
	bridge    string         // that ingressPolicy is about; "" for policy open
	older     []nft.Family   // that have tables of the older kind too
	port      string         // the host's end of the container's link, if it is known
	repair    bool           // leave an address that is another attachment's by now
}

func newAttachment(c *config, inv *plugin.Invocation) (*attachment, error) {
	if inv.PrevResult == nil {
		return nil, fault.InvalidConfig("prevResult", "prevResult: firewall needs the result of an earlier plugin; put it after the one that makes the interface")
	}
	a, result, err := known(c, inv)
	if err != nil {
		return nil, fault.InvalidConfig("prevResult", "prevResult: %v", err)
	}
	if c.IngressPolicy == policyOpen {
		return a, nil
	}
	if len(result.Interfaces) == 0 || result.Interfaces[0].Sandbox != "" || result.Interfaces[0].Name == "" {
		return nil, fault.InvalidConfig("ingressPolicy", "ingressPolicy: %s needs a bridge as the first interface of prevResult; put firewall after bridge", c.IngressPolicy)
	}
	if a.bridge = result.Interfaces[0].Name; len(a.bridge) > maxLinkName {
		return nil, fault.InvalidConfig("prevResult", "prevResult: %q cannot be the name of a link", a.bridge)
	}
	return a, nil
}

const maxLinkName = 15

// known is as much of an attachment as there is: DEL may have nothing but its identity.
func known(c *config, inv *plugin.Invocation) (*attachment, *types100.Result, error) {
	a := &attachment{config: c, owner: nft.Owner{Network: inv.Network, ContainerID: inv.ContainerID, IfName: inv.IfName}}
	if inv.PrevResult == nil {
		return a, nil, nil
	}
	result, err := inv.PrevResult.Value()
	if err != nil {
		return a, nil, err
	}
	if links := result.Interfaces; len(links) > 1 && links[1].Sandbox == "" && links[1].Name != "" && len(links[1].Name) <= maxLinkName {
		a.port = links[1].Name // after the bridge, as bridge plugins have it
	}
	for _, ip := range result.IPs {
		address, ok := netip.AddrFromSlice(ip.Address.IP)
		ones, _ := ip.Address.Mask.Size()
		if address = address.Unmap(); !ok || !netip.PrefixFrom(address, ones).IsValid() {
			continue
		}
		if prefix := netip.PrefixFrom(address, ones); !slices.Contains(a.addresses, prefix) {
			a.addresses = append(a.addresses, prefix)
		}
	}
	return a, result, nil
}

// families are those that the attachment has addresses of.
func (a *attachment) families() []nft.Family {
	return slices.DeleteFunc(families(), func(f nft.Family) bool { return len(a.of(f)) == 0 })
}

// of returns the addresses of a family.
func (a *attachment) of(f nft.Family) []netip.Prefix {
	var own []netip.Prefix
	for _, p := range a.addresses {
		if p.Addr().Is4() == (f == nft.IPv4) {
			own = append(own, p)
		}
	}
	return own
}
