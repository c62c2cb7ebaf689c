package portmap

import (
	"slices"

	"github.com/libcni/libcni/core/internal/host/nft"
)

// queueAdd queues everything that the plan needs. It assumes that a set that exists has its rules,
// and that a port that is not claimed is in no map. link is the link whose route_localnet the plan
// changes, "" for none.
func (p *plan) queueAdd(tx *nft.Tx, link string) error {
	if err := p.claimable(tx); err != nil {
		return err
	}
	for _, s := range p.shared(link) {
		exists, err := tx.HasSet(s.witness.Set)
		if err != nil {
			return err
		}
		if exists && !s.changes {
			continue
		}
		if err := s.queue(tx); err != nil {
			return err
		}
	}
	for _, group := range grouped(p.all(link)) {
		if err := queueElements(tx, group); err != nil {
			return err
		}
	}
	return nil
}

// queueRepair is queueAdd without its assumptions: it checks every rule and element, and replaces
// those that differ.
func (p *plan) queueRepair(tx *nft.Tx, link string) error {
	if err := p.claimable(tx); err != nil {
		return err
	}
	for _, s := range p.shared(link) {
		if err := s.queue(tx); err != nil {
			return err
		}
	}
	for _, i := range p.all(link) {
		if err := p.restore(tx, i); err != nil {
			return err
		}
	}
	return nil
}

// all are all elements of the plan, with the one that counts the others.
func (p *plan) all(link string) []item {
	items := p.items()
	if link != "" {
		items = append(items, p.routed(link))
	}
	return append(items, p.counter(len(items)))
}

// routed is the element of the container behind a link with route_localnet.
func (p *plan) routed(link string) item {
	return item{
		localnet(link),
		nft.Element{Key: nft.Addr(p.localAddress()), Comment: p.owner.Comment()},
	}
}

// queueElements adds the elements of one set. An element for a container's address replaces any
// other: the address is the newer container's.
func queueElements(tx *nft.Tx, group []item) error {
	s := group[0].set
	if s.role != masquerades && s.role != localnets {
		tx.AddElements(s.Set, elementsOf(group)...)
		return nil
	}
	for _, i := range group {
		if err := tx.Put(s.Set, i.element); err != nil {
			return err
		}
	}
	return nil
}

// restore restores an element, unless its key is an address that now belongs to another attachment.
func (p *plan) restore(tx *nft.Tx, i item) error {
	if i.set.role == masquerades || i.set.role == localnets {
		e, err := tx.Find(i.set.Set, i.element.Key)
		if err != nil || e != nil && !p.owner.Owns(e.Comment) {
			return err
		}
	}
	return tx.Put(i.set.Set, i.element)
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
	for _, i := range items {
		n, found := at[i.set.Name]
		if !found {
			n = len(groups)
			at[i.set.Name] = n
			groups = append(groups, nil)
		}
		groups[n] = append(groups[n], i)
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
func (p *plan) shared(link string) []sharedObjects {
	all := []sharedObjects{{witness: owners(), queue: queueCommon}}
	for _, t := range p.used() {
		if suffix := p.suffix[t.family]; suffix != "" {
			all = append(
				all,
				sharedObjects{anyHost(t.family, suffix), true, func(tx *nft.Tx) error {
					return p.queueConditional(tx, t.family, suffix)
				}},
			)
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
	if link != "" {
		all = append(all, sharedObjects{witness: localnet(link), queue: func(tx *nft.Tx) error {
			tx.Ensure(localnet(link).Set)
			return nil
		}})
	}
	return all
}

func queueCommon(tx *nft.Tx) error {
	chains, sets, rules := common()
	for _, c := range chains {
		tx.Ensure(c)
	}
	for _, s := range sets {
		tx.Ensure(s.Set)
	}
	return ensureRules(tx, rules)
}

// queueConditional makes the maps of a network with conditions, and the rules that jump to them by
// its current conditions.
func (p *plan) queueConditional(tx *nft.Tx, f family, suffix string) error {
	own := translation(f, suffix)
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
