package portmap

import (
	"github.com/libcni/libcni/core/internal/host/nft"
)

// conflicts calls visit for ports of the plan that another attachment has, with the claim. It
// returns the first error of visit.
func (p *plan) conflicts(r *nft.Reader, visit func(port, nft.Element) error) error {
	others := func(one port, taken *nft.Element) error {
		if taken == nil || p.owner.Owns(taken.Comment) {
			return nil
		}
		return visit(one, *taken)
	}
	for _, f := range families() {
		ports := inFamily(p.ports, f)
		if err := rangeConflicts(r, ports, others); err != nil {
			return err
		}
		compare := eachConflict
		if numberOf(ports) > maxLookups {
			compare = allConflicts
		}
		if err := compare(r, ports, others); err != nil {
			return err
		}
	}
	return nil
}

// eachConflict calls visit for ports, of one family, that have single claims, which it looks up.
func eachConflict(r *nft.Reader, ports []port, visit func(port, *nft.Element) error) error {
	look := newLookup(r, numberOf(ports))
	for _, run := range ports {
		for i := range run.count {
			one := run.at(i)
			taken, err := one.taken(look)
			if err != nil {
				return err
			}
			if err := visit(one, taken); err != nil {
				return err
			}
		}
	}
	return nil
}

// allConflicts is eachConflict for many ports: it reads all single claims.
func allConflicts(r *nft.Reader, ports []port, visit func(port, *nft.Element) error) error {
	own := map[protocol]sorted{}
	for _, proto := range protocols() {
		own[proto] = sortedOf(ports, proto)
	}
	for _, s := range []set{claims(ports[0].family), hostClaims(ports[0].family)} {
		elements, err := r.Elements(s.Set)
		if err != nil {
			return err
		}
		for i, e := range elements {
			taken, ok := decoded(item{&s, e})
			if !ok {
				continue
			}
			one, found := own[taken.proto].find(taken.family, taken.hostIP, taken.number)
			if !found {
				continue
			}
			if err := visit(one, &elements[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

func inFamily(ports []port, f family) []port {
	var own []port
	for _, p := range ports {
		if p.family == f {
			own = append(own, p)
		}
	}
	return own
}

// numberOf returns how many ports there are.
func numberOf(ports []port) (n int) {
	for _, p := range ports {
		n += p.count
	}
	return n
}

// rangeConflicts calls visit for ports, of one family, that are in a claimed range.
func rangeConflicts(r *nft.Reader, ports []port, visit func(port, *nft.Element) error) error {
	for _, s := range rangeSetsOf(ports) {
		if count, err := r.CountAtLeast(s.Set); err != nil {
			return err
		} else if count == 0 {
			continue
		}
		elements, err := r.Elements(s.Set)
		if err != nil {
			return err
		}
		for i, e := range elements {
			taken, ok := decoded(item{&s, e})
			for _, p := range ports {
				if !ok || !p.overlaps(taken) {
					continue
				}
				first := max(p.number, taken.number)
				if err := visit(p.at(int(first-p.number)), &elements[i]); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// rangeSetsOf are the sets of claimed ranges that may conflict with ports.
func rangeSetsOf(ports []port) []set {
	var all []set
	for _, proto := range protocols() {
		for _, p := range ports {
			if p.proto == proto {
				all = append(all, rangeClaims(p.family, proto), hostRangeClaims(p.family, proto))
				break
			}
		}
	}
	return all
}

// overlaps reports whether both runs have a port in common, on an address in common.
func (p port) overlaps(other port) bool {
	return p.proto == other.proto && p.family == other.family &&
		(p.hostIP == other.hostIP || !p.hostIP.IsValid() || !other.hostIP.IsValid()) &&
		p.number <= other.last() && other.number <= p.last()
}

// taken returns the claim of a single port that conflicts with the port's: the same one, or one
// where either is on all addresses.
func (p port) taken(look lookup) (*nft.Element, error) {
	wide := p.wideClaim()
	found, err := look.find(wide.set, wide.element.Key)
	if err != nil || found != nil {
		return found, err
	}
	if p.hostIP.IsValid() {
		own := p.claim()
		return look.find(own.set, own.element.Key)
	}
	return look.suffix(pointer(hostClaims(p.family)), wide.element.Key)
}

// wideClaim is the claim of a single port on all addresses.
func (p port) wideClaim() item {
	return port{family: p.family, proto: p.proto, number: p.number, count: 1}.claim()
}

// prefetchClaims looks up all claims that may conflict with the ports' in one request.
func prefetchClaims(r *nft.Reader, ports []port) {
	for _, f := range families() {
		for _, s := range rangeSetsOf(inFamily(ports, f)) {
			r.PrefetchCount(s.Set)
		}
	}
	if numberOf(ports) > maxLookups {
		return
	}
	for _, run := range ports {
		for i := range run.count {
			p := run.at(i)
			wide := p.wideClaim()
			r.Prefetch(wide.set.Set, wide.element.Key)
			if own := p.claim(); p.hostIP.IsValid() {
				r.Prefetch(own.set.Set, own.element.Key)
			} else {
				r.PrefetchCount(hostClaims(p.family).Set)
			}
		}
	}
}
