package firewall

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/host/iptables"
	"github.com/libcni/libcni/core/internal/host/nft"
	"github.com/libcni/libcni/core/internal/kit"
	"github.com/libcni/libcni/core/plugin"
)

// The reference plugin's other chains, and the comments of what containers share in them.
const (
	stage1          = "CNI-ISOLATION-STAGE-1"
	stage2          = "CNI-ISOLATION-STAGE-2"
	forwardComment  = "CNI firewall plugin rules"
	adminComment    = "CNI firewall plugin admin overrides"
	isolatedComment = "CNI firewall plugin rules (ingressPolicy: same-bridge|isolated)"
)

// chainRule is a rule that the backend iptables wants, in words as iptables lists it.
type chainRule struct {
	chain string
	words []string
	place place
}

// place is where in its chain a rule goes.
type place int

const (
	last place = iota
	first
	afterIsolation // first, but for the jump to stage1
)

func commented(comment string, before []string, after ...string) []string {
	return slices.Concat(before, []string{"-m", "comment", "--comment", comment}, after)
}

// chainRules are the rules that the backend iptables makes for a family: those of the reference plugin, which also lets
// in what comes to a published port; rules of one container, and of one network, say whose they are.
func (a *attachment) chainRules(f nft.Family) []chainRule {
	addresses := a.of(f)
	if len(addresses) == 0 {
		return nil
	}
	rules := []chainRule{
		{forwardHook, commented(forwardComment, nil, "-j", privateChain), afterIsolation},
		{privateChain, commented(adminComment, nil, "-j", a.AdminChain), first},
	}
	rules = append(rules, a.stageRules()...)
	for _, p := range addresses {
		whole := netip.PrefixFrom(p.Addr(), p.Addr().BitLen())
		for _, r := range network(a.owner.Network).pair(whole) {
			r.Comment = a.owner.Comment()
			rules = append(rules, chainRule{privateChain, words(r), last})
		}
	}
	return rules
}

func (a *attachment) stageRules() []chainRule {
	if a.IngressPolicy == policyOpen {
		return nil
	}
	comment, br := network(a.owner.Network).comment(), a.bridge
	rules := []chainRule{
		{forwardHook, commented(isolatedComment, nil, "-j", stage1), first},
		{stage1, commented(isolatedComment, nil, "-j", "RETURN"), last},
		{stage2, commented(isolatedComment, nil, "-j", "RETURN"), last},
		{stage1, commented(comment, []string{"-i", br, "!", "-o", br}, "-j", stage2), first},
		{stage2, commented(comment, []string{"-o", br}, "-j", "DROP"), first},
	}
	if a.IngressPolicy == policyIsolated {
		rules = append(rules, chainRule{stage1, commented(comment, []string{"-i", br, "-o", br}, "-j", "DROP"), first})
	}
	return rules
}

// lackingRules returns the wanted rules that a table does not have.
func lackingRules(t *iptables.Table, want []chainRule) []chainRule {
	return slices.DeleteFunc(want, func(r chainRule) bool {
		return slices.ContainsFunc(t.Chains[r.chain], func(w []string) bool { return slices.Equal(w, r.words) })
	})
}

// additions are the lines that make the rules, and the chains that are not there.
func additions(t *iptables.Table, lacking []chainRule, chains ...string) []string {
	var lines []string
	for _, name := range chains {
		if _, there := t.Chains[name]; !there {
			lines = append(lines, iptables.NewChain(name))
		}
	}
	for _, r := range lacking {
		command := []string{"-A", r.chain}
		switch r.place {
		case first:
			command = []string{"-I", r.chain, "1"}
		case afterIsolation:
			jumps := func(w []string) bool { return len(w) > 0 && w[len(w)-1] == stage1 }
			command = []string{"-I", r.chain, strconv.Itoa(2 + slices.IndexFunc(t.Chains[r.chain], jumps))}
		}
		lines = append(lines, iptables.Line(append(command, r.words...)...))
	}
	return lines
}

// addChains makes the rules of the backend iptables, and returns what it had to make.
func (a *attachment) addChains(ctx context.Context, inv *plugin.Invocation) ([]fault.Drift, error) {
	var made []fault.Drift
	for _, f := range families() {
		if len(a.of(f)) == 0 {
			continue
		}
		tool, table, err := readTable(ctx, inv, f)
		if err != nil {
			return made, err
		}
		lacking := lackingRules(table, a.chainRules(f))
		chains := []string{privateChain, a.AdminChain}
		if a.IngressPolicy != policyOpen {
			chains = append(chains, stage1, stage2)
		}
		if err := tool.Apply(ctx, filterTable, additions(table, lacking, chains...)); err != nil {
			return made, err
		}
		made = append(made, chainDrift(f, lacking)...)
	}
	return made, nil
}

func readTable(ctx context.Context, inv *plugin.Invocation, f nft.Family) (*iptables.Tool, *iptables.Table, error) {
	tool, err := iptables.Find(kit.Starter(inv), iptablesFamily(f))
	if err != nil {
		return nil, nil, fault.New(fault.KindUnsupported, err, "backend iptables: install iptables, or use backend nftables")
	}
	table, err := tool.Read(ctx, filterTable)
	return tool, table, err
}

func chainDrift(f nft.Family, lacking []chainRule) []fault.Drift {
	var found []fault.Drift
	for _, r := range lacking {
		object := fmt.Sprintf("%s rule -A %s %s", programName(f), r.chain, iptables.Line(r.words...))
		found = append(found, fault.Drift{Plugin: pluginType, Object: object, Expected: present, Actual: missing})
	}
	return found
}

func programName(f nft.Family) string {
	if f == nft.IPv6 {
		return "ip6tables"
	}
	return "iptables"
}

// checkChains returns what is missing of the rules of the backend iptables.
func (a *attachment) checkChains(ctx context.Context, inv *plugin.Invocation) ([]fault.Drift, error) {
	var found []fault.Drift
	for _, f := range families() {
		if len(a.of(f)) == 0 {
			continue
		}
		_, table, err := readTable(ctx, inv, f)
		if err != nil {
			return nil, err
		}
		found = append(found, chainDrift(f, lackingRules(table, a.chainRules(f)))...)
	}
	return found, nil
}

// removeChains removes the rules whose comment is unwanted, those of the reference plugin for the addresses, and what
// the network's containers shared if there are no others.
func removeChains(ctx context.Context, inv *plugin.Invocation, unwanted func(comment string) bool, addresses []netip.Addr) error {
	var failed error
	for _, f := range families() {
		tool, table, err := readTable(ctx, inv, f)
		if errors.Is(err, iptables.ErrMissing) {
			continue // no rules without it
		} else if err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		lines := removals(table, f, inv.Network, unwanted, addresses)
		failed = errors.Join(failed, tool.Apply(ctx, filterTable, lines))
	}
	return failed
}

func removals(t *iptables.Table, f nft.Family, name string, unwanted func(comment string) bool, addresses []netip.Addr) []string {
	gone := func(rule []string) bool {
		r := told(rule, f)
		return unwanted(r.Comment) || isReferences(r, addresses)
	}
	lines := deletions(t, gone, privateChain)
	left := func(rule []string) bool {
		comment := told(rule, f).Comment
		return nft.OwnsIn(name, comment) && !unwanted(comment)
	}
	if slices.ContainsFunc(t.Chains[privateChain], left) {
		return lines
	}
	shared := func(rule []string) bool { return told(rule, f).Comment == network(name).comment() }
	return append(lines, deletions(t, shared, stage1, stage2)...)
}
