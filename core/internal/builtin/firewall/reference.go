package firewall

import (
	"net/netip"
	"slices"

	"github.com/libcni/libcni/core/internal/host/nft"
	"github.com/libcni/libcni/core/internal/kit/ipam"
)

// referenceChain is where the reference plugin and the backend iptables accept containers' packets.
const referenceChain = "CNI-FORWARD"

// referenceAdminChain is the default of iptablesAdminChainName.
const referenceAdminChain = "CNI-ADMIN"

// isReferenceRule reports whether a rule is one that the reference plugin makes for one of the
// addresses.
func isReferenceRule(r nft.IptablesRule, addresses []netip.Addr) bool {
	if r.Other || r.Comment != "" || r.Verdict.Code != nft.AcceptVerdict {
		return false
	}
	from := r.Src.IsValid() && !r.Dst.IsValid() && r.States == 0
	to := r.Dst.IsValid() && !r.Src.IsValid() && r.States == nft.StateRelated|nft.StateEstablished
	return slices.ContainsFunc(addresses, func(a netip.Addr) bool {
		single := ipam.Single(a)
		return from && r.Src == single || to && r.Dst == single
	})
}

// removeReferenceRules queues the removal of the rules that the reference plugin made for
// addresses.
func removeReferenceRules(tx *nft.Tx, addresses []netip.Addr) error {
	for _, f := range families() {
		err := queueIptablesRemoval(tx, hostChain(f, referenceChain),
			func(r nft.IptablesRule) bool { return isReferenceRule(r, addresses) })
		if err != nil {
			return err
		}
	}
	return nil
}
