package bridge

import (
	"net"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/host/nft"
	"github.com/libcni/libcni/core/internal/kit/filter"
	"github.com/libcni/libcni/core/plugin"
)

// spoofCheck drops frames of a container whose source is not its own MAC address. One rule serves
// all networks: it looks up the port in the set of checked ports, and the port with the address in
// the set of allowed pairs.
type spoofCheck struct {
	owner nft.Owner
	port  string           // the host's end; "" if not known
	mac   net.HardwareAddr // the container's; nil if not known
}

func spoofChain() nft.Chain {
	return nft.Chain{Table: nft.Own(nft.Bridge), Name: "macspoofchk", Hook: nft.Prerouting,
		Priority: nft.BridgeDstNAT,
		Comment:  "macspoofchk: drops frames of a container with another MAC address than its own"}
}

func spoofPorts() nft.Set {
	return nft.Set{Table: nft.Own(nft.Bridge), Name: "macspoofchk-ports", Key: []nft.Type{nft.IfName},
		Comment: "links of containers whose frames are checked"}
}

func spoofMACs() nft.Set {
	return nft.Set{Table: nft.Own(nft.Bridge), Name: "macspoofchk-macs",
		Key:     []nft.Type{nft.IfName, nft.EtherAddr},
		Comment: "links of containers, each with the MAC address that may send"}
}

func spoofRule() nft.Rule {
	return nft.Rule{Chain: spoofChain(), Comment: "macspoofchk",
		Exprs: nft.Do(nft.In(spoofPorts(), nft.InLink()),
			nft.NotIn(spoofMACs(), nft.InLink(), nft.SrcMAC()), nft.Drop())}
}

// elements returns the attachment's element of each set, or nil if port or MAC address is unknown.
func (s *spoofCheck) elements() []placed {
	if s.port == "" || s.mac == nil {
		return nil
	}
	port, comment := nft.Name(s.port), s.owner.Comment()
	return []placed{
		{spoofPorts(), nft.Element{Key: nft.Key(port), Comment: comment}, s.port},
		{spoofMACs(), nft.Element{Key: nft.Key(port, nft.MAC(s.mac)), Comment: comment}, s.port + " . " +
			s.mac.String()},
	}
}

// placed is an element with its set, and its name for messages.
type placed struct {
	set     nft.Set
	element nft.Element
	name    string
}

// Add queues the attachment's elements, and the rule unless it is the only one of its chain.
func (s *spoofCheck) Add(tx *nft.Tx) error {
	intact, err := tx.IsInUse(spoofChain(), 1)
	if err != nil {
		return err
	}
	if !intact {
		if err := ensureSpoofRule(tx); err != nil {
			return err
		}
	}
	for _, p := range s.elements() {
		if err := tx.Put(p.set, p.element); err != nil {
			return err
		}
	}
	return nil
}

func ensureSpoofRule(tx *nft.Tx) error {
	if err := filter.MendChains(tx, spoofChain()); err != nil {
		return err
	}
	tx.Ensure(spoofChain(), spoofPorts(), spoofMACs())
	return tx.EnsureRule(spoofRule())
}

// Remove queues the removal of the attachment's elements, and with the last one that of the rule.
func (s *spoofCheck) Remove(tx *nft.Tx) error {
	removed := map[string]int{} // by set
	for _, p := range s.elements() {
		n, err := tx.Release(p.set, s.owner, p.element.Key)
		if err != nil {
			return err
		}
		removed[p.set.Name] = n
	}
	for _, set := range []nft.Set{spoofPorts(), spoofMACs()} {
		if removed[set.Name] > 0 {
			continue
		}
		all, err := tx.ReleaseAll(set, s.owner)
		if err != nil {
			return err
		}
		removed[set.Name] = len(all)
	}
	return removeSpoofRule(tx, removed[spoofPorts().Name])
}

// removeSpoofRule removes the rule if the removed ports were the last ones.
func removeSpoofRule(tx *nft.Tx, removed int) error {
	count, err := tx.CountAtLeast(spoofPorts())
	if err != nil || count > removed {
		return err
	}
	chain, err := tx.Chain(spoofChain().Table, spoofChain().Name)
	if err != nil {
		return err
	}
	if chain != nil {
		tx.DeleteChain(*chain)
	}
	for _, set := range []nft.Set{spoofPorts(), spoofMACs()} {
		found, err := tx.HasSet(set)
		if err != nil {
			return err
		}
		if found {
			tx.DeleteSet(set)
		}
	}
	return nil
}

func collectSpoofChecks(tx *nft.Tx, network string, valid []plugin.AttachmentID) error {
	keep := filter.Keeper(network, valid)
	removed := 0
	for i, set := range []nft.Set{spoofPorts(), spoofMACs()} {
		swept, err := tx.DeleteWhere(set, func(e nft.Element) bool { return !keep(e.Comment) })
		if err != nil {
			return err
		}
		if i == 0 {
			removed = len(swept)
		}
	}
	return removeSpoofRule(tx, removed)
}

// Chains implements ruleset.Part.
func (s *spoofCheck) Chains() []nft.Chain { return []nft.Chain{spoofChain()} }

// Check returns what is missing, and what keeps the rule from its effect.
func (s *spoofCheck) Check(r *nft.Reader) ([]fault.Drift, error) {
	drift, err := filter.CheckChains(r, spoofChain())
	if err != nil {
		return nil, err
	}
	found, err := r.HasRule(spoofRule())
	if err != nil {
		return nil, err
	}
	if !found {
		drift = append(drift, fault.Drift{Object: "nftables rule macspoofchk", Expected: "present",
			Actual: "missing"})
	}
	for _, p := range s.elements() {
		differs, err := filter.CheckElement(r, p.set, p.element.Key, p.name, s.owner)
		if err != nil {
			return nil, err
		}
		drift = append(drift, differs...)
	}
	return drift, nil
}

// Repair queues what is missing.
func (s *spoofCheck) Repair(tx *nft.Tx) error {
	if err := ensureSpoofRule(tx); err != nil {
		return err
	}
	for _, p := range s.elements() {
		if err := tx.Put(p.set, p.element); err != nil {
			return err
		}
	}
	return nil
}

// Show adds the rule and the attachment's elements.
func (s *spoofCheck) Show(shown *filter.Shown) {
	shown.Rules = append(shown.Rules, filter.ShownRule{Rule: spoofRule(), Scope: plugin.OfHost})
	for _, p := range s.elements() {
		shown.Elements = append(shown.Elements, filter.ShownElement{Set: p.set, Key: p.element.Key,
			Scope: plugin.OfAttachment})
	}
}
