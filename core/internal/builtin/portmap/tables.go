package portmap

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"strings"

	"github.com/libcni/libcni/core/internal/host/nft"
)

func table() nft.Table { return nft.Own(nft.Inet) }

func (f family) nft() nft.Family {
	if f == v6 {
		return nft.IPv6
	}
	return nft.IPv4
}

func (f family) addrType() nft.Type {
	if f == v6 {
		return nft.IPv6Addr
	}
	return nft.IPv4Addr
}

func families() []family { return []family{v4, v6} }

func chain(name, comment string) nft.Chain {
	return nft.Chain{Table: table(), Name: name, Comment: comment}
}

func baseChain(name, kind string, hook nft.Hook, priority int, comment string) nft.Chain {
	return nft.Chain{Table: table(), Name: name, Type: kind, Hook: hook, Priority: priority,
		Comment: comment}
}

// The base chains.
func prerouting() nft.Chain {
	return baseChain("portmap-prerouting", "nat", nft.Prerouting, nft.PriorityDstNAT,
		"published ports, for other hosts and containers")
}
func output() nft.Chain {
	return baseChain("portmap-output", "nat", nft.Output, nft.PriorityDstNAT,
		"published ports, for this host")
}
func postrouting() nft.Chain {
	return baseChain("portmap-postrouting", "nat", nft.Postrouting, nft.PrioritySrcNAT,
		"connections to published ports")
}
func loopback() nft.Chain {
	return baseChain("portmap-loopback", "filter", nft.Prerouting, nft.PriorityRaw,
		"no loopback addresses from other links than lo")
}

func masquerading() nft.Chain {
	return chain("portmap-masquerade",
		"clients that get this host's address, for the answers to return")
}

// The chains of connections that processes of the host open from 127.0.0.1; see loopback.go.
func loopbackOutput() nft.Chain {
	return baseChain("portmap-loopback-output", "filter", nft.Output, nft.PriorityRaw,
		"published ports on 127.0.0.1")
}
func loopbackInput() nft.Chain {
	return baseChain("portmap-loopback-input", "filter", nft.Input, nft.PrioritySrcNAT+10,
		"answers to clients on 127.0.0.1")
}
func loopbackSource() nft.Chain {
	return chain("portmap-loopback-source", "clients on 127.0.0.1 get an address that can leave lo")
}

// translation is the chain with the maps of a family. With a suffix it is that of a network with
// conditions.
func translation(f family, suffix string) nft.Chain {
	return chain(fmt.Sprintf("portmap%d%s", f, suffix), "looks up the container of a port")
}

// suffixOf ends the names of the chains and maps of a network with conditions.
func suffixOf(network string) string { return "-" + nft.Hash(network) }

// set is a set or map whose elements have owners, with its role.
type set struct {
	nft.Set
	role   role
	family family
	suffix string   // of the redirects of a network with conditions
	proto  protocol // of a set of ranges, whose key lacks it; else 0
	link   string   // of localnets
}

// role is what the elements of a set are.
type role int

const (
	redirects   role = iota // from a port of the host to a port of a container
	portClaims              // ports of the host that are taken
	masquerades             // containers to which connections get the host's address
	localnets               // containers behind a link with route_localnet, as of version 0.1
	links                   // containers, with the host's end of their interface
	counters                // attachments, with how many elements they have
)

// anyHost is the map of the ports that are published on all addresses of a family. With the suffix
// of a network with conditions it is the network's.
func anyHost(f family, suffix string) set {
	return redirectMap(f, fmt.Sprintf("portmap%d", f), suffix, nft.InetProto, nft.InetService)
}

// oneHost is the map of the ports that are published on one address.
func oneHost(f family, suffix string) set {
	return redirectMap(f, fmt.Sprintf("portmap%d-host", f), suffix, f.addrType(), nft.InetProto,
		nft.InetService)
}

// anyHostRanges is the map of the ranges of ports of a protocol that are published, under the same
// numbers, on all addresses of a family. nft 1.0.6 cannot load a concatenation of protocol and
// ranges of ports again, so that each protocol has a map.
func anyHostRanges(f family, proto protocol, suffix string) set {
	return rangeSet(redirectMap(f, fmt.Sprintf("portmap%d-%s", f, proto), suffix, nft.InetService),
		proto)
}

// oneHostRanges is the map of the ranges that are published on one address.
func oneHostRanges(f family, proto protocol, suffix string) set {
	return rangeSet(redirectMap(f, fmt.Sprintf("portmap%d-host-%s", f, proto), suffix,
		f.addrType(), nft.InetService), proto)
}

// rangeSet makes a set one of ranges, which keep their port numbers.
func rangeSet(s set, proto protocol) set {
	s.proto, s.Interval = proto, true
	if s.role == redirects {
		s.Data = []nft.Type{s.family.addrType()}
	}
	return s
}

func protocols() []protocol { return []protocol{tcp, udp, sctp} }

func redirectMap(f family, name, suffix string, key ...nft.Type) set {
	return set{
		Set: nft.Set{
			Table:   table(),
			Name:    name + suffix,
			Key:     key,
			Data:    []nft.Type{f.addrType(), nft.InetService},
			Comment: "published ports and their containers",
		},
		role:   redirects,
		family: f,
		suffix: suffix,
	}
}

// claims is the set of the ports that are taken on all addresses of a family, in any network.
func claims(f family) set {
	return claimSet(f, fmt.Sprintf("portmap-claims%d", f), nft.InetProto, nft.InetService)
}

// hostClaims is the set of the ports that are taken on one address.
func hostClaims(f family) set {
	return claimSet(f, fmt.Sprintf("portmap-claims%d-host", f), f.addrType(), nft.InetProto,
		nft.InetService)
}

// rangeClaims is the set of the ranges of ports of a protocol that are taken on all addresses of a
// family.
func rangeClaims(f family, proto protocol) set {
	return rangeSet(claimSet(f, fmt.Sprintf("portmap-claims%d-%s", f, proto), nft.InetService),
		proto)
}

// hostRangeClaims is the set of the ranges that are taken on one address.
func hostRangeClaims(f family, proto protocol) set {
	return rangeSet(claimSet(f, fmt.Sprintf("portmap-claims%d-host-%s", f, proto), f.addrType(),
		nft.InetService), proto)
}

func claimSet(f family, name string, key ...nft.Type) set {
	return set{
		Set: nft.Set{Table: table(), Name: name, Key: key,
			Comment: "published ports of all networks: each once"},
		role:   portClaims,
		family: f,
	}
}

// owners counts the elements of each attachment that has any, so that DEL knows from one element
// whether it has found all. Its presence also shows that the shared objects are there.
func owners() set {
	return set{
		Set: nft.Set{
			Table:   table(),
			Name:    "portmap-owners",
			Key:     []nft.Type{nft.Mark, nft.Mark},
			Data:    []nft.Type{nft.Mark},
			Comment: "containers with published ports: how many entries each has",
		},
		role: counters,
	}
}

func ownerKey(o nft.Owner) []byte {
	key, _ := hex.DecodeString(
		nft.Hash(o.Network + "/" + o.IfName + ":" + o.ContainerID),
	) // 16 digits
	return key
}

// masqueraded is the set of the containers of a network to which connections from certain sources
// get the host's address.
func masqueraded(f family, network string, sources []netip.Prefix) set {
	s := masqueradeSet(f,
		masqueradePrefix(f)+suffixOf(network)+"-"+nft.Hash(fmt.Sprint(sources))[:4])
	s.Comment = nft.Text(network)
	return s
}

func masqueradePrefix(f family) string { return fmt.Sprintf("portmap-masquerade%d", f) }

func masqueradeSet(f family, name string) set {
	return set{
		Set:    nft.Set{Table: table(), Name: name, Key: []nft.Type{f.addrType()}},
		role:   masquerades,
		family: f,
	}
}

// localnet is the set of the containers behind a link whose route_localnet is on for them.
func localnet(link string) set {
	return set{
		Set:    nft.Set{Table: table(), Name: localnetPrefix + link, Key: []nft.Type{nft.IPv4Addr}},
		role:   localnets,
		family: v4,
		link:   link,
	}
}

const localnetPrefix = "portmap-localnet-"

// setNamed returns the set of a name, without its comment. It is the only place that interprets
// names, which are all that a listing of the table has.
func setNamed(name string) (set, bool) {
	if link, found := strings.CutPrefix(name, localnetPrefix); found {
		return localnet(link), true
	}
	for _, f := range families() {
		for _, s := range append(claimSets(f), linked(f)) {
			if s.Name == name {
				return s, true
			}
		}
		for _, s := range redirectMaps(f, "") {
			suffix, found := strings.CutPrefix(name, s.Name)
			if found && (suffix == "" || len(suffix) == len(suffixOf(""))) {
				s.Name, s.suffix = name, suffix
				return s, true
			}
		}
		if strings.HasPrefix(name, masqueradePrefix(f)+"-") {
			return masqueradeSet(f, name), true
		}
	}
	return set{}, false
}

// claimSets are all sets of claims of a family.
func claimSets(f family) []set {
	all := []set{claims(f), hostClaims(f)}
	for _, proto := range protocols() {
		all = append(all, rangeClaims(f, proto), hostRangeClaims(f, proto))
	}
	return all
}

// redirectMaps are all maps of a family.
func redirectMaps(f family, suffix string) []set {
	all := []set{oneHost(f, suffix), anyHost(f, suffix)}
	for _, proto := range protocols() {
		all = append(all, oneHostRanges(f, proto, suffix), anyHostRanges(f, proto, suffix))
	}
	return all
}

// allSets returns the sets of the table whose elements have owners, without the counters.
func allSets(r *nft.Reader) ([]set, error) {
	names, err := r.SetNames(table())
	if err != nil {
		return nil, err
	}
	var sets []set
	for _, name := range names {
		if s, known := setNamed(name); known {
			sets = append(sets, s)
		}
	}
	return sets, nil
}

// common are the objects that all networks share. Those of an earlier version lack some.
func common(earlier bool) (chains []nft.Chain, sets []set, rules []nft.Rule) {
	sets = []set{owners()}
	chains = []nft.Chain{masquerading(), prerouting(), output(), postrouting(), loopback()}
	for _, f := range families() {
		chains = append(chains, translation(f, ""))
		sets = append(sets, claims(f), hostClaims(f), oneHost(f, ""), anyHost(f, ""))
		rules = append(rules, translating(f, "")...)
		for _, c := range []nft.Chain{prerouting(), output()} {
			rules = append(rules,
				nft.Rule{Chain: c, Exprs: nft.Do(toHost(f, earlier), nft.Jump(translation(f, "")))})
		}
	}
	rules = append(
		rules,
		nft.Rule{
			Chain: postrouting(),
			Exprs: nft.Do(nft.WithStatus(nft.DestinationTranslated), nft.Jump(masquerading())),
		},
	)
	rules = append(rules, guards()...)
	if earlier {
		return chains, sets, rules
	}
	return append(chains, loopbackOutput(), loopbackInput(), loopbackSource()),
		append(sets, linked(v4), linked(v6)), append(rules, ofLoopback()...)
}

// baseChains are the chains that hold the rules of common and no others.
func baseChains() []nft.Chain {
	return []nft.Chain{prerouting(), output(), postrouting(), loopback(), loopbackOutput(),
		loopbackInput()}
}

func loopbackNetwork() netip.Prefix { return netip.MustParsePrefix("127.0.0.0/8") }

// toHost matches packets to an address of the host. ::1 is not among them, because the kernel lets
// no reply from there leave the host, and neither are link-local addresses of IPv6, which the
// container cannot answer. An earlier version did not except those.
func toHost(f family, earlier bool) []nft.Expr {
	steps := nft.IsFamily(f.nft())
	if f == v6 {
		steps = nft.Do(steps, nft.IsNot(nft.DstAddr6(), nft.Addr(netip.IPv6Loopback())))
	}
	if f == v6 && !earlier {
		steps = nft.Do(steps, nft.NotInNetwork(nft.DstAddr6(), linkLocal6()))
	}
	return nft.Do(steps, nft.ToLocal())
}

func linkLocal6() netip.Prefix { return netip.MustParsePrefix("fe80::/10") }

// translating are the rules of a chain with maps.
func translating(f family, suffix string) []nft.Rule {
	c := translation(f, suffix)
	return []nft.Rule{
		{
			Chain: c,
			Exprs: nft.Do(
				nft.IsFamily(f.nft()),
				nft.RedirectFrom(oneHost(f, suffix).Set, f.nft(), nft.DstAddr(f.nft()),
					nft.L4Proto(), nft.DstPort()),
			),
		},
		{
			Chain: c,
			Exprs: nft.RedirectFrom(anyHost(f, suffix).Set, f.nft(), nft.L4Proto(), nft.DstPort()),
		},
	}
}

// translatingRanges are the rules of a chain with maps of ranges of a protocol.
func translatingRanges(f family, proto protocol, suffix string) []nft.Rule {
	c := translation(f, suffix)
	of := nft.Do(nft.IsFamily(f.nft()), nft.IsProto(byte(proto)))
	return []nft.Rule{
		{
			Chain: c,
			Exprs: nft.Do(of, nft.RedirectFrom(oneHostRanges(f, proto, suffix).Set, f.nft(),
				nft.DstAddr(f.nft()), nft.DstPort())),
		},
		{
			Chain: c,
			Exprs: nft.Do(of, nft.RedirectFrom(anyHostRanges(f, proto, suffix).Set, f.nft(),
				nft.DstPort())),
		},
	}
}

// ranges are the objects for ranges of a protocol.
func ranges(f family, proto protocol, suffix string) ([]set, []nft.Rule) {
	sets := []set{rangeClaims(f, proto), hostRangeClaims(f, proto),
		anyHostRanges(f, proto, suffix), oneHostRanges(f, proto, suffix)}
	rules := translatingRanges(f, proto, suffix)
	if f == v4 {
		rules = append(rules, ofLoopbackRanges(proto)...)
	}
	return sets, rules
}

// conditional are the rules that jump to the chain of a network with conditions.
func conditional(f family, network string, conditions []condition) []nft.Rule {
	own := translation(f, suffixOf(network))
	var rules []nft.Rule
	for _, c := range conditions {
		for _, same := range c.withStandIn() {
			rules = append(
				rules,
				nft.Rule{
					Chain:   translation(f, ""),
					Exprs:   nft.Do(nft.IsFamily(f.nft()), same.expressions(), nft.Jump(own)),
					Comment: mentioning(own.Name, network),
				},
			)
		}
	}
	return rules
}

// masquerade are the rules of a set of masqueraded containers.
func masquerade(f family, network string, sources []netip.Prefix) []nft.Rule {
	s := masqueraded(f, network, sources)
	var rules []nft.Rule
	for _, source := range sources {
		steps := nft.Do(nft.IsFamily(f.nft()), nft.In(s.Set, nft.DstAddr(f.nft())))
		if source.Bits() > 0 {
			steps = nft.Do(steps, nft.InNetwork(nft.SrcAddr(f.nft()), source))
		}
		rules = append(
			rules,
			nft.Rule{
				Chain:   masquerading(),
				Exprs:   nft.Do(steps, nft.Masquerade()),
				Comment: mentioning(s.Name, network),
			},
		)
	}
	return rules
}

// mentioning is the comment of a rule that uses an object of a network. The rule is removed with
// the object.
func mentioning(object, network string) string { return nft.Text(object + ", net: " + network) }

func mentions(comment, object string) bool { return strings.HasPrefix(comment, object+", net: ") }
