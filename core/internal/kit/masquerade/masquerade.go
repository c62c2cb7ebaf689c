// Package masquerade implements the key ipMasq: the addresses of containers are hidden behind the
// host's. In nftables each network has, per address family, one rule, a set of its containers'
// addresses, and a set of the destinations that are not masqueraded: the containers' own networks,
// and multicast.
package masquerade

import (
	"net/netip"
	"slices"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/host/nft"
	"github.com/libcni/libcni/core/internal/kit/reference"
)

// Backend selects what holds the rules.
type Backend string

// The backends. IPTables makes the chains of the reference plugins.
const (
	NFTables Backend = "nftables"
	IPTables Backend = "iptables"
)

// ParseBackend reads the key ipMasqBackend, nil for none. The default is NFTables on every host.
func ParseBackend(name *string) (Backend, error) {
	switch {
	case name == nil || *name == string(NFTables):
		return NFTables, nil
	case *name == string(IPTables):
		return IPTables, nil
	default:
		return "", fault.InvalidConfig("ipMasqBackend",
			"ipMasqBackend: %q is neither nftables nor iptables", *name)
	}
}

// Config is what a configuration says about masquerading.
type Config struct {
	Wanted  bool
	Backend Backend
}

// InNFTables reports whether the rules are in nftables.
func (c Config) InNFTables() bool { return c.Wanted && c.Backend != IPTables }

// ByPrograms reports whether the executables of iptables make the rules.
func (c Config) ByPrograms() bool { return c.Wanted && c.Backend == IPTables }

// Attachment is a container's interface with its addresses and the networks they are in. Addresses
// are empty if they are unknown.
type Attachment struct {
	Owner     nft.Owner
	Addresses []netip.Prefix

	// Others tell what to keep in the container's chain of iptables if Addresses are empty.
	Others reference.Others
}

// family is a network's objects for IPv4 or IPv6.
type family struct {
	version nft.Family
	network string
	sources nft.Set // the containers' addresses
	local   nft.Set // what they reach without translation
}

// chain's name must not be a keyword of nft's language: a saved rule set could not be loaded.
func chain() nft.Chain {
	return nft.Chain{Table: nft.Own(nft.Inet), Name: "masquerading", Type: "nat",
		Hook: nft.Postrouting, Priority: nft.PrioritySrcNAT,
		Comment: "ipMasq: containers' packets to other networks get an address of the host"}
}

func families(network string) []family {
	return []family{newFamily(network, nft.IPv4), newFamily(network, nft.IPv6)}
}

func newFamily(network string, version nft.Family) family {
	prefix, of := "masquerade4-", nft.IPv4Addr
	if version == nft.IPv6 {
		prefix, of = "masquerade6-", nft.IPv6Addr
	}
	name := prefix + nft.Hash(network)
	return family{
		version: version,
		network: network,
		sources: nft.Set{Table: nft.Own(nft.Inet), Name: name, Key: []nft.Type{of},
			Comment: nft.Text("ipMasq: addresses of containers; net: " + network)},
		local: nft.Set{Table: nft.Own(nft.Inet), Name: name + "-local", Key: []nft.Type{of},
			Interval: true,
			Comment:  nft.Text("ipMasq: destinations without masquerading; net: " + network)},
	}
}

func (f family) rule() nft.Rule {
	return nft.Rule{Chain: chain(), Comment: nft.Text(nft.Hash(f.network) + ", net: " + f.network),
		Exprs: nft.Do(nft.IsFamily(f.version), nft.In(f.sources, nft.SrcAddr(f.version)),
			nft.NotIn(f.local, nft.DstAddr(f.version)),
			nft.Masquerade())}
}

// of returns those of the addresses that belong to the family.
func (f family) of(addresses []netip.Prefix) []netip.Prefix {
	return slices.DeleteFunc(slices.Clone(addresses),
		func(p netip.Prefix) bool { return p.Addr().Is4() != (f.version == nft.IPv4) })
}

func multicast(version nft.Family) netip.Prefix {
	if version == nft.IPv6 {
		return netip.MustParsePrefix("ff00::/8")
	}
	return netip.MustParsePrefix("224.0.0.0/4")
}

// locals are the networks of addresses, and multicast.
func (f family) locals(addresses []netip.Prefix) []nft.Element {
	ranges := []nft.Element{nft.Range(multicast(f.version))}
	for _, a := range addresses {
		ranges = append(ranges, nft.Range(a.Masked()))
	}
	return ranges
}

func contains(outer, inner nft.Element) bool {
	return slices.Compare(outer.Key, inner.Key) <= 0 && slices.Compare(outer.Last, inner.Last) >= 0
}

func coveredBy(ranges []nft.Element, r nft.Element) bool {
	return slices.ContainsFunc(ranges, func(outer nft.Element) bool { return contains(outer, r) })
}

// rangeChanges returns the ranges to remove and to add so that all wanted ranges are covered. The
// kernel refuses ranges that overlap. Since ranges are networks, two are disjoint or one contains
// the other.
func rangeChanges(have, want []nft.Element) (remove, add []nft.Element) {
	for i, w := range want {
		if coveredBy(have, w) || coveredBy(want[:i], w) {
			continue
		}
		larger := func(o nft.Element) bool { return contains(o, w) && !contains(w, o) }
		if slices.ContainsFunc(want[i+1:], larger) {
			continue
		}
		add = append(add, w)
		for _, h := range have {
			if contains(w, h) {
				remove = append(remove, h)
			}
		}
	}
	return remove, add
}
