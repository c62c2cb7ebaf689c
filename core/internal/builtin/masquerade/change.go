package masquerade

import (
	"slices"

	"github.com/libcni/libcni/core/internal/host/nft"
	"github.com/libcni/libcni/core/plugin"
)

// Add queues what makes the attachment's addresses translated. An element that another attachment left at one of the
// addresses becomes this one's: who has the address now is the address plugin's to know.
func (a Attachment) Add(tx *nft.Tx) error {
	for _, f := range families(a.Owner.Network) {
		if err := a.add(tx, f, adding); err != nil {
			return err
		}
	}
	return nil
}

// What add is called for.
const (
	adding    = false // leave the network's objects alone where its ranges are known: the rule was made with them
	repairing = true  // look at everything, and take nothing away from others
)

func (a Attachment) add(tx *nft.Tx, f family, repair bool) error {
	addresses := f.of(a.Addresses)
	if len(addresses) == 0 {
		return nil
	}
	for _, address := range addresses {
		tx.Prefetch(f.sources, nft.Addr(address.Addr()))
	}
	have, err := tx.Elements(f.local)
	if err != nil {
		return err
	}
	remove, add := rangeChanges(have, f.locals(addresses))
	if len(add) > 0 || repair {
		tx.Ensure(chain(), f.sources, f.local)
		if len(remove) > 0 {
			tx.DeleteElements(f.local, remove...)
		}
		if len(add) > 0 {
			tx.AddElements(f.local, add...)
		}
		if err := f.ensureRule(tx); err != nil {
			return err
		}
	}
	for _, address := range addresses {
		if repair {
			there, err := tx.Find(f.sources, nft.Addr(address.Addr()))
			if err != nil {
				return err
			}
			if there != nil && !a.Owner.Owns(there.Comment) {
				continue
			}
		}
		if err := tx.Put(f.sources, nft.Element{Key: nft.Addr(address.Addr()), Comment: a.Owner.Comment()}); err != nil {
			return err
		}
	}
	return nil
}

// ensureRule makes the rule unless it is there, in the place of one that uses its sets otherwise. That of the other family
// has the same comment, and stays.
func (f family) ensureRule(tx *nft.Tx) error {
	rules, err := tx.Rules(chain())
	if err != nil {
		return err
	}
	wanted := f.rule()
	if slices.ContainsFunc(rules, wanted.Same) {
		return nil
	}
	for _, r := range rules {
		if r.Uses(f.sources) || r.Uses(f.local) {
			tx.DeleteRules(r)
		}
	}
	tx.AddRule(wanted)
	return nil
}

// Remove queues the removal of what is the attachment's, and of the network's objects with their last container. What is
// at one of its addresses for another attachment stays. Without addresses it looks at the whole network's.
func (a Attachment) Remove(tx *nft.Tx) error {
	for _, f := range families(a.Owner.Network) {
		removed, err := a.removeFrom(tx, f)
		if err != nil {
			return err
		}
		if removed == 0 {
			continue
		}
		count, err := tx.CountAtLeast(f.sources)
		if err != nil {
			return err
		}
		if count <= removed {
			if err := f.remove(tx); err != nil {
				return err
			}
		}
	}
	return nil
}

func (a Attachment) removeFrom(tx *nft.Tx, f family) (int, error) {
	addresses := f.of(a.Addresses)
	var own []nft.Element
	if len(addresses) > 0 {
		tx.PrefetchCount(f.sources)
	}
	for _, address := range addresses {
		tx.Prefetch(f.sources, nft.Addr(address.Addr()))
	}
	for _, address := range addresses {
		e, err := tx.Find(f.sources, nft.Addr(address.Addr()))
		if err != nil {
			return 0, err
		}
		if e != nil && a.Owner.Owns(e.Comment) {
			own = append(own, *e)
		}
	}
	if len(a.Addresses) > 0 && len(own) == len(addresses) {
		if len(own) > 0 {
			tx.DeleteElements(f.sources, own...)
		}
		return len(own), nil
	}
	all, err := tx.ReleaseAll(f.sources, a.Owner)
	return len(all), err
}

// remove queues the removal of the network's objects. The chain stays.
func (f family) remove(tx *nft.Tx) error {
	rules, err := tx.Rules(chain())
	if err != nil {
		return err
	}
	for _, r := range rules {
		if r.Uses(f.sources) || r.Uses(f.local) {
			tx.DeleteRules(r)
		}
	}
	for _, s := range []nft.Set{f.sources, f.local} {
		found, err := tx.HasSet(s)
		if err != nil {
			return err
		}
		if found {
			tx.DeleteSet(s)
		}
	}
	return nil
}

// GC queues the removal of what is of attachments of the network that are not valid.
func GC(tx *nft.Tx, network string, valid []plugin.AttachmentID) error {
	keep := Keeper(network, valid)
	for _, f := range families(network) {
		elements, err := tx.Elements(f.sources)
		if err != nil {
			return err
		}
		unwanted := slices.DeleteFunc(slices.Clone(elements), func(e nft.Element) bool { return keep(e.Comment) })
		switch {
		case len(unwanted) == len(elements):
			err = f.removeAll(tx, unwanted)
		case len(unwanted) > 0:
			tx.DeleteElements(f.sources, unwanted...)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (f family) removeAll(tx *nft.Tx, elements []nft.Element) error {
	if len(elements) > 0 {
		tx.DeleteElements(f.sources, elements...)
	}
	return f.remove(tx)
}

// Keeper returns a function that says of a comment whether GC keeps the object: it is a valid attachment's, or none of
// the network's.
func Keeper(network string, valid []plugin.AttachmentID) func(comment string) bool {
	owners := make([]nft.Owner, len(valid))
	for i, id := range valid {
		owners[i] = nft.Owner{Network: network, ContainerID: id.ContainerID, IfName: id.IfName}
	}
	return nft.Keep(network, owners)
}
