package firewall

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strconv"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/host/iptables"
	"github.com/libcni/libcni/core/internal/host/nft"
	"github.com/libcni/libcni/core/internal/kit"
	"github.com/libcni/libcni/core/internal/kit/drift"
	"github.com/libcni/libcni/core/internal/kit/filter"
	"github.com/libcni/libcni/core/internal/kit/ipam"
	"github.com/libcni/libcni/core/plugin"
)

// The reference plugin's other chains, and the comments of the rules that all containers share.
const (
	stage1          = "CNI-ISOLATION-STAGE-1"
	stage2          = "CNI-ISOLATION-STAGE-2"
	forwardComment  = "CNI firewall plugin rules"
	adminComment    = "CNI firewall plugin admin overrides"
	isolatedComment = "CNI firewall plugin rules (ingressPolicy: same-bridge|isolated)"
)

// iptablesChains is the backend that makes the reference plugin's chains with the iptables
// executables. Unlike the reference plugin it also accepts connections to published ports, and its
// rules name their owner.
type iptablesChains struct{ inv *plugin.Invocation }

func (b iptablesChains) status(ctx context.Context) error {
	for _, f := range families() {
		if _, err := b.find(f); err != nil {
			return err
		}
	}
	return filter.IgnoreUnsupported(nftables{inv: b.inv}.status(ctx))
}

func (b iptablesChains) add(ctx context.Context, a *attachment) error {
	err := b.each(ctx, a, func(t hostTable, want []chainRule) error {
		chains := []string{referenceChain, a.AdminChain}
		if a.IngressPolicy != policyOpen {
			chains = append(chains, stage1, stage2)
		}
		return t.tool.Apply(ctx, filterTable, t.additions(want, chains))
	})
	if err != nil || a.IngressPolicy != policyIsolated {
		return err
	}
	return b.separate(ctx, a)
}

func (b iptablesChains) repair(ctx context.Context, a *attachment) error { return b.add(ctx, a) }

func (b iptablesChains) check(ctx context.Context, a *attachment, list *drift.List) error {
	err := b.each(ctx, a, func(t hostTable, want []chainRule) error {
		for _, r := range t.missing(want) {
			list.Missing(describeLine(programName(t.family), r.chain, r.words))
		}
		return nil
	})
	if err != nil || a.IngressPolicy != policyIsolated {
		return err
	}
	return b.checkSeparation(ctx, a, list)
}

// remove removes the target's rules, those of the reference plugin for its addresses, and the
// shared rules of the network if no container is left.
func (b iptablesChains) remove(ctx context.Context, t target) (removal, error) {
	var failed error
	for _, f := range families() {
		table, err := b.read(ctx, f)
		switch {
		case errors.Is(err, iptables.ErrMissing):
			continue // without iptables there are no rules
		case errors.Is(err, iptables.ErrIncompatible) && t.attachment != nil:
			err = nft.Update(ctx, b.inv.StateDir, t.attachment.queueConvertedRemoval(f))
		case err == nil:
			err = table.tool.Apply(ctx, filterTable, t.chainDeletions(table.content))
		}
		failed = errors.Join(failed, err)
	}
	_, err := nftables{inv: b.inv}.remove(ctx, t) // separate
	return removal{}, errors.Join(failed, err)
}

// chainDeletions returns the lines that remove the target.
func (t target) chainDeletions(content *iptables.Table) []string {
	var addresses []netip.Addr
	if t.attachment != nil {
		for _, p := range t.attachment.addresses {
			addresses = append(addresses, p.Addr())
		}
	}
	gone := func(r nft.IptablesRule) bool {
		return t.selects(r.Comment) || isReferenceRule(r, addresses)
	}
	lines := deletions(content, gone, referenceChain)
	left := func(words []string) bool {
		comment := parseRule(words).Comment
		return nft.OwnsIn(string(t.network), comment) && !t.selects(comment)
	}
	if slices.ContainsFunc(content.Chains[referenceChain], left) {
		return lines
	}
	shared := func(r nft.IptablesRule) bool { return r.Comment == t.network.comment() }
	return append(lines, deletions(content, shared, stage1, stage2)...)
}

// hostTable is the table "filter" of one family, with the executable that changes it.
type hostTable struct {
	tool    *iptables.Tool
	content *iptables.Table
	family  nft.Family
}

// each calls fn with the table and the wanted rules of each family of the attachment.
func (b iptablesChains) each(ctx context.Context, a *attachment,
	fn func(hostTable, []chainRule) error) error {
	for _, f := range a.families() {
		t, err := b.read(ctx, f)
		if err != nil {
			return err
		}
		if err := fn(t, a.chainRules(f)); err != nil {
			return err
		}
	}
	return nil
}

func (b iptablesChains) find(f nft.Family) (*iptables.Tool, error) {
	tool, err := iptables.Find(kit.Starter(b.inv), filter.Programs(f))
	if err != nil {
		return nil, fault.New(fault.KindUnsupported, err,
			"backend iptables: install iptables, or use backend nftables")
	}
	return tool, nil
}

func (b iptablesChains) read(ctx context.Context, f nft.Family) (hostTable, error) {
	tool, err := b.find(f)
	if err != nil {
		return hostTable{}, err
	}
	content, err := tool.Read(ctx, filterTable)
	return hostTable{tool, content, f}, err
}

// chainRule is a wanted rule, in words as iptables lists it.
type chainRule struct {
	chain string
	words []string
	place place
}

// place is the position in its chain at which a rule is added.
type place int

const (
	last place = iota
	first
	afterIsolation // first, but after the jump to stage1
)

func commented(comment string, before []string, after ...string) []string {
	return slices.Concat(before, []string{"-m", "comment", "--comment", comment}, after)
}

// chainRules are the wanted rules of a family of the attachment.
func (a *attachment) chainRules(f nft.Family) []chainRule {
	rules := []chainRule{
		{forwardChain, commented(forwardComment, nil, "-j", referenceChain), afterIsolation},
		{referenceChain, commented(adminComment, nil, "-j", a.AdminChain), first},
	}
	rules = append(rules, a.stageRules()...)
	for _, p := range a.of(f) {
		single := ipam.Single(p.Addr())
		for _, r := range network(a.owner.Network).accepting(single) {
			r.Comment = a.owner.Comment()
			rules = append(rules, chainRule{referenceChain, formatRule(r), last})
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
		{forwardChain, commented(isolatedComment, nil, "-j", stage1), first},
		{stage1, commented(isolatedComment, nil, "-j", "RETURN"), last},
		{stage2, commented(isolatedComment, nil, "-j", "RETURN"), last},
		{stage1, commented(comment, []string{"-i", br, "!", "-o", br}, "-j", stage2), first},
		{stage2, commented(comment, []string{"-o", br}, "-j", "DROP"), first},
	}
	if a.IngressPolicy == policyIsolated {
		rules = append(
			rules,
			chainRule{
				stage1,
				commented(comment, []string{"-i", br, "-o", br}, "-j", "DROP"),
				first,
			},
		)
	}
	if a.AllowPublishedPorts { // before the rules above that would drop
		translated := []string{"-m", "conntrack", "--ctstate", "DNAT"}
		rules = append(rules,
			chainRule{stage1, slices.Concat(commented(comment, []string{"-i", br, "!", "-o", br}),
				translated, []string{"--ctdir", "REPLY", "-j", "RETURN"}), first},
			chainRule{stage2, slices.Concat(commented(comment, []string{"-o", br}), translated,
				[]string{"-j", "RETURN"}), first})
	}
	return rules
}

// missing returns the wanted rules that the table lacks.
func (t hostTable) missing(want []chainRule) []chainRule {
	return slices.DeleteFunc(want, func(r chainRule) bool {
		return slices.ContainsFunc(t.content.Chains[r.chain],
			func(w []string) bool { return slices.Equal(w, r.words) })
	})
}

// additions are the lines that make the missing rules and chains.
func (t hostTable) additions(want []chainRule, chains []string) []string {
	var lines []string
	for _, name := range chains {
		if _, exists := t.content.Chains[name]; !exists {
			lines = append(lines, iptables.NewChain(name))
		}
	}
	for _, r := range t.missing(want) {
		command := []string{"-A", r.chain}
		switch r.place {
		case first:
			command = []string{"-I", r.chain, "1"}
		case afterIsolation:
			jumps := func(w []string) bool { return len(w) > 0 && w[len(w)-1] == stage1 }
			command = []string{"-I", r.chain,
				strconv.Itoa(2 + slices.IndexFunc(t.content.Chains[r.chain], jumps))}
		}
		lines = append(lines, iptables.Line(append(command, r.words...)...))
	}
	return lines
}
