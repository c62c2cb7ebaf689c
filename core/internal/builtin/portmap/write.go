package portmap

import (
	"slices"

	"github.com/libcni/libcni/core/internal/host/nft"
	"github.com/libcni/libcni/core/internal/kit/filter"
)

// queueAdd queues everything that the plan needs. It assumes that a set that exists has its rules
// if the first chain has, and that a port that is not claimed is in no map.
func (p *plan) queueAdd(tx *nft.Tx) error {
	intact, err := tx.IsInUse(prerouting(), len(families()))
	if err != nil {
		return err
	}
	for _, s := range p.shared() {
		exists, err := tx.HasSet(s.witness.Set)
		if err != nil {
			return err
		}
		if exists && intact && !s.changes {
			continue
		}
		if err := s.queue(tx); err != nil {
			return err
		}
	}
	for _, group := range grouped(p.all()) {
		if err := p.queueElements(tx, group); err != nil {
			return err
		}
	}
	return nil
}

// queueRepair is queueAdd without its assumptions: it checks every rule and element, and replaces
// those that differ.
func (p *plan) queueRepair(tx *nft.Tx) error {
	for _, s := range p.shared() {
		if err := s.queue(tx); err != nil {
			return err
		}
	}
	for _, group := range grouped(p.all()) {
		if err := p.restore(tx, group); err != nil {
			return err
		}
	}
	return nil
}

// all are all elements of the plan, with the one that counts the others.
func (p *plan) all() []item {
	items := p.items()
	return append(items, p.counter(len(items)))
}

// queueElements adds the elements of one set. A masquerading element for a container's address
// replaces any other: the address is the newer container's.
func (p *plan) queueElements(tx *nft.Tx, group []item) error {
	s := group[0].set
	switch s.role {
	case masquerades:
		return putAll(tx, group)
	case links:
		return p.queueLinks(tx, group)
	default:
		tx.AddElements(s.Set, elementsOf(group)...)
		return nil
	}
}

func putAll(tx *nft.Tx, group []item) error {
	for _, i := range group {
		if err := tx.Put(i.set.Set, i.element); err != nil {
			return err
		}
	}
	return nil
}

// queueLinks adds the records of the container's addresses, unless another attachment, which is not
// gone, has the same address.
func (p *plan) queueLinks(tx *nft.Tx, group []item) error {
	for _, i := range group {
		e, err := tx.Find(i.set.Set, i.element.Key)
		if err != nil {
			return err
		}
		if e != nil && !p.owner.Owns(e.Comment) {
			continue
		}
		if err := tx.Put(i.set.Set, i.element); err != nil {
			return err
		}
	}
	return nil
}

// restore restores the elements of one set, unless their key is an address that now belongs to
// another attachment.
func (p *plan) restore(tx *nft.Tx, group []item) error {
	s := group[0].set
	if s.role == masquerades || s.role == links {
		return p.queueLinks(tx, group)
	}
	look := newLookup(tx.Reader, len(group))
	var wrong, missing []nft.Element
	for _, i := range group {
		present, err := look.find(s, i.element.Key)
		if err != nil {
			return err
		}
		if present != nil && present.Equal(i.element) {
			continue
		}
		if present != nil {
			wrong = append(wrong, *present)
		}
		missing = append(missing, i.element)
	}
	tx.Exchange(s.Set, wrong, missing)
	return nil
}

func elementsOf(group []item) []nft.Element {
	elements := make([]nft.Element, len(group))
	for i := range group {
		elements[i] = group[i].element
	}
	return elements
}

// grouped collects the items of each set, and otherwise keeps their order.
func grouped(items []item) [][]item {
	var groups [][]item
	at := map[string]int{}
	for start := 0; start < len(items); {
		end := start + 1
		for end < len(items) && items[end].set.Name == items[start].set.Name {
			end++
		}
		run := items[start:end:end]
		name := items[start].set.Name
		if n, found := at[name]; found {
			groups[n] = append(groups[n], run...)
		} else {
			at[name] = len(groups)
			groups = append(groups, run)
		}
		start = end
	}
	return groups
}

// sharedObjects are objects that several attachments share and that are made in one batch.
type sharedObjects struct {
	witness set  // exists if they do
	changes bool // the rules depend on the configuration, and may have to be replaced
	queue   func(*nft.Tx) error
}

// shared are the shared objects that the plan needs.
func (p *plan) shared() []sharedObjects {
	all := []sharedObjects{{witness: linked(v4), queue: queueCommon}}
	for _, t := range p.used() {
		suffix := p.suffix[t.family]
		if suffix != "" {
			all = append(
				all,
				sharedObjects{anyHost(t.family, suffix), true, func(tx *nft.Tx) error {
					return p.queueConditional(tx, t.family, suffix)
				}},
			)
		}
		for _, proto := range p.protocolsOfRanges(t.family) {
			all = append(all, sharedObjects{witness: anyHostRanges(t.family, proto, suffix),
				queue: func(tx *nft.Tx) error { return queueRanges(tx, t.family, proto, suffix) }})
		}
		if len(t.sources) > 0 {
			s := masqueraded(t.family, p.owner.Network, t.sources)
			all = append(all, sharedObjects{witness: s, queue: func(tx *nft.Tx) error {
				tx.Ensure(s.Set)
				return replaceRules(tx, masquerading(), s.Name,
					masquerade(t.family, p.owner.Network, t.sources))
			}})
		}
	}
	return all
}

// chains are those with rules for the plan's ports.
func (p *plan) chains() []nft.Chain {
	all, _, _ := common(false)
	for _, t := range p.used() {
		if suffix := p.suffix[t.family]; suffix != "" {
			all = append(all, translation(t.family, suffix))
		}
	}
	return all
}

// protocolsOfRanges are the protocols of the plan's ranges.
func (p *plan) protocolsOfRanges(f family) []protocol {
	var all []protocol
	for _, port := range p.ports {
		if port.family == f && port.count > 1 && !p.earlier && !slices.Contains(all, port.proto) {
			all = append(all, port.proto)
		}
	}
	return all
}

func queueCommon(tx *nft.Tx) error {
	chains, sets, rules := common(false)
	if err := filter.MendChains(tx, chains...); err != nil {
		return err
	}
	for _, c := range chains {
		tx.Ensure(c)
	}
	for _, s := range sets {
		tx.Ensure(s.Set)
	}
	for _, c := range baseChains() {
		if err := onlyRules(tx, c, rules); err != nil {
			return err
		}
	}
	return ensureRules(tx, rules)
}

// onlyRules empties a chain that has other rules than the wanted ones in it.
func onlyRules(tx *nft.Tx, c nft.Chain, wanted []nft.Rule) error {
	have, err := tx.Rules(c)
	if err != nil {
		return err
	}
	isWanted := func(r nft.Rule) bool {
		return slices.ContainsFunc(wanted, func(w nft.Rule) bool {
			return w.Chain.Name == c.Name && w.Comment == r.Comment && w.Same(r)
		})
	}
	tx.DeleteRules(slices.DeleteFunc(have, isWanted)...)
	return nil
}

// queueRanges makes the sets of ranges of a protocol, and the rules that look ports up in them.
func queueRanges(tx *nft.Tx, f family, proto protocol, suffix string) error {
	sets, rules := ranges(f, proto, suffix)
	for _, s := range sets {
		tx.Ensure(s.Set)
	}
	return ensureRules(tx, rules)
}

// queueConditional makes the maps of a network with conditions, and the rules that jump to them by
// its current conditions.
func (p *plan) queueConditional(tx *nft.Tx, f family, suffix string) error {
	own := translation(f, suffix)
	if err := filter.MendChains(tx, own); err != nil {
		return err
	}
	tx.Ensure(own, oneHost(f, suffix).Set, anyHost(f, suffix).Set)
	if err := ensureRules(tx, translating(f, suffix)); err != nil {
		return err
	}
	return replaceRules(tx, translation(f, ""), own.Name,
		conditional(f, p.owner.Network, p.rules[f]))
}

func ensureRules(tx *nft.Tx, rules []nft.Rule) error {
	for _, r := range rules {
		if err := tx.EnsureRule(r); err != nil {
			return err
		}
	}
	return nil
}

// replaceRules makes the wanted rules the only ones of a chain that mention an object.
func replaceRules(tx *nft.Tx, c nft.Chain, object string, wanted []nft.Rule) error {
	rules, err := tx.Rules(c)
	if err != nil {
		return err
	}
	rules = slices.DeleteFunc(rules, func(r nft.Rule) bool { return !mentions(r.Comment, object) })
	if slices.EqualFunc(rules, wanted, nft.Rule.Same) {
		return nil
	}
	tx.DeleteRules(rules...)
	for _, r := range wanted {
		tx.AddRule(r)
	}
	return nil
}
