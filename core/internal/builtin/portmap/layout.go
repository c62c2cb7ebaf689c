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

func chain(name string) nft.Chain { return nft.Chain{Table: table(), Name: name} }

func baseChain(name, kind string, hook nft.Hook, priority int) nft.Chain {
	return nft.Chain{Table: table(), Name: name, Type: kind, Hook: hook, Priority: priority}
}

// The chains where packets come in.
func prerouting() nft.Chain {
	return baseChain("portmap-prerouting", "nat", nft.Prerouting, nft.PriorityDstNAT)
}
func output() nft.Chain {
	return baseChain("portmap-output", "nat", nft.Output, nft.PriorityDstNAT)
}
func postrouting() nft.Chain {
	return baseChain("portmap-postrouting", "nat", nft.Postrouting, nft.PrioritySrcNAT)
}
func loopback() nft.Chain {
	return baseChain("portmap-loopback", "filter", nft.Prerouting, nft.PriorityRaw)
}

// translation is the chain with the maps of a family: that of all networks, or with a suffix that of one.
func translation(f family, suffix string) nft.Chain {
	return chain(fmt.Sprintf("portmap%d%s", f, suffix))
}

func masquerading() nft.Chain { return chain("portmap-masquerade") }

// suffixOf is what names of a network's own chains and maps end in.
func suffixOf(network string) string { return "-" + nft.Hash(network) }

// anyHost is the map of what is published on all addresses of a family; oneHost that of what is on one.
func anyHost(f family, suffix string) nft.Set {
	return nft.Set{Table: table(), Name: fmt.Sprintf("portmap%d%s", f, suffix),
		Key: []nft.Type{nft.InetProto, nft.InetService}, Data: []nft.Type{f.addrType(), nft.InetService}}
}
func oneHost(f family, suffix string) nft.Set {
	return nft.Set{Table: table(), Name: fmt.Sprintf("portmap%d-host%s", f, suffix),
		Key: []nft.Type{f.addrType(), nft.InetProto, nft.InetService}, Data: []nft.Type{f.addrType(), nft.InetService}}
}

// claims is the set of what is taken on all addresses of a family, in whichever network; hostClaims of what is on one.
func claims(f family) nft.Set {
	return nft.Set{Table: table(), Name: fmt.Sprintf("portmap-claims%d", f), Key: []nft.Type{nft.InetProto, nft.InetService}}
}
func hostClaims(f family) nft.Set {
	return nft.Set{Table: table(), Name: fmt.Sprintf("portmap-claims%d-host", f), Key: []nft.Type{f.addrType(), nft.InetProto, nft.InetService}}
}

// owners counts the elements of each attachment that has any: a look at one element tells DEL that there is nothing to do, or
// that it has found all. It is also what shows that the layout is there.
func owners() nft.Set {
	return nft.Set{Table: table(), Name: "portmap-owners", Key: []nft.Type{nft.Mark, nft.Mark}, Data: []nft.Type{nft.Mark}}
}

func ownerKey(o nft.Owner) []byte {
	key, _ := hex.DecodeString(nft.Hash(o.Network + "/" + o.IfName + ":" + o.ContainerID)) // 16 digits
	return key
}

// masqueraded is the set of the containers of a network to which connections from certain sources get the host's address.
func masqueraded(f family, network string, sources []netip.Prefix) nft.Set {
	return nft.Set{Table: table(), Name: fmt.Sprintf("portmap-masquerade%d%s-%s", f, suffixOf(network), nft.Hash(fmt.Sprint(sources))[:4]),
		Key: []nft.Type{f.addrType()}, Comment: nft.Text(network)}
}

// localnet is the set of the containers behind a link whose route_localnet is on for them.
func localnet(link string) nft.Set {
	return nft.Set{Table: table(), Name: localnetPrefix + link, Key: []nft.Type{nft.IPv4Addr}}
}

const localnetPrefix = "portmap-localnet-"

// setNamed is the opposite of the above: the set of a name.
func setNamed(name string) (nft.Set, bool) {
	if link, found := strings.CutPrefix(name, localnetPrefix); found {
		return localnet(link), true
	}
	for _, f := range families() {
		for prefix, make := range map[string]func(family, string) nft.Set{
			fmt.Sprintf("portmap%d-host", f): oneHost, fmt.Sprintf("portmap%d", f): anyHost,
		} {
			if suffix, found := strings.CutPrefix(name, prefix); found && (suffix == "" || suffix[0] == '-') && !strings.HasPrefix(suffix, "-host") {
				return make(f, suffix), true
			}
		}
		if strings.HasPrefix(name, fmt.Sprintf("portmap-masquerade%d-", f)) {
			return nft.Set{Table: table(), Name: name, Key: []nft.Type{f.addrType()}}, true
		}
		for _, s := range []nft.Set{claims(f), hostClaims(f)} {
			if s.Name == name {
				return s, true
			}
		}
	}
	return nft.Set{}, false
}

// common is what all networks share.
func common() (chains []nft.Chain, sets []nft.Set, rules []nft.Rule) {
	sets = []nft.Set{owners()}
	chains = []nft.Chain{masquerading(), prerouting(), output(), postrouting(), loopback()}
	for _, f := range families() {
		chains = append(chains, translation(f, ""))
		sets = append(sets, claims(f), hostClaims(f), oneHost(f, ""), anyHost(f, ""))
		rules = append(rules, translating(f, "")...)
		for _, c := range []nft.Chain{prerouting(), output()} {
			rules = append(rules, nft.Rule{Chain: c, Exprs: nft.Do(toHost(f), nft.Jump(translation(f, "")))})
		}
	}
	rules = append(rules, nft.Rule{Chain: postrouting(), Exprs: nft.Do(nft.WithStatus(nft.DestinationTranslated), nft.Jump(masquerading()))})
	for _, address := range []nft.Field{nft.DstAddr4(), nft.SrcAddr4()} {
		rules = append(rules, nft.Rule{Chain: loopback(), Exprs: nft.Do(nft.IsFamily(nft.IPv4), nft.IsNot(nft.InLink(), nft.Name("lo")),
			nft.InNetwork(address, loopbackNetwork()), nft.Drop())})
	}
	return chains, sets, rules
}

func loopbackNetwork() netip.Prefix { return netip.MustParsePrefix("127.0.0.0/8") }

// toHost passes what is sent to an address of the host. Of ::1 nothing would come back.
func toHost(f family) []nft.Expr {
	steps := nft.IsFamily(f.nft())
	if f == v6 {
		steps = nft.Do(steps, nft.IsNot(nft.DstAddr6(), nft.Addr(netip.IPv6Loopback())))
	}
	return nft.Do(steps, nft.ToLocal())
}

// translating is the rules of a chain with maps.
func translating(f family, suffix string) []nft.Rule {
	c := translation(f, suffix)
	return []nft.Rule{
		{Chain: c, Exprs: nft.Do(nft.IsFamily(f.nft()), nft.RedirectFrom(oneHost(f, suffix), f.nft(), nft.DstAddr(f.nft()), nft.L4Proto(), nft.DstPort()))},
		{Chain: c, Exprs: nft.RedirectFrom(anyHost(f, suffix), f.nft(), nft.L4Proto(), nft.DstPort())},
	}
}

// conditional is the rules that lead to a network's own maps.
func conditional(f family, network string, conditions []condition) []nft.Rule {
	own := translation(f, suffixOf(network))
	var rules []nft.Rule
	for _, c := range conditions {
		rules = append(rules, nft.Rule{Chain: translation(f, ""), Exprs: nft.Do(nft.IsFamily(f.nft()), c.expressions(), nft.Jump(own)), Comment: mentioning(own.Name, network)})
	}
	return rules
}

// masquerade is the rules of a set of masqueraded containers.
func masquerade(f family, network string, sources []netip.Prefix) []nft.Rule {
	s := masqueraded(f, network, sources)
	var rules []nft.Rule
	for _, source := range sources {
		steps := nft.Do(nft.IsFamily(f.nft()), nft.In(s, nft.DstAddr(f.nft())))
		if source.Bits() > 0 {
			steps = nft.Do(steps, nft.InNetwork(nft.SrcAddr(f.nft()), source))
		}
		rules = append(rules, nft.Rule{Chain: masquerading(), Exprs: nft.Do(steps, nft.Masquerade()), Comment: mentioning(s.Name, network)})
	}
	return rules
}

// mentioning is the comment of a rule that uses an object of a network; by it the rule is found when the object goes.
func mentioning(object, network string) string { return nft.Text(object + ", net: " + network) }

func mentions(comment, object string) bool { return strings.HasPrefix(comment, object+", net: ") }
