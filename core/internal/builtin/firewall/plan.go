package firewall

import (
	"fmt"
	"net/netip"
	"slices"

	types100 "github.com/containernetworking/cni/pkg/types/100"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/host/nft"
	"github.com/libcni/libcni/core/internal/kit/filter"
	"github.com/libcni/libcni/core/internal/kit/ipam"
	"github.com/libcni/libcni/core/plugin"
)

// attachment holds everything that determines the rules of one attachment.
type attachment struct {
	*config
	owner     nft.Owner
	addresses []netip.Prefix // of the container, with their prefix lengths; empty if unknown
	bridge    string         // the network's, for an ingressPolicy; "" for policy open
	port      string         // host end of the container's link; "" if unknown
	links     []string       // the host's links that lead to the container
	notes     []string       // of an ADD, for the log
}

// newAttachment reads the attachment of an ADD or CHECK from the previous result.
func newAttachment(c *config, inv *plugin.Invocation) (*attachment, error) {
	if inv.PrevResult == nil {
		return nil, fault.InvalidConfig(
			"prevResult",
			"prevResult: firewall needs the result of an earlier plugin; "+
				"put it after the plugin that makes the interface",
		)
	}
	a, result, err := knownAttachment(c, inv)
	if err != nil {
		return nil, fault.InvalidConfig("prevResult", "prevResult: %v", err)
	}
	if c.IngressPolicy == policyOpen {
		return a, nil
	}
	if len(result.Interfaces) == 0 || result.Interfaces[0].Sandbox != "" ||
		result.Interfaces[0].Name == "" {
		return nil, fault.InvalidConfig(
			"ingressPolicy",
			"ingressPolicy: %s needs a bridge as the first interface of prevResult; "+
				"put firewall after bridge",
			c.IngressPolicy,
		)
	}
	if a.bridge = result.Interfaces[0].Name; len(a.bridge) > maxLinkName {
		return nil, fault.InvalidConfig("prevResult",
			"prevResult: %q is not a valid name of a link", a.bridge)
	}
	for _, name := range []string{a.bridge, a.port} {
		if err := nft.CheckLinkName(name); err != nil {
			return nil, fault.InvalidConfig("ingressPolicy",
				"ingressPolicy: %s cannot restrict link %q: %v", c.IngressPolicy, name, err)
		}
	}
	return a, nil
}

const maxLinkName = 15

// knownAttachment reads what is known of the attachment. DEL may know only its identity.
func knownAttachment(c *config, inv *plugin.Invocation) (*attachment, *types100.Result, error) {
	a := &attachment{config: c, owner: filter.Owner(inv)}
	if inv.PrevResult == nil {
		return a, nil, nil
	}
	result, err := inv.PrevResult.Value()
	if err != nil {
		return a, nil, err
	}
	for _, link := range result.Interfaces {
		if link.Sandbox == "" && link.Name != "" {
			a.links = append(a.links, link.Name)
		}
	}
	if links := result.Interfaces; len(links) > 1 && links[1].Sandbox == "" &&
		links[1].Name != "" &&
		len(links[1].Name) <= maxLinkName {
		a.port = links[1].Name // bridge plugins list it after the bridge
	}
	if len(result.IPs) > ipam.MaxAddresses {
		return a, nil, fmt.Errorf("prevResult: it has %d addresses; at most %d are supported",
			len(result.IPs), ipam.MaxAddresses)
	}
	for _, prefix := range ipam.Prefixes(result.IPs) {
		if !slices.Contains(a.addresses, prefix) {
			a.addresses = append(a.addresses, prefix)
		}
	}
	return a, result, nil
}

// families returns the families of the attachment's addresses.
func (a *attachment) families() []nft.Family {
	return slices.DeleteFunc(families(), func(f nft.Family) bool { return len(a.of(f)) == 0 })
}

// of returns the attachment's addresses of a family.
func (a *attachment) of(f nft.Family) []netip.Prefix {
	var own []netip.Prefix
	for _, p := range a.addresses {
		if p.Addr().Is4() == (f == nft.IPv4) {
			own = append(own, p)
		}
	}
	return own
}
