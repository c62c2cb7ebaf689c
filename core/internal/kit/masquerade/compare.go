package masquerade

import (
	"fmt"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/host/nft"
	"github.com/libcni/libcni/core/internal/kit/filter"
)

const (
	present = "present"
	missing = "missing"
)

// Check returns the differences from what Add makes. The caller sets Drift.Plugin.
func (a Attachment) Check(r *nft.Reader) ([]fault.Drift, error) {
	found, err := filter.CheckChains(r, chain())
	if err != nil {
		return nil, err
	}
	for _, f := range families(a.Owner.Network) {
		drift, err := a.check(r, f)
		if err != nil {
			return nil, err
		}
		found = append(found, drift...)
	}
	return found, nil
}

func (a Attachment) check(r *nft.Reader, f family) ([]fault.Drift, error) {
	addresses := a.prefetch(r, f)
	if len(addresses) == 0 {
		return nil, nil
	}
	drift, err := f.checkShared(r)
	if err != nil {
		return nil, err
	}
	have, err := r.Elements(f.local)
	if err != nil {
		return nil, err
	}
	for _, network := range append(f.of(a.Addresses), multicast(f.version)) {
		if !coveredBy(have, nft.Range(network)) {
			drift = append(drift,
				fault.Drift{Object: fmt.Sprintf("nftables set %s element %s", f.local.Name, network.Masked()),
					Expected: present, Actual: missing})
		}
	}
	for _, addr := range addresses {
		differs, err := filter.CheckElement(r, f.sources, nft.Addr(addr), addr.String(), a.Owner)
		if err != nil {
			return nil, err
		}
		drift = append(drift, differs...)
	}
	return drift, nil
}

// checkShared compares the objects that the network's containers share.
func (f family) checkShared(r *nft.Reader) ([]fault.Drift, error) {
	found, err := r.HasRule(f.rule())
	if found || err != nil {
		return nil, err
	}
	object := fmt.Sprintf("nftables rule with set %s in chain %s", f.sources.Name, chain().Name)
	return []fault.Drift{{Object: object, Expected: present, Actual: missing}}, nil
}
