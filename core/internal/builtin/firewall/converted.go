package firewall

import (
	"net/netip"
	"slices"

	"github.com/libcni/libcni/core/internal/host/nft"
	"github.com/libcni/libcni/core/internal/kit/ipam"
)

// queueConvertedRemoval returns a change that removes the rules of the backend iptables for the
// attachment after nft has saved and loaded them: they have no comments, and iptables cannot read
// them. The rules of the network's policy go with the last container of its subnets.
func (a *attachment) queueConvertedRemoval(f nft.Family) func(*nft.Tx) error {
	return func(tx *nft.Tx) error {
		rules, err := tx.IptablesRules(hostChain(f, referenceChain))
		if err != nil {
			return err
		}
		if err := queueIptablesRemoval(tx, hostChain(f, referenceChain), a.accepts); err != nil {
			return err
		}
		if slices.ContainsFunc(rules, a.acceptsNeighbour) {
			return nil
		}
		ofBridge := func(r nft.IptablesRule) bool {
			return slices.Contains(a.links, r.In) || slices.Contains(a.links, r.Out)
		}
		for _, name := range []string{stage1, stage2} {
			if err := queueIptablesRemoval(tx, hostChain(f, name), ofBridge); err != nil {
				return err
			}
		}
		return nil
	}
}

// accepts reports whether a rule accepts packets from or to one of the attachment's addresses.
func (a *attachment) accepts(r nft.IptablesRule) bool {
	return r.Verdict.Code == nft.AcceptVerdict && !r.Other &&
		slices.ContainsFunc(a.addresses, func(p netip.Prefix) bool {
			single := ipam.Single(p.Addr())
			return r.Src == single && !r.Dst.IsValid() || r.Dst == single && !r.Src.IsValid()
		})
}

// acceptsNeighbour reports whether a rule is about another address of the attachment's subnets.
func (a *attachment) acceptsNeighbour(r nft.IptablesRule) bool {
	return !a.accepts(r) && slices.ContainsFunc(a.addresses, func(p netip.Prefix) bool {
		return r.Src.IsValid() && p.Masked().Contains(r.Src.Addr()) ||
			r.Dst.IsValid() && p.Masked().Contains(r.Dst.Addr())
	})
}
