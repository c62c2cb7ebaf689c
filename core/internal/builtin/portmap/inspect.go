package portmap

import (
	"context"

	"github.com/libcni/libcni/core/internal/host/nft"
	"github.com/libcni/libcni/core/internal/kit/filter"
	"github.com/libcni/libcni/core/plugin"
)

// Inspect shows the published ports and the containers whose clients are masqueraded, with the
// rules of the network, and the rules that guard the loopback addresses. Claims and counts of
// elements are books that the plugin keeps, and not shown.
func (portmap) Inspect(ctx context.Context, inv *plugin.Invocation) error {
	c, err := parse(inv.Config)
	if err != nil || len(c.mappings) == 0 {
		return err
	}
	p, err := newPlan(c, inv)
	if err != nil {
		return err
	}
	if err := nft.View(ctx, func(r *nft.Reader) error { return p.readForm(r) }); err != nil {
		return err
	}
	return filter.Show(ctx, inv, p.shown())
}

// readForm learns which version attached.
func (p *plan) readForm(r *nft.Reader) error {
	counter, err := r.Find(owners().Set, ownerKey(p.owner))
	p.earlier = false
	if counter != nil {
		_, p.earlier = elementCount(*counter)
	}
	return err
}

func (p *plan) shown() (shown filter.Shown) {
	for _, t := range p.used() {
		shown.Network(conditional(t.family, p.owner.Network, p.rules[t.family])...)
		if len(t.sources) > 0 {
			shown.Network(masquerade(t.family, p.owner.Network, t.sources)...)
		}
	}
	for _, guard := range guards() {
		shown.Rules = append(shown.Rules, filter.ShownRule{Rule: guard, Scope: plugin.OfHost})
	}
	for _, i := range p.items() {
		if i.set.role == redirects || i.set.role == masquerades {
			shown.Elements = append(shown.Elements, filter.ShownElement{Set: i.set.Set,
				Key: i.element.Key, Scope: plugin.OfAttachment})
		}
	}
	return shown
}
