package portmap

import (
	"fmt"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/host/nft"
	"github.com/libcni/libcni/core/plugin"
)

// publisher is another tool that publishes ports: the chain in which it has a rule for each.
type publisher struct {
	tool  string
	chain nft.Chain
}

func publishers() []publisher {
	var all []publisher
	for _, f := range []nft.Family{nft.IPv4, nft.IPv6} {
		for _, p := range []struct{ tool, table, chain string }{
			{"the reference plugin", referenceTable, "hostports"},
			{"the reference plugin", natTable, referenceJumps},
			{"Docker", natTable, "DOCKER"},
			{"netavark", natTable, "NETAVARK-HOSTPORT-DNAT"},
		} {
			all = append(all, publisher{p.tool,
				nft.Chain{Table: nft.Table{Family: f, Name: p.table}, Name: p.chain}})
		}
	}
	netavark := nft.Table{Family: nft.Inet, Name: "netavark"}
	return append(all, publisher{"netavark",
		nft.Chain{Table: netavark, Name: "NETAVARK-HOSTPORT-DNAT"}})
}

// heldByOthers describes the plan's ports for which another tool has a rule, one port for each
// chain.
func (p *plan) heldByOthers(r *nft.Reader) ([]string, error) {
	all := publishers()
	chains := make([]nft.Chain, len(all))
	tools := map[nft.Chain]string{}
	for i, p := range all {
		chains[i] = p.chain
		tools[p.chain] = p.tool
	}
	present, err := r.PresentChains(chains...)
	if err != nil {
		return nil, err
	}
	var held []string
	for _, c := range present {
		rules, err := r.PortRules(c)
		if err != nil {
			return nil, err
		}
		if one, rule := p.appliesTo(c.Table.Family, rules); rule != nil {
			held = append(held, fmt.Sprintf("host port %s: %s has a rule for it (chain %s of the "+
				"table %s%s)", one, tools[c], c.Name, c.Table.Name, aboutRule(*rule)))
		}
	}
	return held, nil
}

func aboutRule(r nft.PortRule) string {
	if r.Comment == "" {
		return ""
	}
	return ", comment " + fmt.Sprintf("%q", r.Comment)
}

// appliesTo returns the first port to which one of the rules applies, with the rule.
func (p *plan) appliesTo(f nft.Family, rules []nft.PortRule) (port, *nft.PortRule) {
	for i, rule := range rules {
		for _, run := range p.ports {
			if f != nft.Inet && run.family.nft() != f {
				continue
			}
			for _, ports := range rule.Ports {
				first := max(run.number, ports.First)
				if first <= min(run.last(), ports.Last) && rule.AppliesTo(byte(run.proto), first) {
					return run.at(int(first - run.number)), &rules[i]
				}
			}
		}
	}
	return port{}, nil
}

// foreign is what is known of other tools' rules for the plan's ports, and what to do about them.
type foreign struct {
	refuse bool
	held   []string
}

// look looks for the rules. It refuses them if the configuration says so.
func (f *foreign) look(p *plan, r *nft.Reader) (err error) {
	if f.held, err = p.heldByOthers(r); err != nil || len(f.held) == 0 || !f.refuse {
		return err
	}
	return fault.New(fault.KindExists, nil, "%s; remove it, or publish another port", f.held[0])
}

// warn warns of them, unless they were refused.
func (f *foreign) warn(inv *plugin.Invocation) {
	if f.refuse {
		return
	}
	for _, held := range f.held {
		inv.Warn("%s; who gets its packets depends on the order of the chains", held)
	}
}
