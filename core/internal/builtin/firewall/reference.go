package firewall

import (
	"context"
	"errors"
	"net/netip"
	"slices"

	"github.com/libcni/libcni/core/internal/host/nft"
	"github.com/libcni/libcni/core/plugin"
)

// privateChain is where the reference plugin and the backend iptables let containers through.
const privateChain = "CNI-FORWARD"

// isReferences says whether a rule is one that the reference plugin makes for one of the addresses.
func isReferences(r nft.IptablesRule, addresses []netip.Addr) bool {
	if r.Other || r.Comment != "" || r.Verdict.Code != nft.AcceptVerdict {
		return false
	}
	from, to := r.Src.IsValid() && !r.Dst.IsValid() && r.States == 0, r.Dst.IsValid() && !r.Src.IsValid() && r.States == nft.StateRelated|nft.StateEstablished
	return slices.ContainsFunc(addresses, func(a netip.Addr) bool {
		whole := netip.PrefixFrom(a, a.BitLen())
		return from && r.Src == whole || to && r.Dst == whole
	})
}

// removeReferences removes the rules that the reference plugin made for addresses.
func removeReferences(ctx context.Context, inv *plugin.Invocation, addresses []netip.Addr) error {
	if len(addresses) == 0 {
		return nil
	}
	err := nft.Update(ctx, inv.StateDir, func(tx *nft.Tx) error {
		for _, f := range families() {
			chain := foreignChain(f, privateChain)
			rules, err := tx.IptablesRules(chain)
			if err != nil {
				return err
			}
			tx.DeleteIptablesRules(chain, slices.DeleteFunc(rules, func(r nft.IptablesRule) bool { return !isReferences(r, addresses) })...)
		}
		return nil
	})
	failed := harmless(err)
	for _, f := range families() {
		l, err := readLegacy(ctx, inv, f)
		if err != nil || l == nil {
			failed = errors.Join(failed, err)
			continue
		}
		unwanted := func(words []string) bool { return isReferences(told(words, f), addresses) }
		failed = errors.Join(failed, l.tool.Apply(ctx, filterTable, deletions(l.table, unwanted, privateChain)))
	}
	return failed
}
