package firewall

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/libcni/libcni/core/internal/host/nft"
	"github.com/libcni/libcni/core/internal/kit/drift"
	"github.com/libcni/libcni/core/plugin"
)

// The table and chains in which other tools drop forwarded packets.
const (
	filterTable  = "filter"
	forwardChain = "FORWARD"
	dockerChain  = "DOCKER-USER" // evaluated before Docker's rules, and reserved for the administrator
)

// missingAccepts returns the rules of the attachment's network that are not before the drop, and
// their position.
func (w forwarding) missingAccepts(a *attachment,
	f nft.Family) ([]nft.IptablesRule, position, error) {
	p, err := w.beforeDrop(a.means(f), a.AdminChain)
	if err != nil || !p.needed {
		return nil, position{notes: p.notes}, err
	}
	before := p.rules[:p.at]
	return slices.DeleteFunc(a.accepting(f),
		func(r nft.IptablesRule) bool { return slices.ContainsFunc(before, r.Same) }), p, nil
}

// accepting returns the rules for a subnet of the network: they accept packets from its containers,
// replies to them, and connections to published ports. The host still drops everything else. nft
// saves a rule with several kinds of states as one that accepts less, so that published ports have
// a rule of their own.
func (n network) accepting(subnet netip.Prefix) []nft.IptablesRule {
	to := func(states nft.IptablesStates) nft.IptablesRule {
		return nft.IptablesRule{Dst: subnet, States: states, Comment: n.acceptComment(),
			Verdict: nft.VerdictOf{Code: nft.AcceptVerdict}}
	}
	from := nft.IptablesRule{Src: subnet, Comment: n.acceptComment(),
		Verdict: nft.VerdictOf{Code: nft.AcceptVerdict}}
	return []nft.IptablesRule{from, to(nft.StateRelated | nft.StateEstablished),
		to(nft.StateTranslated)}
}

// acceptComment identifies the network's rules. It survives iptables-save and iptables-restore.
func (n network) acceptComment() string { return nft.Text("libcni " + n.comment()) }

// owns reports whether an accepting rule is the network's. A rule without a comment, as nft saves
// it, is the network's if the chain has all three rules for a subnet of removed addresses.
func (n network) owns(chain []nft.IptablesRule, gone []netip.Addr) func(nft.IptablesRule) bool {
	return func(r nft.IptablesRule) bool {
		if r.Comment != "" {
			return r.Comment == n.acceptComment()
		}
		subnet := r.Src
		if !subnet.IsValid() {
			subnet = r.Dst
		}
		if !slices.ContainsFunc(gone, subnet.Contains) {
			return false
		}
		all := n.accepting(subnet)
		for _, wanted := range all {
			wanted.Comment = ""
			saved := func(o nft.IptablesRule) bool { return o.Comment == "" && o.Same(wanted) }
			if !slices.ContainsFunc(chain, saved) {
				return false
			}
		}
		return slices.ContainsFunc(all, r.Same)
	}
}

// means returns a function that reports whether a rule of the host is about the attachment: it
// names addresses of its network, or a link of the host that leads to it.
func (a *attachment) means(f nft.Family) meaning {
	subnets := a.subnets(f)
	return func(r nft.IptablesRule) bool {
		return slices.ContainsFunc(subnets, func(subnet netip.Prefix) bool {
			return r.Src.IsValid() && r.Src.Overlaps(subnet) ||
				r.Dst.IsValid() && r.Dst.Overlaps(subnet)
		}) || slices.ContainsFunc(a.links, func(link string) bool {
			return matchesLink(r.In, link) || matchesLink(r.Out, link)
		})
	}
}

// matchesLink reports whether the name of a link in a rule of iptables stands for a link.
func matchesLink(pattern, link string) bool {
	if beginning, all := strings.CutSuffix(pattern, "+"); all {
		return strings.HasPrefix(link, beginning)
	}
	return pattern == link
}

func (a *attachment) accepting(f nft.Family) []nft.IptablesRule {
	var rules []nft.IptablesRule
	for _, p := range a.subnets(f) {
		rules = append(rules, network(a.owner.Network).accepting(p)...)
	}
	return rules
}

func hostChain(f nft.Family, name string) nft.Chain {
	return nft.Chain{Table: nft.Table{Family: f, Name: filterTable}, Name: name}
}

// nftForwarding reads the table that iptables has in nftables. It returns nil if that does not
// exist.
func nftForwarding(r *nft.Reader, f nft.Family) (*forwarding, error) {
	chain, err := r.Chain(hostChain(f, "").Table, forwardChain)
	if err != nil || chain == nil || chain.Hook != nft.Forward {
		return nil, err
	}
	return &forwarding{drops: chain.Drop, rules: func(name string) ([]nft.IptablesRule, error) {
		return r.IptablesRules(hostChain(f, name))
	}}, nil
}

// missingNFTAccepts is missingAccepts for the table that iptables has in nftables.
func (a *attachment) missingNFTAccepts(r *nft.Reader,
	f nft.Family) ([]nft.IptablesRule, position, error) {
	if len(a.of(f)) == 0 {
		return nil, position{}, nil
	}
	w, err := nftForwarding(r, f)
	if err != nil || w == nil {
		return nil, position{}, err
	}
	return w.missingAccepts(a, f)
}

// queueAccepts queues the accepting rules that are missing before the host's drops.
func (a *attachment) queueAccepts(tx *nft.Tx) error {
	a.notes = nil // of an earlier attempt
	for _, f := range families() {
		lacking, p, err := a.missingNFTAccepts(tx.Reader, f)
		if err != nil {
			return err
		}
		before := uint64(0)
		if p.at < len(p.rules) {
			before = p.rules[p.at].Handle
		}
		for _, rule := range lacking {
			tx.AddIptablesRule(hostChain(f, p.chain), rule, before)
		}
		a.note(programName(f), p.notes)
	}
	return nil
}

// note keeps a text about each of the host's rules that drop packets of the attachment.
func (a *attachment) note(program string, rules []note) {
	for _, n := range rules {
		a.notes = append(a.notes, fmt.Sprintf("%s drops packets of the network that match it; "+
			"remove it if they are to pass", describeLine(program, n.chain, formatDrop(n.rule))))
	}
}

// warn warns of what was noted.
func (a *attachment) warn(inv *plugin.Invocation) {
	for _, text := range a.notes {
		inv.Warn("%s", text)
	}
}

func (a *attachment) checkAccepts(r *nft.Reader, list *drift.List) error {
	for _, f := range families() {
		lacking, p, err := a.missingNFTAccepts(r, f)
		if err != nil {
			return err
		}
		for _, rule := range lacking {
			list.Missing(describeLine(programName(f), p.chain, formatRule(rule)))
		}
	}
	return nil
}

// queueAcceptRemoval queues the removal of the network's accepting rules.
func (n network) queueAcceptRemoval(tx *nft.Tx, gone []netip.Addr) error {
	for _, f := range families() {
		for _, name := range []string{forwardChain, dockerChain} {
			rules, err := tx.IptablesRules(hostChain(f, name))
			if err != nil {
				return err
			}
			if err := queueIptablesRemoval(tx, hostChain(f, name), n.owns(rules, gone)); err != nil {
				return err
			}
		}
	}
	return nil
}

// queueIptablesRemoval queues the removal of the selected rules of a chain.
func queueIptablesRemoval(tx *nft.Tx, c nft.Chain, selects func(nft.IptablesRule) bool) error {
	rules, err := tx.IptablesRules(c)
	if err != nil {
		return err
	}
	tx.DeleteIptablesRules(
		c,
		slices.DeleteFunc(rules, func(r nft.IptablesRule) bool { return !selects(r) })...)
	return nil
}
