package firewall

import (
	"net/netip"
	"slices"

	"github.com/libcni/libcni/core/internal/host/nft"
	"github.com/libcni/libcni/core/internal/kit/ipam"
)

// firewallChain is the name of the chain that all forwarded packets pass, and the prefix of our
// other chains.
const firewallChain = "firewall"

func families() []nft.Family { return []nft.Family{nft.IPv4, nft.IPv6} }

func baseChain() nft.Chain {
	return nft.Chain{
		Table:    nft.Own(nft.Inet),
		Name:     firewallChain,
		Hook:     nft.Forward,
		Priority: nft.PriorityFilter,
		Comment:  "firewall: all forwarded packets",
	}
}

// betweenPorts is the base chain of packets from one port of a bridge to another, which the host
// does not forward.
func betweenPorts() nft.Chain {
	return nft.Chain{
		Table:    nft.Own(nft.Bridge),
		Name:     firewallChain,
		Hook:     nft.Forward,
		Priority: nft.BridgeFilter,
		Comment:  "ingressPolicy: frames from one port of a bridge to another",
	}
}

func inner(suffix, comment string) nft.Chain {
	return nft.Chain{Table: nft.Own(nft.Inet), Name: firewallChain + suffix, Comment: comment}
}

func adminChains() nft.Chain {
	return inner("-admin", "calls the administrator's chains")
}

func isolationChain() nft.Chain {
	return inner("-isolation", "ingressPolicy: packets from bridges of networks with a policy")
}

func intoBridges() nft.Chain {
	return inner("-bridges", "ingressPolicy: packets into bridges of other networks with a policy")
}

func networksChain() nft.Chain {
	return inner("-networks", "accepts packets from containers' addresses")
}

// publishedChain accepts connections to published ports of the networks that except them from
// ingressPolicy.
func publishedChain() nft.Chain {
	return inner("-published", "published ports of networks with allowPublishedPorts")
}

// adminChain is the administrator's own chain. It is created, and never read or flushed.
func adminChain(name string) nft.Chain {
	return nft.Chain{Table: nft.Own(nft.Inet), Name: name,
		Comment: "the administrator's rules; libcni makes this chain and never changes its rules"}
}

func innerChains() []nft.Chain {
	return []nft.Chain{adminChains(), publishedChain(), isolationChain(), intoBridges(),
		networksChain()}
}

// baseRules are all rules of baseChain, in their order.
func baseRules() []nft.Rule {
	rule := func(comment string, exprs ...[]nft.Expr) nft.Rule {
		return nft.Rule{Chain: baseChain(), Comment: comment, Exprs: nft.Do(exprs...)}
	}
	return []nft.Rule{
		rule("the administrator's rules", nft.Jump(adminChains())),
		rule("published ports excepted from ingressPolicy", nft.Jump(publishedChain())),
		rule("ingressPolicy", nft.Jump(isolationChain())),
		rule("published ports", nft.WithStatus(nft.DestinationTranslated), nft.Accept()),
		rule("answers", nft.InState(nft.Established|nft.Related), nft.Accept()),
		rule("from containers", nft.Jump(networksChain())),
	}
}

// earlierBaseRules are the rules of earlier builds, which accepted published ports before policies.
func earlierBaseRules() []nft.Rule {
	admin, policies, published := baseRules()[0], baseRules()[2], baseRules()[3]
	return append([]nft.Rule{admin, published, policies}, baseRules()[4:]...)
}

func adminRule(name string) nft.Rule {
	return nft.Rule{Chain: adminChains(), Comment: name, Exprs: nft.Jump(adminChain(name))}
}

// network is the name of a network, and makes the objects that its containers share.
type network string

func (n network) comment() string { return nft.Text(nft.Hash(string(n)) + ", net: " + string(n)) }

// about is the comment of a set of the network.
func (n network) about(content string) string { return nft.Text(content + "; net: " + string(n)) }

// addresses is the set of the containers' addresses.
func (n network) addresses(f nft.Family) nft.Set {
	set := nft.Set{
		Table: nft.Own(nft.Inet),
		Name:  "firewall4-" + nft.Hash(string(n)),
		Key:   []nft.Type{nft.IPv4Addr},
	}
	if f == nft.IPv6 {
		set.Name, set.Key = "firewall6-"+nft.Hash(string(n)), []nft.Type{nft.IPv6Addr}
	}
	set.Comment = n.about("addresses of containers, whose packets are accepted")
	return set
}

// bridges is the set of the network's bridges that ingressPolicy restricts.
func (n network) bridges() nft.Set {
	return nft.Set{
		Table:   nft.Own(nft.Inet),
		Name:    "firewall-bridges-" + nft.Hash(string(n)),
		Key:     []nft.Type{nft.IfName},
		Comment: n.about("bridges that ingressPolicy restricts"),
	}
}

// ports is the set of the host ends of isolated containers: the ports of packets that stay on a
// bridge, which the host does not forward.
func (n network) ports() nft.Set {
	return nft.Set{
		Table:   nft.Own(nft.Bridge),
		Name:    "firewall-ports-" + nft.Hash(string(n)),
		Key:     []nft.Type{nft.IfName},
		Comment: n.about("links of isolated containers"),
	}
}

func (n network) accept(f nft.Family) nft.Rule {
	return nft.Rule{Chain: networksChain(), Comment: n.comment(),
		Exprs: nft.Do(nft.IsFamily(f), nft.In(n.addresses(f), nft.SrcAddr(f)), nft.Accept())}
}

// isolation are the rules of a policy. Packets from the network's bridges to those of another
// network with a policy are dropped; with the policy isolated, packets that come back to the bridge
// are dropped too.
func (n network) isolation(policy string) []nft.Rule {
	if policy == policyOpen {
		return nil
	}
	set := n.bridges()
	rules := []nft.Rule{
		n.rule(isolationChain(), nft.In(set, nft.InLink()), nft.NotIn(set, nft.OutLink()),
			nft.Jump(intoBridges())),
		n.rule(intoBridges(), nft.In(set, nft.OutLink()), nft.Drop()),
	}
	if policy == policySameBridge {
		return rules
	}
	return append(rules,
		n.rule(isolationChain(), nft.In(set, nft.InLink()), nft.In(set, nft.OutLink()),
			nft.Drop()))
}

func (n network) rule(c nft.Chain, exprs ...[]nft.Expr) nft.Rule {
	return nft.Rule{Chain: c, Comment: n.comment(), Exprs: nft.Do(exprs...)}
}

// separation are the rules for frames between isolated ports, whatever they carry: also ARP, and
// protocols that the host does not forward.
func (n network) separation() []nft.Rule {
	ports := n.ports()
	return []nft.Rule{n.rule(betweenPorts(), nft.In(ports, nft.InLink()),
		nft.In(ports, nft.OutLink()), nft.Drop())}
}

// exceptions let connections from other networks reach the network's published ports.
func (n network) exceptions() []nft.Rule {
	set, published := n.bridges(), nft.WithStatus(nft.DestinationTranslated)
	return []nft.Rule{
		n.rule(publishedChain(), nft.NotIn(set, nft.InLink()), nft.In(set, nft.OutLink()),
			published, nft.Accept()),
		n.rule(publishedChain(), nft.In(set, nft.InLink()), nft.NotIn(set, nft.OutLink()),
			published, nft.IsReply(), nft.Accept()),
	}
}

// sets are all sets that a network may have.
func (n network) sets() []nft.Set {
	return []nft.Set{n.addresses(nft.IPv4), n.addresses(nft.IPv6), n.bridges(), n.ports()}
}

// chains are the chains that hold rules of networks.
func chains() []nft.Chain {
	return append(policyChains(), networksChain())
}

// policyChains are the chains that hold rules of networks with a policy.
func policyChains() []nft.Chain {
	return []nft.Chain{publishedChain(), isolationChain(), intoBridges(), betweenPorts()}
}

// content is what an attachment needs in the tables of libcni besides baseChain.
type content struct {
	sets     []nft.Set
	rules    []nft.Rule
	elements []member
}

type member struct {
	set  nft.Set
	key  []byte
	text string // the key for messages
	own  bool   // the element is the attachment's, not its network's
}

func (a *attachment) content() content {
	n := network(a.owner.Network)
	c := content{
		rules: append([]nft.Rule{adminRule(a.AdminChain)}, n.isolation(a.IngressPolicy)...),
	}
	for _, f := range families() {
		addresses := ipam.Unique(a.of(f))
		if len(addresses) == 0 {
			continue
		}
		c.sets = append(c.sets, n.addresses(f))
		c.rules = append(c.rules, n.accept(f))
		for _, address := range addresses {
			c.elements = append(c.elements,
				member{n.addresses(f), nft.Addr(address), address.String(), true})
		}
	}
	if a.bridge == "" {
		return c
	}
	c.sets = append(c.sets, n.bridges())
	c.elements = append(c.elements, member{n.bridges(), nft.Name(a.bridge), a.bridge, false})
	if a.AllowPublishedPorts {
		c.rules = append(c.rules, n.exceptions()...)
	}
	return c.and(a.portContent())
}

// portContent is what separates the attachment's port from others of its bridge.
func (a *attachment) portContent() content {
	if a.IngressPolicy != policyIsolated {
		return content{}
	}
	n := network(a.owner.Network)
	c := content{sets: []nft.Set{n.ports()}, rules: n.separation()}
	if a.port != "" {
		c.elements = []member{{n.ports(), nft.Name(a.port), a.port, true}}
	}
	return c
}

// chains are the chains with the rules, except the base chain, which has no others anyway.
func (c content) chains() []nft.Chain {
	var all []nft.Chain
	for _, r := range c.rules {
		if !slices.Contains(all, r.Chain) {
			all = append(all, r.Chain)
		}
	}
	return all
}

func (c content) and(more content) content {
	return content{slices.Concat(c.sets, more.sets), slices.Concat(c.rules, more.rules),
		slices.Concat(c.elements, more.elements)}
}

// prefetch looks up all elements in one request.
func (c content) prefetch(r *nft.Reader) {
	for _, m := range c.elements {
		r.Prefetch(m.set, m.key)
	}
}

// subnets are those of the attachment's addresses of a family.
func (a *attachment) subnets(f nft.Family) []netip.Prefix {
	var found []netip.Prefix
	for _, p := range a.of(f) {
		if !slices.Contains(found, p.Masked()) {
			found = append(found, p.Masked())
		}
	}
	return found
}
