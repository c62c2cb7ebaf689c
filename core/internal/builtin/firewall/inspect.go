package firewall

import (
	"context"
	"errors"
	"slices"

	"github.com/libcni/libcni/core/internal/host/iptables"
	"github.com/libcni/libcni/core/internal/host/nft"
	"github.com/libcni/libcni/core/internal/kit"
	"github.com/libcni/libcni/core/internal/kit/filter"
	"github.com/libcni/libcni/core/plugin"
)

// Inspect shows what accepts and drops packets of the attachment: its elements and rules, those of
// its network, and the accepting rules in chains of other tools.
func (p firewall) Inspect(ctx context.Context, inv *plugin.Invocation) error {
	c, err := read(inv.Config)
	if err != nil {
		return err
	}
	a, s, err := p.attached(ctx, c, inv)
	if err != nil || a == nil {
		return err
	}
	defer s.close()
	return s.backend(s.legacyTables(a.families())).show(ctx, a, inv.Found)
}

func (b nftables) show(ctx context.Context, a *attachment,
	found func(plugin.Object)) error {
	if err := noNFTables(filter.Show(ctx, b.inv, a.shown(a.content()))); err != nil {
		return err
	}
	var accepts []plugin.Object
	err := nft.View(ctx, func(r *nft.Reader) (err error) {
		accepts, err = a.foreignAccepts(r)
		return err
	})
	for _, object := range accepts {
		found(object)
	}
	return err
}

// shown leaves out what all networks share.
func (a *attachment) shown(c content) (shown filter.Shown) {
	comment := network(a.owner.Network).comment()
	shown.Network(slices.DeleteFunc(slices.Clone(c.rules),
		func(r nft.Rule) bool { return r.Comment != comment })...)
	for _, m := range c.elements {
		e := filter.ShownElement{Set: m.set, Key: m.key, Scope: plugin.OfNetwork}
		if m.own {
			e.Scope = plugin.OfAttachment
		}
		shown.Elements = append(shown.Elements, e)
	}
	return shown
}

// foreignAccepts are the network's accepting rules in the chains that iptables has in nftables.
func (a *attachment) foreignAccepts(r *nft.Reader) (found []plugin.Object, err error) {
	for _, f := range a.families() {
		for _, name := range []string{dockerChain, forwardChain} {
			chain := hostChain(f, name)
			accepts, err := r.IptablesRules(chain)
			if err != nil {
				return nil, err
			}
			own := slices.DeleteFunc(accepts, func(rule nft.IptablesRule) bool {
				return rule.Comment != network(a.owner.Network).acceptComment()
			})
			if len(own) == 0 {
				continue
			}
			counted, err := r.CountedRules(chain)
			if err != nil {
				return nil, err
			}
			for _, rule := range own {
				found = append(found, acceptObject(f, name, rule, counted))
			}
		}
	}
	return found, nil
}

func acceptObject(f nft.Family, chain string, rule nft.IptablesRule,
	counted []nft.Rule) plugin.Object {
	o := plugin.Object{Kind: plugin.RuleObject, Comment: rule.Comment, Scope: plugin.OfNetwork,
		Name: programName(f) + " " + filterTable + " " + chain}
	rule.Comment = ""
	o.Text = iptables.Line(formatRule(rule)...)
	for _, c := range counted {
		if packets, bytes, counts := c.Counter(); counts && c.Handle == rule.Handle {
			o.Matched = &plugin.Counter{Packets: packets, Bytes: bytes}
		}
	}
	return o
}

func (b iptablesChains) show(ctx context.Context, a *attachment,
	found func(plugin.Object)) error {
	for _, f := range a.families() {
		tool, err := b.find(f)
		if err != nil {
			return err
		}
		table, err := tool.ReadCounted(ctx, filterTable)
		if err != nil {
			return err
		}
		for _, rule := range a.chainRules(f) {
			if scope, shown := a.scopeOf(parseRule(rule.words).Comment); shown {
				line := filter.Line{Chain: rule.chain, Words: rule.words, Scope: scope}
				filter.ShowLine(f, table, filterTable, line, found)
			}
		}
	}
	return filter.IgnoreUnsupported(filter.Show(ctx, b.inv, a.shown(a.portContent())))
}

// scopeOf tells by the comment of a rule who has it. Rules of all networks are not shown.
func (a *attachment) scopeOf(comment string) (scope plugin.Scope, shown bool) {
	switch {
	case a.owner.Owns(comment):
		return plugin.OfAttachment, true
	case comment == network(a.owner.Network).comment():
		return plugin.OfNetwork, true
	default:
		return "", false
	}
}

func (b legacyTables) show(ctx context.Context, a *attachment,
	found func(plugin.Object)) error {
	err := b.next.show(ctx, a, found)
	for _, f := range b.families {
		tool, missing := iptables.FindLegacy(ctx, kit.Starter(b.inv), filter.Programs(f))
		if missing != nil {
			err = errors.Join(err, missing)
			continue
		}
		table, failed := tool.ReadCounted(ctx, filterTable)
		if failed != nil {
			err = errors.Join(err, failed)
			continue
		}
		a.showAccepts(f, table, found)
	}
	return err
}

func (a *attachment) showAccepts(f nft.Family, table *iptables.Table,
	found func(plugin.Object)) {
	for _, chain := range []string{dockerChain, forwardChain} {
		for _, words := range table.Chains[chain] {
			if parseRule(words).Comment == network(a.owner.Network).acceptComment() {
				line := filter.Line{Chain: chain, Words: words, Scope: plugin.OfNetwork}
				filter.ShowLine(f, table, filterTable, line, found)
			}
		}
	}
}

func (b firewalldZone) show(ctx context.Context, a *attachment,
	found func(plugin.Object)) error {
	err := b.next.show(ctx, a, found)
	for _, p := range a.addresses {
		exists, failed := b.zones.HasSource(ctx, b.name, p.Addr())
		if failed != nil {
			return errors.Join(err, failed)
		}
		if exists {
			found(plugin.Object{Kind: plugin.SourceObject, Name: "firewalld zone " + b.name,
				Text: p.Addr().String(), Scope: plugin.OfAttachment})
		}
	}
	return err
}
