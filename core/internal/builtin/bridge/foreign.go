package bridge

import (
	"context"
	"strings"

	"github.com/libcni/libcni/core/internal/host/nft"
	"github.com/libcni/libcni/core/internal/kit"
	"github.com/libcni/libcni/core/plugin"
)

// The layout of the reference plugin's macspoofchk: PREROUTING of "bridge nat" leads frames from a port to a chain of
// the attachment, and that one to a second. The names do not tell the network.
const (
	foreignChainPrefix = "cni-br-iface-"
	foreignMACSuffix   = "-mac"
	foreignComment     = "macspoofchk-"
)

func foreignPrerouting() nft.Chain {
	return nft.Chain{Table: nft.Table{Family: nft.Bridge, Name: "nat"}, Name: "PREROUTING"}
}

func removeForeignSpoofCheck(tx *nft.Tx, o nft.Owner) error {
	name := foreignChainPrefix + o.ContainerID + "-" + o.IfName
	return removeForeignChains(tx, func(r nft.Rule) bool {
		return r.Target() == name && r.Comment == foreignComment+o.ContainerID+"-"+o.IfName
	})
}

// collectForeignSpoofChecks removes those of ports that are gone: whose they were is not told.
func collectForeignSpoofChecks(tx *nft.Tx, links map[string]bool) error {
	return removeForeignChains(tx, func(r nft.Rule) bool {
		port := r.InLinkIs()
		return strings.HasPrefix(r.Comment, foreignComment) && port != "" && !links[port]
	})
}

func removeForeignChains(tx *nft.Tx, selected func(nft.Rule) bool) error {
	rules, err := tx.Rules(foreignPrerouting())
	if err != nil {
		return err
	}
	for _, r := range rules {
		if name := r.Target(); strings.HasPrefix(name, foreignChainPrefix) && selected(r) {
			tx.DeleteRules(r)
			for _, name := range []string{name, name + foreignMACSuffix} {
				chain, err := tx.Chain(foreignPrerouting().Table, name)
				if err != nil {
					return err
				}
				if chain != nil {
					tx.DeleteChain(*chain)
				}
			}
		}
	}
	return nil
}

// linkNames are the names of the host's links.
func linkNames(ctx context.Context, inv *plugin.Invocation) (map[string]bool, error) {
	host, err := kit.Host(ctx, inv)
	if err != nil {
		return nil, err
	}
	links, err := host.Links(ctx)
	if err != nil {
		return nil, err
	}
	names := make(map[string]bool, len(links))
	for _, l := range links {
		names[l.Name] = true
	}
	return names, nil
}

// withoutForeign leaves out what the reference plugin has made in its own way.
func (s ruleset) withoutForeign(r *nft.Reader) (ruleset, error) {
	if s.masquerade != nil {
		there, err := s.masquerade.MadeByOthers(r)
		if err != nil {
			return s, err
		}
		if there {
			s.masquerade = nil
		}
	}
	if s.spoof == nil {
		return s, nil
	}
	rules, err := r.Rules(foreignPrerouting())
	if err != nil {
		return s, err
	}
	for _, rule := range rules {
		if rule.Comment == foreignComment+s.spoof.owner.ContainerID+"-"+s.spoof.owner.IfName {
			s.spoof = nil
			break
		}
	}
	return s, nil
}
