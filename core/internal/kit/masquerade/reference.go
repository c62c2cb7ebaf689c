package masquerade

import (
	"github.com/libcni/libcni/core/internal/host/nft"
	"github.com/libcni/libcni/core/internal/kit/filter"
	"github.com/libcni/libcni/core/internal/kit/reference"
	"github.com/libcni/libcni/core/plugin"
)

// referenceChain is where the reference plugins with nftables have a rule for each address.
func referenceChain() nft.Chain {
	return nft.Chain{Table: nft.Table{Family: nft.Inet, Name: "cni_plugins_masquerade"},
		Name: "masq_checks"}
}

// RemoveReference queues the removal of what the reference executables made for the attachment,
// with nftables and with iptables over nftables.
func (a Attachment) RemoveReference(tx *nft.Tx) error {
	return removeReference(tx, a.Owner.Owns, a.chains())
}

// GCReference is GC for what the reference executables made.
func GCReference(tx *nft.Tx, network string, valid []plugin.AttachmentID) error {
	keep := filter.Keeper(network, valid)
	return removeReference(tx, func(comment string) bool { return !keep(comment) },
		invalidChains(network, valid))
}

func removeReference(tx *nft.Tx, owned func(comment string) bool, selected selection) error {
	rules, err := tx.Rules(referenceChain())
	if err != nil {
		return err
	}
	for _, r := range rules {
		if owned(r.Comment) {
			tx.DeleteRules(r)
		}
	}
	for _, family := range []nft.Family{nft.IPv4, nft.IPv6} {
		if err := removeChains(tx, nft.Table{Family: family, Name: natTable}, selected); err != nil {
			return err
		}
	}
	return nil
}

func removeChains(tx *nft.Tx, table nft.Table, selected selection) error {
	from := nft.Chain{Table: table, Name: postrouting}
	rules, err := tx.IptablesRules(from)
	if err != nil {
		return err
	}
	var jumps []jump
	for _, r := range rules {
		if r.Verdict.Code != nft.JumpVerdict || !isChainName(r.Verdict.Chain) {
			continue
		}
		j := jump{chain: r.Verdict.Chain, comment: r.Comment, source: r.Src.Addr()}
		if jumps = append(jumps, j); selected(j) {
			tx.DeleteIptablesRules(from, r)
		}
	}
	for _, name := range unused(jumps, selected) {
		tx.DeleteChain(nft.Chain{Table: table, Name: name})
	}
	return nil
}

// MadeByReference reports whether the reference executables have made rules that masquerade the
// attachment's addresses. If the legacy tables of iptables are in use, it assumes so.
func (a Attachment) MadeByReference(r *nft.Reader) (bool, error) {
	rules, err := r.Rules(referenceChain())
	if err != nil {
		return false, err
	}
	for _, rule := range rules {
		if a.Owner.Owns(rule.Comment) {
			return true, nil
		}
	}
	selected := a.chains()
	for _, family := range []nft.Family{nft.IPv4, nft.IPv6} {
		rules, err := r.IptablesRules(nft.Chain{Table: nft.Table{Family: family, Name: natTable},
			Name: postrouting})
		if err != nil {
			return false, err
		}
		for _, rule := range rules {
			if rule.Verdict.Code == nft.JumpVerdict &&
				selected(jump{chain: rule.Verdict.Chain, source: rule.Src.Addr()}) {
				return true, nil
			}
		}
	}
	return InLegacyTables(), nil
}

// InLegacyTables reports whether the legacy tables of iptables are in use. Only its executable
// could read them.
func InLegacyTables() bool {
	return reference.InLegacyTables(natTable)
}
