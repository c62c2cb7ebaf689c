package portmap

import (
	"encoding/binary"
	"strings"

	"github.com/libcni/libcni/core/internal/host/nft"
)

// release queues the removal of what is the plan's owner's, and returns what that was. It looks at the elements that
// the plan names, and at all only if these are not all that the attachment has.
func (p *plan) release(tx *nft.Tx) ([]item, error) {
	items := p.items()
	tx.Prefetch(owners(), ownerKey(p.owner))
	expectRemoval(tx.Reader, items)
	counted, err := tx.Find(owners(), ownerKey(p.owner))
	if err != nil {
		return nil, err
	}
	found, err := p.find(tx, items)
	if err != nil {
		return nil, err
	}
	if counted == nil { // nothing is there, unless somebody removed the counter alone
		return found, discard(tx, found)
	}
	if len(counted.Data) == 4 && int(binary.NativeEndian.Uint32(counted.Data)) == len(found) {
		tx.DeleteElements(owners(), *counted)
		return found, discard(tx, found)
	}
	return removeAll(tx, p.owner)
}

// find returns the elements that are the owner's: of the candidates, and of the links whose route_localnet is on.
func (p *plan) find(tx *nft.Tx, candidates []item) ([]item, error) {
	if addr := p.localAddress(); addr.IsValid() {
		links, err := localnets(tx.Reader)
		if err != nil {
			return nil, err
		}
		for _, s := range links {
			candidates = append(candidates, item{s, nft.Element{Key: nft.Addr(addr)}})
		}
		expectRemoval(tx.Reader, candidates[len(candidates)-len(links):])
	}
	var found []item
	for _, group := range grouped(candidates) {
		look := finder(tx.Reader, len(group))
		for _, i := range group {
			e, err := look.find(i.set, i.element.Key)
			if err != nil {
				return nil, err
			}
			if e != nil && p.owner.Owns(e.Comment) {
				found = append(found, item{i.set, *e})
			}
		}
	}
	return found, nil
}

// localnets lists the sets of links whose route_localnet is on for containers.
func localnets(r *nft.Reader) ([]nft.Set, error) {
	names, err := r.SetNames(table())
	var sets []nft.Set
	for _, name := range names {
		if link, found := strings.CutPrefix(name, localnetPrefix); found {
			sets = append(sets, localnet(link))
		}
	}
	return sets, err
}

// removeAll queues the removal of all that is the owner's, wherever it is.
func removeAll(tx *nft.Tx, owner nft.Owner) ([]item, error) {
	return remove(tx, func(e nft.Element) bool { return owner.Owns(e.Comment) })
}

// remove queues the removal of all unwanted elements, and returns those but the owners' counters. It reads every set.
func remove(tx *nft.Tx, unwanted func(nft.Element) bool) ([]item, error) {
	names, err := tx.SetNames(table())
	if err != nil {
		return nil, err
	}
	var found []item
	for _, name := range names {
		s, known := setNamed(name)
		if !known {
			continue
		}
		elements, err := tx.Elements(s)
		if err != nil {
			return nil, err
		}
		for _, e := range elements {
			if unwanted(e) {
				found = append(found, item{s, e})
			}
		}
	}
	if _, err := tx.DeleteWhere(owners(), unwanted); err != nil {
		return nil, err
	}
	return found, discard(tx, found)
}

func deleteAll(tx *nft.Tx, group []item) {
	var elements []nft.Element
	for _, i := range group {
		elements = append(elements, i.element)
	}
	tx.DeleteElements(group[0].set, elements...)
}

// discard removes elements, and with the last one of a network or link what was there for it.
func discard(tx *nft.Tx, found []item) error {
	groups := grouped(found)
	for _, group := range groups {
		deleteAll(tx, group)
	}
	own := map[string]map[family]bool{} // suffixes of networks with conditions
	for _, group := range groups {
		s := group[0].set
		if f, suffix, found := conditionalMap(s); found {
			if own[suffix] == nil {
				own[suffix] = map[family]bool{}
			}
			own[suffix][f] = true
			continue
		}
		link, ofLink := strings.CutPrefix(s.Name, localnetPrefix)
		if !ofLink && !strings.HasPrefix(s.Name, "portmap-masquerade") {
			continue
		}
		more, err := others(tx, group)
		if err != nil {
			return err
		}
		if more {
			continue
		}
		if ofLink { // before the lock is released: after that somebody may need it again
			err = setRouteLocalnet(link, false)
		} else {
			err = exactly(tx, masquerading(), s.Name, nil)
		}
		if err != nil {
			return err
		}
		tx.DeleteSet(s)
	}
	return discardConditional(tx, groups, own)
}

// conditionalMap says of which network with conditions a map is.
func conditionalMap(s nft.Set) (f family, suffix string, found bool) {
	if len(s.Data) != 2 {
		return 0, "", false
	}
	for _, f := range families() {
		rest, one := strings.CutPrefix(s.Name, oneHost(f, "").Name)
		if !one {
			rest, _ = strings.CutPrefix(s.Name, anyHost(f, "").Name)
		}
		if rest != s.Name {
			return f, rest, rest != ""
		}
	}
	return 0, "", false
}

// discardConditional removes a network's own maps when both of a family are empty, and what leads there.
func discardConditional(tx *nft.Tx, groups [][]item, own map[string]map[family]bool) error {
	removed := map[string]int{}
	for _, group := range groups {
		removed[group[0].set.Name] = len(group)
	}
	for suffix, seen := range own {
		for _, f := range families() {
			if !seen[f] {
				continue
			}
			left := 0
			for _, s := range []nft.Set{oneHost(f, suffix), anyHost(f, suffix)} {
				elements, err := tx.Elements(s)
				if err != nil {
					return err
				}
				left += len(elements) - removed[s.Name]
			}
			if left > 0 {
				continue
			}
			if err := exactly(tx, translation(f, ""), translation(f, suffix).Name, nil); err != nil {
				return err
			}
			tx.DeleteChain(translation(f, suffix))
			tx.DeleteSet(oneHost(f, suffix))
			tx.DeleteSet(anyHost(f, suffix))
		}
	}
	return nil
}

// others says whether a set has other elements than the group. AtLeast stops counting after some dozens.
func others(tx *nft.Tx, group []item) (bool, error) {
	if len(group) < 10 {
		count, err := tx.CountAtLeast(group[0].set)
		return count > len(group), err
	}
	elements, err := tx.Elements(group[0].set)
	return len(elements) > len(group), err
}
