package portmap

import (
	"slices"

	"github.com/libcni/libcni/core/internal/host/nft"
)

// release queues the removal of the owner's elements, and returns them. It looks up the elements of
// the plan, and reads all sets only if the owner has others.
func (p *plan) release(tx *nft.Tx) ([]item, error) {
	p.earlier = false
	tx.Prefetch(owners().Set, ownerKey(p.owner))
	if numberOf(p.ports) <= maxLookups {
		prefetchRemoval(tx.Reader, p.items())
	}
	counter, err := tx.Find(owners().Set, ownerKey(p.owner))
	if err != nil {
		return nil, err
	}
	number := -1
	if p.exists = counter != nil; p.exists {
		number, p.earlier = elementCount(*counter)
	}
	found, err := p.find(tx, p.items())
	if err != nil {
		return nil, err
	}
	if counter == nil { // no elements, unless only the counter was removed
		return found, discard(tx, found)
	}
	if number == len(found) {
		tx.DeleteElements(owners().Set, *counter)
		return found, discard(tx, found)
	}
	return removeOwned(tx, p.owner)
}

// find returns the owner's elements among the candidates and in the sets of links with
// route_localnet.
func (p *plan) find(tx *nft.Tx, candidates []item) ([]item, error) {
	links, err := p.onLinks(tx.Reader)
	if err != nil {
		return nil, err
	}
	prefetchRemoval(tx.Reader, links)
	var found []item
	for _, group := range grouped(append(candidates, links...)) {
		look := newLookup(tx.Reader, len(group))
		for _, i := range group {
			e, err := look.find(i.set, i.element.Key)
			if err != nil {
				return nil, err
			}
			if e != nil && p.owns(e.Comment, i.element.Comment) {
				found = append(found, item{i.set, *e})
			}
		}
	}
	return found, nil
}

// onLinks are the elements that an attachment of version 0.1 may have in the sets of links with
// route_localnet.
func (p *plan) onLinks(r *nft.Reader) ([]item, error) {
	addr := p.address4()
	if !p.earlier || !addr.IsValid() {
		return nil, nil
	}
	sets, err := allSets(r)
	var items []item
	for _, s := range sets {
		if s.role == localnets {
			items = append(items, item{&s, nft.Element{Key: nft.Addr(addr)}})
		}
	}
	return items, err
}

// removeOwned queues the removal of all elements of an owner.
func removeOwned(tx *nft.Tx, owner nft.Owner) ([]item, error) {
	return remove(tx, func(e nft.Element) bool { return owner.Owns(e.Comment) })
}

// remove queues the removal of all unwanted elements, and returns them without the counters. It
// reads every set.
func remove(tx *nft.Tx, unwanted func(nft.Element) bool) ([]item, error) {
	sets, err := allSets(tx.Reader)
	if err != nil {
		return nil, err
	}
	var found []item
	for _, s := range sets {
		elements, err := tx.Elements(s.Set)
		if err != nil {
			return nil, err
		}
		for _, e := range elements {
			if unwanted(e) {
				found = append(found, item{&s, e})
			}
		}
	}
	if _, err := tx.DeleteWhere(owners().Set, unwanted); err != nil {
		return nil, err
	}
	return found, discard(tx, found)
}

// discard queues the removal of elements, and of the objects that become unused.
func discard(tx *nft.Tx, found []item) error {
	removed := map[string]int{} // elements by set
	var conditional []set
	for _, group := range grouped(found) {
		s := group[0].set
		tx.DeleteElements(s.Set, elementsOf(group)...)
		removed[s.Name] = len(group)
		switch s.role {
		case masquerades, localnets:
			if err := discardSet(tx, *s, len(group)); err != nil {
				return err
			}
		case redirects:
			own := anyHost(s.family, s.suffix)
			if s.suffix != "" &&
				!slices.ContainsFunc(conditional, func(o set) bool { return o.Name == own.Name }) {
				conditional = append(conditional, own)
			}
		}
	}
	for _, s := range conditional {
		if err := discardConditional(tx, s.family, s.suffix, removed); err != nil {
			return err
		}
	}
	return nil
}

// discardSet queues the removal of a set that loses its last elements, and reverts what the set
// records.
func discardSet(tx *nft.Tx, s set, removed int) error {
	if more, err := hasMore(tx, s, removed); more || err != nil {
		return err
	}
	var err error
	if s.role == localnets { // before another attachment, which needs it, can get the lock
		err = setRouteLocalnet(s.link, false)
	} else {
		err = replaceRules(tx, masquerading(), s.Name, nil)
	}
	if err == nil {
		tx.DeleteSet(s.Set)
	}
	return err
}

// discardConditional queues the removal of the maps of a network with conditions, once all of a
// family are empty, and of the rules that jump to them.
func discardConditional(tx *nft.Tx, f family, suffix string, removed map[string]int) error {
	var present []set
	for _, s := range redirectMaps(f, suffix) {
		exists, err := tx.HasSet(s.Set)
		if err != nil {
			return err
		}
		if !exists {
			continue
		}
		elements, err := tx.Elements(s.Set)
		if err != nil || len(elements) > removed[s.Name] {
			return err
		}
		present = append(present, s)
	}
	if err := replaceRules(tx, translation(f, ""), translation(f, suffix).Name, nil); err != nil {
		return err
	}
	tx.DeleteChain(translation(f, suffix))
	for _, s := range present {
		tx.DeleteSet(s.Set)
	}
	return nil
}

// hasMore reports whether a set has more than a number of elements. CountAtLeast stops counting
// after some dozens.
func hasMore(tx *nft.Tx, s set, number int) (bool, error) {
	if number < 10 {
		count, err := tx.CountAtLeast(s.Set)
		return count > number, err
	}
	elements, err := tx.Elements(s.Set)
	return len(elements) > number, err
}
