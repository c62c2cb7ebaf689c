package portmap

import (
	"slices"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/host/nft"
)

// apply queues all that the plan needs. With heal it looks at every rule and element, and replaces what differs;
// otherwise it trusts that a set that is there has its rules, and that a port that is not claimed is not in a map.
func (p *plan) apply(tx *nft.Tx, link string, heal bool) error {
	if err := p.claimable(tx); err != nil {
		return err
	}
	if err := p.prepare(tx, heal); err != nil {
		return err
	}
	items := p.items()
	if link != "" {
		items = append(items, p.routed(link))
		if there, err := tx.HasSet(localnet(link)); err != nil {
			return err
		} else if !there || heal {
			tx.Ensure(localnet(link))
		}
	}
	return p.put(tx, append(items, p.counter(len(items))), heal)
}

func (p *plan) routed(link string) item {
	return item{localnet(link), nft.Element{Key: nft.Addr(p.localAddress()), Comment: p.owner.Comment()}}
}

// put adds the elements. What a set or map has for a container's address is replaced whosever it is: the address is the
// newer container's.
func (p *plan) put(tx *nft.Tx, items []item, heal bool) error {
	for _, group := range grouped(items) {
		s := group[0].set
		if heal || len(s.Key) == 1 {
			for _, i := range group {
				if err := p.replace(tx, i, heal); err != nil {
					return err
				}
			}
			continue
		}
		var elements []nft.Element
		for _, i := range group {
			elements = append(elements, i.element)
		}
		tx.AddElements(s, elements...)
	}
	return nil
}

// replace puts an element in the place of another. What somebody else has there now stays when healing.
func (p *plan) replace(tx *nft.Tx, i item, heal bool) error {
	if heal && len(i.set.Key) == 1 {
		there, err := tx.Find(i.set, i.element.Key)
		if err != nil || there != nil && !p.owner.Owns(there.Comment) {
			return err
		}
	}
	return tx.Put(i.set, i.element)
}

// grouped puts items of the same set together and keeps their order otherwise.
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

// prepare makes the chains, sets and rules that are missing.
func (p *plan) prepare(tx *nft.Tx, heal bool) error {
	there, err := tx.HasSet(owners())
	if err != nil {
		return err
	}
	if !there || heal {
		if err := prepareCommon(tx); err != nil {
			return err
		}
	}
	for _, t := range p.used() {
		if suffix := p.suffix[t.family]; suffix != "" {
			if err := p.prepareConditional(tx, t.family, suffix); err != nil {
				return err
			}
		}
		if len(t.sources) == 0 {
			continue
		}
		s := masqueraded(t.family, p.owner.Network, t.sources)
		there, err := tx.HasSet(s)
		if err != nil {
			return err
		}
		if there && !heal {
			continue
		}
		tx.Ensure(s)
		if err := exactly(tx, masquerading(), s.Name, masquerade(t.family, p.owner.Network, t.sources)); err != nil {
			return err
		}
	}
	return nil
}

func prepareCommon(tx *nft.Tx) error {
	chains, sets, rules := common()
	for _, c := range chains {
		tx.Ensure(c)
	}
	for _, s := range sets {
		tx.Ensure(s)
	}
	for _, r := range rules {
		if err := tx.EnsureRule(r); err != nil {
			return err
		}
	}
	return nil
}

// prepareConditional makes the network's own maps, and the rules that lead there what the conditions say now.
func (p *plan) prepareConditional(tx *nft.Tx, f family, suffix string) error {
	own := translation(f, suffix)
	tx.Ensure(own, oneHost(f, suffix), anyHost(f, suffix))
	for _, r := range translating(f, suffix) {
		if err := tx.EnsureRule(r); err != nil {
			return err
		}
	}
	return exactly(tx, translation(f, ""), own.Name, conditional(f, p.owner.Network, p.rules[f]))
}

// exactly makes the rules the only ones of a chain that mention an object.
func exactly(tx *nft.Tx, c nft.Chain, object string, wanted []nft.Rule) error {
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

// many is from how many ports on a set is read as a whole.
const many = 100

// claimable finds the first port that is another attachment's.
func (p *plan) claimable(tx *nft.Tx) error {
	for _, f := range families() {
		ports := slices.DeleteFunc(slices.Clone(p.ports), func(port port) bool { return port.family != f })
		if len(ports) == 0 {
			continue
		}
		look := finder(tx.Reader, len(ports))
		for _, port := range ports {
			taken, err := port.taken(look)
			if err != nil {
				return err
			}
			if taken != nil && !p.owner.Owns(taken.Comment) {
				return fault.New(fault.KindExists, nil, "host port %s is taken by %s", port, nft.DescribeOwner(taken.Comment))
			}
		}
	}
	return nil
}

// taken returns the claim that stands in the way of a port's: the same, or one of which either is on all addresses.
func (p port) taken(look lookup) (*nft.Element, error) {
	wide := port{family: p.family, proto: p.proto, number: p.number}.claim()
	found, err := look.find(wide.set, wide.element.Key)
	if err != nil || found != nil {
		return found, err
	}
	if p.hostIP.IsValid() {
		own := p.claim()
		return look.find(own.set, own.element.Key)
	}
	return look.suffix(hostClaims(p.family), wide.element.Key)
}
