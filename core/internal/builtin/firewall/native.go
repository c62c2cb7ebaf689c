package firewall

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/host/nft"
	"github.com/libcni/libcni/core/internal/kit/filter"
	"github.com/libcni/libcni/core/plugin"
)

// firewalldTable is the table of firewalld.
const firewalldTable = "firewalld"

// findings are what STATUS has to say about the rules of the host.
type findings struct {
	cutOff   []string      // verdicts without conditions that nothing of ours can precede
	warnings []string      // rules with conditions
	own      []fault.Drift // what makes chains of libcni ineffective
}

// report warns, and fails with code 51 if containers are cut off.
func (f findings) report(inv *plugin.Invocation) error {
	filter.Warn(inv, f.own)
	for _, text := range f.warnings {
		inv.Warn("%s", text)
	}
	if len(f.cutOff) == 0 {
		return nil
	}
	for _, text := range f.cutOff[1:] {
		inv.Warn("%s", text)
	}
	e := fault.New(fault.KindPluginFailed, nil, "%s", f.cutOff[0])
	e.Code = fault.CodeLimitedConnectivity
	return e
}

// examineHost looks at every chain of the host that forwarded packets pass.
// firewalld's chains matter only to a network that does not use firewalld where it runs.
func (n network) examineHost(r *nft.Reader, withFirewalld bool) (findings, error) {
	chains, err := r.ForwardChains()
	if err != nil {
		return findings{}, err
	}
	own, err := filter.CheckChains(r, append(innerChains(), baseChain(), betweenPorts())...)
	if err != nil {
		return findings{}, err
	}
	all := findings{own: own}
	for _, c := range chains {
		if c.Table.Name == firewalldTable && !withFirewalld {
			continue
		}
		if err := n.examine(r, c, &all); err != nil {
			return findings{}, err
		}
	}
	return all, nil
}

// examine looks at one chain. Accepting rules of ours precede what FORWARD of iptables drops.
func (n network) examine(r *nft.Reader, c nft.Chain, all *findings) error {
	switch {
	case c.Table == nft.Own(nft.Inet), c.Table == nft.Own(nft.Bridge):
		return nil // examineHost checks them
	case c.Table == hostChain(nft.IPv4, "").Table && c.Name == forwardChain:
		return n.examineIptables(r, nft.IPv4, all)
	case c.Table == hostChain(nft.IPv6, "").Table && c.Name == forwardChain:
		return n.examineIptables(r, nft.IPv6, all)
	}
	v, err := verdictOf(r, c)
	if err != nil {
		return err
	}
	if text, cutsOff := v.describe(c); cutsOff {
		all.cutOff = append(all.cutOff, text)
	} else if text != "" {
		all.warnings = append(all.warnings, text)
	}
	return nil
}

// describe says what a chain drops, "" for nothing, and whether that cuts off all containers.
func (v verdict) describe(c nft.Chain) (text string, cutsOff bool) {
	where := fmt.Sprintf("chain %s of nftables table %s %s", c.Name, c.Table.Family,
		c.Table.Name)
	switch {
	case v.outcome == dropped && !v.mayAccept && c.Table.Family != nft.Bridge:
		return where + " drops all forwarded packets, also those of containers, and an accept " +
			"elsewhere cannot overrule it; let it accept those of containers: " + cure(c), true
	case v.outcome == dropped:
		return where + " drops the forwarded packets that none of its rules accepts; let it accept " +
			"those of containers: " + cure(c), false
	case v.conditional > 0:
		return fmt.Sprintf("%s has rules that drop some forwarded packets (%d), which may be those of "+
			"containers", where, v.conditional), false
	}
	return "", false
}

// noteNative notes for the log what chains of nftables with the usual names drop. An ADD does not
// read all chains of the host, as STATUS does.
func (a *attachment) noteNative(r *nft.Reader) error {
	for _, f := range []nft.Family{nft.Inet, nft.IPv4, nft.IPv6} {
		c, err := r.Chain(nft.Table{Family: f, Name: filterTable}, "forward")
		if err != nil {
			return err
		}
		if c == nil || c.Hook != nft.Forward {
			continue
		}
		v, err := verdictOf(r, *c)
		if err != nil {
			return err
		}
		if text, _ := v.describe(*c); text != "" {
			a.notes = append(a.notes, text)
		}
	}
	return nil
}

// cure is a command that lets containers' packets through a chain.
func cure(c nft.Chain) string {
	if c.Table.Name == firewalldTable {
		return "backend firewalld"
	}
	return fmt.Sprintf("nft insert rule %s %s %s ip saddr SUBNET accept, and the same with "+
		"ip daddr SUBNET", c.Table.Family, c.Table.Name, c.Name)
}

// verdict is what a chain and those that it calls do to forwarded packets.
type verdict struct {
	outcome     outcome
	mayAccept   bool // a rule with conditions accepts new connections, or may
	conditional int  // rules with conditions that drop
}

func verdictOf(r *nft.Reader, c nft.Chain) (verdict, error) {
	seen := map[string]verdict{}
	v, err := interpret(c.Name, 0, seen, func(name string) ([]nft.IptablesRule, error) {
		return r.IptablesRules(nft.Chain{Table: c.Table, Name: name})
	})
	if v.outcome == undecided && c.Drop {
		v.outcome = dropped
	}
	return v, err
}

func interpret(chain string, depth int, seen map[string]verdict,
	rulesOf func(string) ([]nft.IptablesRule, error)) (verdict, error) {
	if v, found := seen[chain]; found {
		return v, nil
	}
	seen[chain] = verdict{}
	rules, err := rulesOf(chain)
	if err != nil {
		return verdict{}, err
	}
	var v verdict
	for _, rule := range rules {
		inside := verdict{outcome: plainOutcome(rule), mayAccept: rule.Unknown}
		if code := rule.Verdict.Code; code == nft.JumpVerdict || code == nft.GotoVerdict {
			if depth >= maxJumps || len(seen) >= maxChains {
				inside.mayAccept = true
			} else if inside, err = interpret(rule.Verdict.Chain, depth+1, seen, rulesOf); err != nil {
				return verdict{}, err
			}
		}
		if v.add(rule, inside) {
			break
		}
	}
	seen[chain] = v
	return v, nil
}

// add adds a rule with what it does to the packets it applies to, and reports whether no packet
// passes it.
func (v *verdict) add(rule nft.IptablesRule, inside verdict) (ends bool) {
	const answers = nft.StateEstablished | nft.StateRelated
	onlyAnswers := rule.States != 0 && rule.States&^answers == 0
	invalid := rule.States == nft.StateInvalid
	if rule.Always() {
		v.mayAccept = v.mayAccept || inside.mayAccept
		v.conditional += inside.conditional
		v.outcome = inside.outcome
		code := rule.Verdict.Code
		return v.outcome != undecided || code == nft.ReturnVerdict || code == nft.GotoVerdict
	}
	accepts := inside.outcome == accepted || inside.mayAccept ||
		rule.Verdict.Code == nft.ReturnVerdict
	v.mayAccept = v.mayAccept || accepts && !onlyAnswers
	if inside.outcome == dropped && !invalid {
		v.conditional++
	}
	if !invalid {
		v.conditional += inside.conditional
	}
	return false
}

// examineIptables finds rules about the network's containers in FORWARD of iptables.
func (n network) examineIptables(r *nft.Reader, f nft.Family, all *findings) error {
	w, err := nftForwarding(r, f)
	if err != nil || w == nil {
		return err
	}
	isNamed := func(r nft.IptablesRule) bool { return r.Src.IsValid() || r.Dst.IsValid() }
	host := w.walk(isNamed, referenceAdminChain)
	if _, err := host.look(forwardChain, 0); err != nil || len(host.notes) == 0 {
		return err
	}
	elements, err := r.Elements(n.addresses(f))
	if err != nil {
		return err
	}
	addresses := addressesOf(elements)
	for _, note := range host.notes {
		if cut := slices.IndexFunc(addresses, names(note.rule)); cut >= 0 {
			all.warnings = append(all.warnings, fmt.Sprintf("%s drops packets of containers, such as "+
				"%s; remove it if they are to pass", describeLine(programName(f), note.chain,
				formatDrop(note.rule)), addresses[cut]))
		}
	}
	return nil
}

// names reports whether the rule is about an address.
func names(r nft.IptablesRule) func(netip.Addr) bool {
	return func(a netip.Addr) bool {
		return r.Src.IsValid() && r.Src.Contains(a) || r.Dst.IsValid() && r.Dst.Contains(a)
	}
}
