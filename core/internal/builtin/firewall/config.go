package firewall

import (
	"slices"
	"strings"

	"github.com/containernetworking/cni/pkg/version"

	"github.com/libcni/libcni/core/internal/builtin/ipamconfig"
	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/host/nft"
	"github.com/libcni/libcni/core/plugin"
)

// config is the plugin's configuration.
type config struct{ configKeys }

// The values of backend. The default is firewalld if that is running, otherwise nftables.
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

// read decodes a configuration without validating it, so that DEL works with one that ADD would
// refuse.
func read(data []byte) (*config, error) {
	c := &config{}
	if err := ipamconfig.Decode(data, c.fields()); err != nil {
		return nil, err
	}
	c.fillDefaults()
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

// ReadConfig returns a *config.
func (firewall) ReadConfig(inv *plugin.Invocation) (any, error) {
	return parse(inv.Config)
}

func (c *config) validate() error {
	enough, err := version.GreaterThanOrEqualTo(c.CNIVersion, oldestVersion)
	if err != nil || !enough {
		return fault.InvalidConfig("cniVersion", "cniVersion: firewall needs %s or later, not %q",
			oldestVersion, c.CNIVersion)
	}
	backends := []string{"", backendNFTables, backendIPTables, backendFirewalld}
	if !slices.Contains(backends, c.Backend) {
		return fault.InvalidConfig("backend", "backend: %q is unknown; use one of %s", c.Backend,
			strings.Join(backends[1:], ", "))
	}
	policies := []string{policyOpen, policySameBridge, policyIsolated}
	if !slices.Contains(policies, c.IngressPolicy) {
		return fault.InvalidConfig("ingressPolicy", "ingressPolicy: %q is unknown; use one of %s",
			c.IngressPolicy, strings.Join(policies, ", "))
	}
	return c.validateAdminChain()
}

func (c *config) validateAdminChain() error {
	const key = "iptablesAdminChainName"
	if nft.IsKeyword(c.AdminChain) {
		return fault.InvalidConfig(key, "%s: %q is a word of nft's language; nft could not load the "+
			"rules that it lists; use another name", key, c.AdminChain)
	}
	if isOwnChain(c.AdminChain) {
		return fault.InvalidConfig(key, "%s: %q is the name of a chain of libcni; use another name",
			key, c.AdminChain)
	}
	reserved := []string{"INPUT", forwardChain, "OUTPUT", "ACCEPT", "DROP", "RETURN", "QUEUE",
		referenceChain, stage1, stage2}
	if !isChainName(c.AdminChain) || slices.Contains(reserved, c.AdminChain) {
		return fault.InvalidConfig(key, "%s: %q is not a valid name for the administrator's chain", key,
			c.AdminChain)
	}
	return nil
}

// isOwnChain reports whether the name is one that libcni gives to chains of its tables.
func isOwnChain(name string) bool {
	return slices.ContainsFunc([]string{firewallChain, "portmap", "masquerad", "macspoofchk"},
		func(prefix string) bool { return strings.HasPrefix(name, prefix) })
}

// isChainName reports whether iptables accepts a name; it takes up to 28 characters.
func isChainName(name string) bool {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_"
	return len(name) <= 28 && strings.Trim(name, letters+"0123456789.-") == "" &&
		strings.IndexAny(name, letters) == 0
}
