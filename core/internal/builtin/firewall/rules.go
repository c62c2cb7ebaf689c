package firewall

import (
	"net/netip"
	"slices"

	"github.com/libcni/libcni/core/internal/host/nft"
	"github.com/libcni/libcni/core/plugin"
)

// add queues what makes the attachment's rules be as they should. An element that another attachment left at one of the
// addresses becomes this one's: who has the address now is the address plugin's to know.
func (a *attachment) add(tx *nft.Tx) error {
	c := a.content()
	c.expect(tx.Reader)
	known, err := a.isKnown(tx.Reader, c)
	if err != nil {
		return err
	}
	if !known || a.repair {
		if err := a.addShared(tx, c); err != nil {
			return err
		}
	}
	for _, m := range c.elements {
		if err := a.putElement(tx, m); err != nil {
			return err
		}
	}
	for _, f := range families() {
		if err := a.openForeign(tx, f); err != nil {
			return err
		}
	}
	return nil
}

// isKnown says whether the network has containers already. Its rules were made together with its sets, and one more
// container does not look at them again.
func (a *attachment) isKnown(r *nft.Reader, c content) (bool, error) {
	admin := adminChain(a.AdminChain)
	chain, err := r.Chain(admin.Table, admin.Name)
	if err != nil || chain == nil {
		return false, err
	}
	for _, s := range c.sets {
		if there, err := r.HasSet(s); err != nil || !there {
			return false, err
		}
	}
	return true, nil
}

// addShared queues what all containers share, and those of the network.
func (a *attachment) addShared(tx *nft.Tx, c content) error {
	tx.Ensure(forwardChain())
	for _, inner := range innerChains() {
		tx.Ensure(inner)
	}
	tx.Ensure(adminChain(a.AdminChain))
	if err := setRules(tx, forwardChain(), forwardRules()); err != nil {
		return err
	}
	for _, s := range c.sets {
		tx.Ensure(s)
	}
	for _, r := range c.rules {
		tx.Ensure(r.Chain)
		if err := ensureRule(tx, r); err != nil {
			return err
		}
	}
	return nil
}

func (a *attachment) putElement(tx *nft.Tx, m member) error {
	if !m.own {
		return tx.Put(m.set, nft.Element{Key: m.key})
	}
	if a.repair {
		if other, err := a.isOthers(tx.Reader, m); other != nil || err != nil {
			return err
		}
	}
	return tx.Put(m.set, nft.Element{Key: m.key, Comment: a.owner.Comment()})
}

// isOthers returns the element at the key if it is another attachment's.
func (a *attachment) isOthers(r *nft.Reader, m member) (*nft.Element, error) {
	e, err := r.Find(m.set, m.key)
	if e != nil && a.owner.Owns(e.Comment) {
		return nil, err
	}
	return e, err
}

// setRules makes the rules those of the chain, in this order. Nobody else's are there: the administrator has a chain of
// his own.
func setRules(tx *nft.Tx, c nft.Chain, want []nft.Rule) error {
	have, err := tx.Rules(c)
	if err != nil || slices.EqualFunc(have, want, same) {
		return err
	}
	tx.FlushChain(c)
	for _, r := range want {
		tx.AddRule(r)
	}
	return nil
}

func same(a, b nft.Rule) bool { return a.Comment == b.Comment && a.Same(b) }

// ensureRule adds a rule that is missing. Several rules of a network have the same comment.
func ensureRule(tx *nft.Tx, r nft.Rule) error {
	have, err := tx.Rules(r.Chain)
	if err != nil || slices.ContainsFunc(have, func(o nft.Rule) bool { return same(o, r) }) {
		return err
	}
	tx.AddRule(r)
	return nil
}

// removal is what a DEL or GC took away.
type removal struct {
	addresses []netip.Addr // that were the removed attachments'
	unclaimed []netip.Addr // of the attachment, and nobody's in the network
	emptied   bool         // the network has no container left
}

// remove queues the removal of what is the attachment's, and of what its network has with its last container.
func (a *attachment) remove(tx *nft.Tx) (removal, error) {
	return network(a.owner.Network).sweep(tx, a, func(e nft.Element) bool { return a.owner.Owns(e.Comment) })
}

// collect queues the removal of what is of attachments of a network that are not valid.
func collect(tx *nft.Tx, name string, valid []plugin.AttachmentID) (removal, error) {
	owners := make([]nft.Owner, len(valid))
	for i, id := range valid {
		owners[i] = nft.Owner{Network: name, ContainerID: id.ContainerID, IfName: id.IfName}
	}
	keep := nft.Keep(name, owners)
	return network(name).sweep(tx, nil, func(e nft.Element) bool { return !keep(e.Comment) })
}

// sweep removes the unwanted of the network's elements. It looks for those of the attachment first, if it is given one,
// and reads all of the network's only if they are not there.
func (n network) sweep(tx *nft.Tx, a *attachment, unwanted func(nft.Element) bool) (removal, error) {
	var gone removal
	left := false
	all := n.owned(a)
	for _, owned := range all {
		tx.Prefetch(owned.set, owned.keys...)
		if len(owned.keys) > 0 {
			tx.PrefetchCount(owned.set)
		}
	}
	for _, owned := range all {
		found, unclaimed, err := owned.find(tx.Reader, a, unwanted)
		if err != nil {
			return removal{}, err
		}
		if len(found) > 0 {
			tx.DeleteElements(owned.set, found...)
		}
		if !left {
			count, err := tx.CountAtLeast(owned.set)
			if err != nil {
				return removal{}, err
			}
			left = count > len(found)
		}
		if owned.ofAddresses {
			gone.addresses = append(gone.addresses, addressesOf(found)...)
			gone.unclaimed = append(gone.unclaimed, addressesOf(unclaimed)...)
		}
	}
	if left {
		return gone, nil
	}
	gone.emptied = true
	return gone, n.clear(tx)
}

// ownedSet is a set of a network whose elements are its containers', with the keys of the attachment in question.
type ownedSet struct {
	set         nft.Set
	keys        [][]byte
	ofAddresses bool
}

func (n network) owned(a *attachment) []ownedSet {
	sets := []ownedSet{{set: n.addresses(nft.IPv4), ofAddresses: true}, {set: n.addresses(nft.IPv6), ofAddresses: true}, {set: n.ports()}}
	if a == nil {
		return sets
	}
	for i, f := range families() {
		for _, p := range a.of(f) {
			sets[i].keys = append(sets[i].keys, nft.Addr(p.Addr()))
		}
	}
	if a.IngressPolicy == policyIsolated && a.port != "" {
		sets[2].keys = append(sets[2].keys, nft.Name(a.port))
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

// find returns the unwanted elements, and the attachment's keys that are not in the set: the executable, if it was that,
// keeps none. With an attachment's result at hand it reads no more than the attachment's.
func (o ownedSet) find(r *nft.Reader, a *attachment, unwanted func(nft.Element) bool) (found, unclaimed []nft.Element, err error) {
	for _, key := range o.keys {
		e, err := r.Find(o.set, key)
		switch {
		case err != nil:
			return nil, nil, err
		case e == nil:
			unclaimed = append(unclaimed, nft.Element{Key: key})
		case unwanted(*e):
			found = append(found, *e)
		}
	}
	if a != nil && len(a.addresses) > 0 && len(found) == len(o.keys) {
		return found, nil, nil
	}
	all, err := r.Elements(o.set)
	return slices.DeleteFunc(all, func(e nft.Element) bool { return !unwanted(e) }), unclaimed, err
}

// clear queues the removal of all that a network without containers has left. The chains stay.
func (n network) clear(tx *nft.Tx) error {
	for _, c := range chains() {
		rules, err := tx.Rules(c)
		if err != nil {
			return err
		}
		tx.DeleteRules(slices.DeleteFunc(rules, func(r nft.Rule) bool { return r.Comment != n.comment() })...)
	}
	for _, s := range n.sets() {
		there, err := tx.HasSet(s)
		if err != nil {
			return err
		}
		if there {
			tx.DeleteSet(s)
		}
	}
	for _, f := range families() {
		if err := n.closeForeign(tx, f); err != nil {
			return err
		}
	}
	return nil
}
