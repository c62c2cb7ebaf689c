package firewall

import (
	"context"
	"errors"
	"slices"
	"strconv"

	"github.com/libcni/libcni/core/internal/host/iptables"
	"github.com/libcni/libcni/core/internal/host/nft"
	"github.com/libcni/libcni/core/internal/kit"
	"github.com/libcni/libcni/core/internal/kit/drift"
	"github.com/libcni/libcni/core/internal/kit/filter"
	"github.com/libcni/libcni/core/plugin"
)

// legacyTables adds to a backend the accepting rules in the kernel's legacy tables (x_tables),
// which only the iptables-legacy executable can change.
type legacyTables struct {
	next     backend
	inv      *plugin.Invocation
	families []nft.Family // that have a legacy table
}

// withLegacyTable returns the families that have a legacy table "filter". It starts no process.
func withLegacyTable(of []nft.Family) []nft.Family {
	return slices.DeleteFunc(slices.Clone(of),
		func(f nft.Family) bool { return !iptables.HasLegacyTable(filter.Programs(f), filterTable) })
}

func (b legacyTables) status(ctx context.Context) error { return b.next.status(ctx) }

func (b legacyTables) add(ctx context.Context, a *attachment) error {
	if err := b.next.add(ctx, a); err != nil {
		return err
	}
	return b.addAccepts(ctx, a)
}

func (b legacyTables) repair(ctx context.Context, a *attachment) error {
	if err := b.next.repair(ctx, a); err != nil {
		return err
	}
	return b.addAccepts(ctx, a)
}

func (b legacyTables) check(ctx context.Context, a *attachment, list *drift.List) error {
	if err := b.next.check(ctx, a, list); err != nil {
		return err
	}
	return b.each(ctx, func(t *legacyTable) error {
		lacking, p, err := t.forwarding().missingAccepts(a, t.family)
		for _, rule := range lacking {
			list.Missing(describeLine(programName(t.family)+"-legacy", p.chain, formatRule(rule)))
		}
		return err
	})
}

// remove removes the network's accepting rules with its last attachment, and what the reference
// plugin made.
func (b legacyTables) remove(ctx context.Context, t target) (removal, error) {
	gone, err := b.next.remove(ctx, t)
	addresses := gone.byReference()
	if !gone.emptied && len(addresses) == 0 {
		return gone, err
	}
	return gone, errors.Join(err, b.each(ctx, func(l *legacyTable) error {
		var lines []string
		if gone.emptied {
			comment := t.network.acceptComment()
			ofNetwork := func(r nft.IptablesRule) bool { return r.Comment == comment }
			lines = deletions(l.content, ofNetwork, forwardChain, dockerChain)
		}
		ofReference := func(r nft.IptablesRule) bool { return isReferenceRule(r, addresses) }
		lines = append(lines, deletions(l.content, ofReference, referenceChain)...)
		return l.tool.Apply(ctx, filterTable, lines)
	}))
}

func (b legacyTables) addAccepts(ctx context.Context, a *attachment) error {
	return b.each(ctx, func(t *legacyTable) error {
		lacking, p, err := t.forwarding().missingAccepts(a, t.family)
		if err != nil {
			return err
		}
		a.notes = nil
		a.note(programName(t.family)+"-legacy", p.notes)
		a.warn(b.inv)
		var lines []string
		for i, rule := range lacking {
			lines = append(
				lines,
				iptables.Line(
					append(
						[]string{"-I", p.chain, strconv.Itoa(p.at + 1 + i)},
						formatRule(rule)...)...),
			)
		}
		return t.tool.Apply(ctx, filterTable, lines)
	})
}

// legacyTable is the legacy table "filter" of one family.
type legacyTable struct {
	tool    *iptables.Tool
	content *iptables.Table
	family  nft.Family
}

// each calls fn for every legacy table, and joins the errors. Without an executable it warns
// instead.
func (b legacyTables) each(ctx context.Context, fn func(*legacyTable) error) error {
	var failed error
	for _, f := range b.families {
		tool, err := iptables.FindLegacy(ctx, kit.Starter(b.inv), filter.Programs(f))
		if errors.Is(err, iptables.ErrMissing) {
			b.inv.Warn("the kernel has a legacy table %s that may drop the containers' packets: %v",
				filterTable, err)
			continue
		}
		if err == nil {
			var content *iptables.Table
			if content, err = tool.Read(ctx, filterTable); err == nil {
				err = fn(&legacyTable{tool, content, f})
			}
		}
		failed = errors.Join(failed, err)
	}
	return failed
}

func (t *legacyTable) forwarding() forwarding {
	return forwarding{
		drops: t.content.Policies[forwardChain] == "DROP",
		rules: func(chain string) ([]nft.IptablesRule, error) {
			var rules []nft.IptablesRule
			for _, words := range t.content.Chains[chain] {
				rules = append(rules, parseRule(words))
			}
			return rules, nil
		},
	}
}
