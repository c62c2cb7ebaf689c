package firewall

import (
	"slices"

	"github.com/libcni/libcni/core/internal/host/nft"
)

// forwarding is the table "filter" of iptables for one family, in nftables or among the legacy
// tables; or another table with a chain that forwarded packets pass.
type forwarding struct {
	drops bool // policy of the chain that forwarded packets pass
	rules func(chain string) ([]nft.IptablesRule, error)
}

// meaning reports whether a rule of the host is about the attachment in particular.
type meaning func(nft.IptablesRule) bool

// outcome is the verdict on a packet that matches no conditional rule.
type outcome int

const (
	undecided outcome = iota
	accepted
	dropped
)

// plainOutcome is the outcome of a rule that calls no chain, for a packet that matches it.
func plainOutcome(r nft.IptablesRule) outcome {
	switch {
	case r.Rejects, r.Verdict.Code == nft.DropVerdict:
		return dropped
	case r.Verdict.Code == nft.AcceptVerdict:
		return accepted
	default:
		return undecided
	}
}

// effect is what the rules of a chain may do to the attachment's packets.
type effect struct {
	outcome outcome
	end     int // the rule with the outcome; without one, the number of rules

	general int // the first rule that may drop packets, and is not about the attachment; or end
	meant   int // the number of rules up to the last that drops packets on purpose; 0 for none
}

func (e effect) mayDrop() bool { return e.outcome == dropped || e.general < e.end || e.meant > 0 }

// Limits of a walk. The kernel allows 16 nested jumps. A chain beyond the limits counts as one that
// may drop packets.
const (
	maxJumps  = 16
	maxChains = 64
)

// walk looks at the chains that FORWARD calls, at each once.
type walk struct {
	forwarding
	means    meaning
	reserved []string // chains of an administrator: all that they drop is meant
	seen     map[string]effect
	notes    []note // the rules that drop on purpose
}

// note is a rule of the host that drops packets of the attachment.
type note struct {
	chain string
	rule  nft.IptablesRule
}

func (w forwarding) walk(means meaning, adminChain string) *walk {
	return &walk{w, means, []string{dockerChain, adminChain, stage1, stage2}, map[string]effect{}, nil}
}

// look returns the effect of a chain.
func (w *walk) look(chain string, depth int) (effect, error) {
	if e, found := w.seen[chain]; found {
		return e, nil
	}
	w.seen[chain] = effect{} // of a chain that calls itself, which the kernel refuses
	rules, err := w.rules(chain)
	if err != nil {
		return effect{}, err
	}
	e := effect{end: len(rules), general: len(rules)}
	for i, r := range rules {
		inside, err := w.inside(r, depth)
		if err != nil {
			return effect{}, err
		}
		if inside.mayDrop() {
			w.note(&e, chain, i, r, inside)
		}
		if r.Always() && inside.ends(r) {
			e.outcome, e.end = inside.outcome, i
			break
		}
	}
	e.general = min(e.general, e.end)
	w.seen[chain] = e
	return e, nil
}

// note records a rule that may drop packets.
func (w *walk) note(e *effect, chain string, i int, r nft.IptablesRule, inside effect) {
	isMeant := slices.Contains(w.reserved, r.Verdict.Chain)
	if w.means(r) {
		isMeant = true
		w.notes = append(w.notes, note{chain, r})
	}
	if isMeant || inside.meant > 0 {
		e.meant = i + 1
	}
	if !isMeant && (inside.outcome == dropped || inside.general < inside.end) {
		e.general = min(e.general, i)
	}
}

// inside returns the effect of a rule, as if it were that of a chain.
func (w *walk) inside(r nft.IptablesRule, depth int) (effect, error) {
	plain := plainOutcome(r)
	switch code := r.Verdict.Code; {
	case r.States == nft.StateInvalid: // no packet of a connection of ours
		return effect{}, nil
	case plain != undecided:
		return effect{outcome: plain}, nil
	case code != nft.JumpVerdict && code != nft.GotoVerdict:
		return effect{}, nil
	case depth >= maxJumps || len(w.seen) >= maxChains:
		return effect{end: 1}, nil
	default:
		return w.look(r.Verdict.Chain, depth+1)
	}
}

// ends reports whether a chain ends with a rule that has this effect and applies to all packets.
func (e effect) ends(r nft.IptablesRule) bool {
	code := r.Verdict.Code
	return e.outcome != undecided || code == nft.ReturnVerdict || code == nft.GotoVerdict
}

// position is a place for rules that must come before a drop.
type position struct {
	needed bool
	chain  string
	rules  []nft.IptablesRule // of the chain
	at     int                // how many rules come before

	notes []note // rules before the position that drop packets of the attachment
}

// beforeDrop finds the position before the first rule of FORWARD that may drop packets of the
// attachment, if there is one. The position is after the rules that are about the attachment in
// particular, and after the administrator's own chain: these take precedence.
func (w forwarding) beforeDrop(means meaning, adminChain string) (position, error) {
	host := w.walk(means, adminChain)
	e, err := host.look(forwardChain, 0)
	drops := e.outcome == dropped || e.outcome == undecided && w.drops || e.general < e.end
	if err != nil || !drops {
		return position{notes: host.notes}, err
	}
	p := position{needed: true, chain: forwardChain, at: min(max(e.general, e.meant), e.end),
		notes: host.notes}
	if p.rules, err = w.rules(forwardChain); err != nil {
		return position{}, err
	}
	if e.general < p.at { // it cannot be preceded without preceding what is meant
		p.notes = append(p.notes, note{forwardChain, p.rules[e.general]})
	}
	callsDocker := func(r nft.IptablesRule) bool {
		return r.Always() && r.Verdict.Chain == dockerChain
	}
	if !slices.ContainsFunc(p.rules[:p.at], callsDocker) {
		return p, nil
	}
	docker, err := host.look(dockerChain, 0)
	if err != nil {
		return position{}, err
	}
	p.chain, p.at = dockerChain, docker.end
	p.rules, err = w.rules(dockerChain)
	return p, err
}
