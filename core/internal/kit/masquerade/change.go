package masquerade

import (
	"net/netip"
	"slices"

	"github.com/libcni/libcni/core/internal/host/nft"
	"github.com/libcni/libcni/core/internal/kit/filter"
	"github.com/libcni/libcni/core/internal/kit/ipam"
	"github.com/libcni/libcni/core/plugin"
)

// Add queues the changes that masquerade the attachment's addresses. An element that another
// attachment left at one of the addresses becomes this one's: the IPAM plugin has assigned the
// address to it.
func (a Attachment) Add(tx *nft.Tx) error { return a.ensure(tx, family.add, a.put) }

// Repair queues the changes that restore missing objects. An element that belongs to another
// attachment stays.
func (a Attachment) Repair(tx *nft.Tx) error {
	if err := filter.MendChains(tx, chain()); err != nil {
		return err
	}
	return a.ensure(tx, family.ensureShared, a.restore)
}

// Chains implements ruleset.Part.
func (Attachment) Chains() []nft.Chain { return []nft.Chain{chain()} }

// ensure queues the changes of the network's shared objects and the attachment's elements.
func (a Attachment) ensure(tx *nft.Tx,
	shared func(f family, tx *nft.Tx, remove, add []nft.Element) error,
	put func(*nft.Tx, family, netip.Addr) error) error {
	for _, f := range families(a.Owner.Network) {
		addresses := a.prefetch(tx.Reader, f)
		if len(addresses) == 0 {
			continue
		}
		have, err := tx.Elements(f.local)
		if err != nil {
			return err
		}
		remove, add := rangeChanges(have, f.locals(f.of(a.Addresses)))
		if err := shared(f, tx, remove, add); err != nil {
			return err
		}
		for _, address := range addresses {
			if err := put(tx, f, address); err != nil {
				return err
			}
		}
	}
	return nil
}

// prefetch returns the attachment's addresses of a family, and has their elements read in one
// request.
func (a Attachment) prefetch(r *nft.Reader, f family) []netip.Addr {
	addresses := ipam.Unique(f.of(a.Addresses))
	for _, address := range addresses {
		r.Prefetch(f.sources, nft.Addr(address))
	}
	return addresses
}

func (a Attachment) put(tx *nft.Tx, f family, address netip.Addr) error {
	return tx.Put(f.sources, nft.Element{Key: nft.Addr(address), Comment: a.Owner.Comment()})
}

func (a Attachment) restore(tx *nft.Tx, f family, address netip.Addr) error {
	there, err := tx.Find(f.sources, nft.Addr(address))
	if err != nil || there != nil && !a.Owner.Owns(there.Comment) {
		return err
	}
	return a.put(tx, f, address)
}

// add leaves the shared objects alone if they cover the attachment's networks: the rule was made
// with them.
func (f family) add(tx *nft.Tx, remove, add []nft.Element) error {
	intact, err := tx.IsInUse(chain(), nft.AnyRules)
	if err != nil || intact && len(add) == 0 {
		return err
	}
	return f.ensureShared(tx, remove, add)
}

// ensureShared makes the objects that the network's containers share, with changes of the local
// ranges.
func (f family) ensureShared(tx *nft.Tx, remove, add []nft.Element) error {
	tx.Ensure(chain(), f.sources, f.local)
	if len(remove) > 0 {
		tx.DeleteElements(f.local, remove...)
	}
	if len(add) > 0 {
		tx.AddElements(f.local, add...)
	}
	return f.ensureRule(tx)
}

// ensureRule makes the rule unless it is there, and removes others that use its sets. The rule of
// the other family has the same comment and stays.
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

// Remove queues the removal of the attachment's elements, and of the network's objects with the
// last element. An element of another attachment at one of the addresses stays. Without addresses
// all elements of the network are read.
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
	if len(f.of(a.Addresses)) > 0 {
		tx.PrefetchCount(f.sources)
	}
	addresses := a.prefetch(tx.Reader, f)
	var own []nft.Element
	for _, address := range addresses {
		e, err := tx.Find(f.sources, nft.Addr(address))
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

// GC queues the removal of the objects of the network's attachments that are not valid.
func GC(tx *nft.Tx, network string, valid []plugin.AttachmentID) error {
	keep := filter.Keeper(network, valid)
	for _, f := range families(network) {
		elements, err := tx.Elements(f.sources)
		if err != nil {
			return err
		}
		unwanted := slices.DeleteFunc(slices.Clone(elements),
			func(e nft.Element) bool { return keep(e.Comment) })
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
