package firewall

import (
	"net/netip"
	"slices"

	"github.com/libcni/libcni/core/internal/host/nft"
	"github.com/libcni/libcni/core/internal/kit/ipam"
)

// sweep queues the removal of the target's elements, and of all objects of the network if no
// attachment is left. It looks up the attachment's elements, and reads all of the network's only if
// some are missing.
func (t target) sweep(tx *nft.Tx) (removal, error) {
	var gone removal
	left := false
	all := t.owned()
	for _, o := range all {
		tx.Prefetch(o.set, o.keys...)
		if len(o.keys) > 0 {
			tx.PrefetchCount(o.set)
		}
	}
	for _, o := range all {
		found, unclaimed, err := t.find(tx.Reader, o)
		if err != nil {
			return removal{}, err
		}
		if len(found) > 0 {
			tx.DeleteElements(o.set, found...)
		}
		if !left {
			count, err := tx.CountAtLeast(o.set)
			if err != nil {
				return removal{}, err
			}
			left = count > len(found)
		}
		if o.ofAddresses {
			gone.addresses = append(gone.addresses, addressesOf(found)...)
			gone.unclaimed = append(gone.unclaimed, addressesOf(unclaimed)...)
		}
	}
	if left {
		return gone, nil
	}
	gone.emptied = true
	return gone, t.network.clear(tx, gone.addresses)
}

// ownedSet is a set of a network whose elements have owners, with the keys of the target's
// attachment.
type ownedSet struct {
	set         nft.Set
	keys        [][]byte
	ofAddresses bool
	optional    bool // an attachment may have no element
}

func (t target) owned() []ownedSet {
	sets := []ownedSet{
		{set: t.network.addresses(nft.IPv4), ofAddresses: true},
		{set: t.network.addresses(nft.IPv6), ofAddresses: true},
		{set: t.network.ports()},
	}
	a := t.attachment
	if a == nil {
		return sets
	}
	for i, f := range families() {
		for _, address := range ipam.Unique(a.of(f)) {
			sets[i].keys = append(sets[i].keys, nft.Addr(address))
		}
	}
	if a.port != "" { // the policy may have been another one at the ADD
		sets[2].keys = append(sets[2].keys, nft.Name(a.port))
		sets[2].optional = a.IngressPolicy != policyIsolated
	}
	return sets
}

func addressesOf(elements []nft.Element) []netip.Addr {
	var addresses []netip.Addr
	for _, e := range elements {
		if address, ok := netip.AddrFromSlice(e.Key); ok {
			addresses = append(addresses, address)
		}
	}
	return addresses
}

// find returns the target's elements of a set, and the keys of its attachment that are not in the
// set, as when a reference executable made the attachment.
func (t target) find(r *nft.Reader, o ownedSet) (found, unclaimed []nft.Element, err error) {
	for _, key := range o.keys {
		e, err := r.Find(o.set, key)
		switch {
		case err != nil:
			return nil, nil, err
		case e == nil:
			unclaimed = append(unclaimed, nft.Element{Key: key})
		case t.selects(e.Comment):
			found = append(found, *e)
		}
	}
	if t.attachment != nil && len(t.attachment.addresses) > 0 &&
		(o.optional || len(found) == len(o.keys)) {
		return found, nil, nil
	}
	all, err := r.Elements(o.set)
	return slices.DeleteFunc(all,
		func(e nft.Element) bool { return !t.selects(e.Comment) }), unclaimed, err
}

// clear queues the removal of the objects that the network's containers share, except chains.
func (n network) clear(tx *nft.Tx, gone []netip.Addr) error {
	for _, c := range chains() {
		rules, err := tx.Rules(c)
		if err != nil {
			return err
		}
		tx.DeleteRules(
			slices.DeleteFunc(rules, func(r nft.Rule) bool { return r.Comment != n.comment() })...)
	}
	for _, s := range n.sets() {
		exists, err := tx.HasSet(s)
		if err != nil {
			return err
		}
		if exists {
			tx.DeleteSet(s)
		}
	}
	return n.queueAcceptRemoval(tx, gone)
}
