package portmap

import (
	"slices"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/host/nft"
)

// claimable refuses the first port that another attachment has.
func (p *plan) claimable(tx *nft.Tx) error {
	for _, f := range families() {
		ports := slices.DeleteFunc(slices.Clone(p.ports),
			func(port port) bool { return port.family != f })
		if len(ports) == 0 {
			continue
		}
		look := newLookup(tx.Reader, len(ports))
		for _, port := range ports {
			taken, err := port.taken(look)
			if err != nil {
				return err
			}
			if taken != nil && !p.owner.Owns(taken.Comment) {
				return fault.New(fault.KindExists, nil, "host port %s is taken by %s", port,
					nft.DescribeOwner(taken.Comment)).Contend()
			}
		}
	}
	return nil
}

// taken returns a claim that conflicts with the port's: the same one, or one where either is on all
// addresses.
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
	return look.suffix(hostClaims(p.family), wide.element.Key)
}

// wideClaim is the claim of the port on all addresses.
func (p port) wideClaim() item {
	return port{family: p.family, proto: p.proto, number: p.number}.claim()
}

// prefetchClaims looks up all claims that may conflict with the ports' in one request.
func prefetchClaims(r *nft.Reader, ports []port) {
	if len(ports) > maxLookups {
		return
	}
	for _, p := range ports {
		wide := p.wideClaim()
		r.Prefetch(wide.set.Set, wide.element.Key)
		if own := p.claim(); p.hostIP.IsValid() {
			r.Prefetch(own.set.Set, own.element.Key)
		} else {
			r.PrefetchCount(hostClaims(p.family).Set)
		}
	}
}
