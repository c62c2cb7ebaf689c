package bridge

import (
	"context"
	"slices"
	"strings"

	"github.com/libcni/libcni/core/internal/host/nft"
	"github.com/libcni/libcni/core/internal/kit"
	"github.com/libcni/libcni/core/plugin"
)

// The layout of the reference plugin's macspoofchk: PREROUTING of "bridge nat" sends frames from a
// port to a chain of the attachment, and that one to a second. The names do not include the
// network.
const (
	referenceChainPrefix   = "cni-br-iface-"
	referenceMACSuffix     = "-mac"
	referenceCommentPrefix = "macspoofchk-"
)

func referencePrerouting() nft.Chain {
	return nft.Chain{Table: nft.Table{Family: nft.Bridge, Name: "nat"}, Name: "PREROUTING"}
}

func referenceComment(o nft.Owner) string {
	return referenceCommentPrefix + o.ContainerID + "-" + o.IfName
}

func removeReferenceSpoofCheck(tx *nft.Tx, o nft.Owner) error {
	name := referenceChainPrefix + o.ContainerID + "-" + o.IfName
	return removeReferenceChains(tx, func(r nft.Rule) bool {
		return r.Target() == name && r.Comment == referenceComment(o)
	})
}

// collectReferenceSpoofChecks removes the rules of ports that no longer exist. The rules do not
// name their attachment.
func collectReferenceSpoofChecks(tx *nft.Tx, links map[string]bool) error {
	return removeReferenceChains(tx, func(r nft.Rule) bool {
		port := r.InLinkIs()
		return strings.HasPrefix(r.Comment, referenceCommentPrefix) && port != "" && !links[port]
	})
}

func removeReferenceChains(tx *nft.Tx, selected func(nft.Rule) bool) error {
	rules, err := tx.Rules(referencePrerouting())
	if err != nil {
		return err
	}
	for _, r := range rules {
		if name := r.Target(); strings.HasPrefix(name, referenceChainPrefix) && selected(r) {
			tx.DeleteRules(r)
			for _, name := range []string{name, name + referenceMACSuffix} {
				chain, err := tx.Chain(referencePrerouting().Table, name)
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

// linkNames returns the names of the host's links.
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

// MadeByReference reports whether the reference plugin has made its own rules for the attachment.
func (s *spoofCheck) MadeByReference(r *nft.Reader) (bool, error) {
	rules, err := r.Rules(referencePrerouting())
	return slices.ContainsFunc(rules,
		func(rule nft.Rule) bool { return rule.Comment == referenceComment(s.owner) }), err
}
