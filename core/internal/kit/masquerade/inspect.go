package masquerade

import (
	"context"

	"github.com/libcni/libcni/core/internal/host/iptables"
	"github.com/libcni/libcni/core/internal/host/nft"
	"github.com/libcni/libcni/core/internal/kit/filter"
	"github.com/libcni/libcni/core/internal/kit/ipam"
	"github.com/libcni/libcni/core/plugin"
)

// Show adds the objects in nftables.
func (a Attachment) Show(shown *filter.Shown) {
	for _, f := range families(a.Owner.Network) {
		addresses := ipam.Unique(f.of(a.Addresses))
		if len(addresses) == 0 {
			continue
		}
		shown.Network(f.rule())
		for _, address := range addresses {
			shown.Elements = append(shown.Elements, filter.ShownElement{Set: f.sources,
				Key: nft.Addr(address), Scope: plugin.OfAttachment})
		}
	}
}

// Show calls found with the attachment's rules of iptables.
func (p Programs) Show(ctx context.Context, a Attachment, found func(plugin.Object)) error {
	for _, f := range families(a.Owner.Network) {
		if !a.needs(f.version) {
			continue
		}
		tool, err := iptables.Find(p.Start, filter.Programs(f.version))
		if err != nil {
			return err
		}
		table, err := tool.ReadCounted(ctx, natTable)
		if err != nil {
			return err
		}
		for _, rule := range a.programRules(f.version) {
			filter.ShowLine(f.version, table, natTable, filter.Line{Chain: rule.chain, Words: rule.words,
				Scope: plugin.OfAttachment}, found)
		}
	}
	return nil
}
