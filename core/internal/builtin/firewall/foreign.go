package firewall

import (
	"net/netip"
	"slices"

	"github.com/libcni/libcni/core/internal/host/nft"
)

// The chains in which others drop what the host forwards.
const (
	forwardHook   = "FORWARD"
	dockersChain  = "DOCKER-USER" // Docker leaves it to its user, and asks it first
	deepestJumps  = 4
	commentPrefix = "libcni "
)

// filter is a table "filter" that iptables keeps for one family, in the kernel's nftables or in its older tables.
type filter struct {
	drops bool // the policy of FORWARD
	rules func(chain string) ([]nft.IptablesRule, error)
}

// fate is what becomes of a packet that no rule with a condition applies to.
type fate int

const (
	goesOn fate = iota
	accepted
	dropped
)

// end returns the fate of such packets in a chain, and the number of rules they pass until it is settled.
func (t filter) end(chain string, depth int) (fate, int, error) {
	rules, err := t.rules(chain)
	if err != nil {
		return goesOn, 0, err
	}
	for i, r := range rules {
		if !r.Always() {
			continue
		}
		switch code := r.Verdict.Code; {
		case r.Rejects, code == nft.DropVerdict:
			return dropped, i, nil
		case code == nft.AcceptVerdict:
			return accepted, i, nil
		case code == nft.ReturnVerdict:
			return goesOn, i, nil
		case (code == nft.JumpVerdict || code == nft.GotoVerdict) && depth < deepestJumps:
			inside, _, err := t.end(r.Verdict.Chain, depth+1)
			if err != nil || inside != goesOn || code == nft.GotoVerdict {
				return inside, i, err
			}
		}
	}
	return goesOn, len(rules), nil
}

// opening says where rules must be to come before a drop.
type opening struct {
	needed bool
	chain  string
	rules  []nft.IptablesRule // of the chain
	at     int                // the number of rules that come before
}

// opening looks for a drop in FORWARD, and for the place before it. What the administrator decides by rules of his own
// stays decided, since they are asked first.
func (t filter) opening() (opening, error) {
	outcome, at, err := t.end(forwardHook, 0)
	if err != nil || outcome == accepted || outcome == goesOn && !t.drops {
		return opening{}, err
	}
	o := opening{needed: true, chain: forwardHook, at: at}
	if o.rules, err = t.rules(forwardHook); err != nil {
		return opening{}, err
	}
	asksDocker := func(r nft.IptablesRule) bool { return r.Always() && r.Verdict.Chain == dockersChain }
	if slices.ContainsFunc(o.rules[:at], asksDocker) {
		o.chain = dockersChain
		if _, o.at, err = t.end(dockersChain, 0); err != nil {
			return opening{}, err
		}
		o.rules, err = t.rules(dockersChain)
	}
	return o, err
}

// lacks returns the rules that are not there, or come too late.
func (o opening) lacks(want []nft.IptablesRule) []nft.IptablesRule {
	return slices.DeleteFunc(want, func(w nft.IptablesRule) bool { return slices.ContainsFunc(o.rules[:o.at], w.Same) })
}

// pair are the rules of a network's range of addresses: its containers reach out, and are answered; what comes to a
// published port comes in, and nothing else that the host drops.
func (n network) pair(of netip.Prefix) []nft.IptablesRule {
	accept := nft.VerdictOf{Code: nft.AcceptVerdict}
	return []nft.IptablesRule{
		{Src: of, Comment: n.foreignComment(), Verdict: accept},
		{Dst: of, States: nft.StateRelated | nft.StateEstablished | nft.StateTranslated, Comment: n.foreignComment(), Verdict: accept},
	}
}

// foreignComment marks the network's rules. What iptables saves and restores keeps it.
func (n network) foreignComment() string { return nft.Text(commentPrefix + n.comment()) }

func (a *attachment) pairs(f nft.Family) []nft.IptablesRule {
	var rules []nft.IptablesRule
	for _, p := range a.networks(f) {
		rules = append(rules, network(a.owner.Network).pair(p)...)
	}
	return rules
}

func foreignChain(f nft.Family, name string) nft.Chain {
	return nft.Chain{Table: nft.Table{Family: f, Name: "filter"}, Name: name}
}

// foreignFilter looks at the table of iptables in the kernel's nftables; nil if there is none.
func foreignFilter(r *nft.Reader, f nft.Family) (*filter, error) {
	forward, err := r.Chain(foreignChain(f, "").Table, forwardHook)
	if err != nil || forward == nil || forward.Hook != nft.Forward {
		return nil, err
	}
	read := map[string][]nft.IptablesRule{}
	return &filter{drops: forward.Drop, rules: func(chain string) ([]nft.IptablesRule, error) {
		rules, known := read[chain]
		if known {
			return rules, nil
		}
		rules, err := r.IptablesRules(foreignChain(f, chain))
		read[chain] = rules
		return rules, err
	}}, nil
}

// foreignLack returns the rules of the attachment's network that are missing where the host drops, and where that is.
func (a *attachment) foreignLack(r *nft.Reader, f nft.Family) ([]nft.IptablesRule, opening, error) {
	if len(a.of(f)) == 0 {
		return nil, opening{}, nil
	}
	table, err := foreignFilter(r, f)
	if err != nil || table == nil {
		return nil, opening{}, err
	}
	place, err := table.opening()
	if err != nil || !place.needed {
		return nil, opening{}, err
	}
	return place.lacks(a.pairs(f)), place, nil
}

func (a *attachment) openForeign(tx *nft.Tx, f nft.Family) error {
	lacking, place, err := a.foreignLack(tx.Reader, f)
	if err != nil {
		return err
	}
	before := uint64(0)
	if place.at < len(place.rules) {
		before = place.rules[place.at].Handle
	}
	for _, rule := range lacking {
		tx.AddIptablesRule(foreignChain(f, place.chain), rule, before)
	}
	return nil
}

// closeForeign queues the removal of the network's rules from others' chains.
func (n network) closeForeign(tx *nft.Tx, f nft.Family) error {
	for _, name := range []string{forwardHook, dockersChain} {
		c := foreignChain(f, name)
		rules, err := tx.IptablesRules(c)
		if err != nil {
			return err
		}
		tx.DeleteIptablesRules(c, slices.DeleteFunc(rules, func(r nft.IptablesRule) bool { return r.Comment != n.foreignComment() })...)
	}
	return nil
}
