package masquerade

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/host/iptables"
	"github.com/libcni/libcni/core/internal/host/lockfile"
	"github.com/libcni/libcni/core/internal/host/nft"
	"github.com/libcni/libcni/core/internal/host/spawn"
	"github.com/libcni/libcni/core/internal/kit/filter"
	"github.com/libcni/libcni/core/internal/kit/reference"
	"github.com/libcni/libcni/core/plugin"
)

// Programs is the backend iptables: its executables make and remove the rules.
type Programs struct {
	Start    spawn.Starter
	StateDir string
}

// reading is iptables' table nat of a family.
type reading struct {
	version nft.Family
	table   *iptables.Table
}

// locked runs fn under the lock of all changes of iptables' tables.
func (p Programs) locked(ctx context.Context, fn func() error) error {
	lock, err := lockfile.Flock(ctx, filepath.Join(p.StateDir, "locks", "iptables"), 0o600,
		lockfile.Exclusive)
	if err != nil {
		return fmt.Errorf("iptables: %w", err)
	}
	return errors.Join(fn(), lock.Unlock())
}

// each reads the table of both families and applies the lines that change returns. A family whose
// executables are missing is skipped, unless it is needed.
func (p Programs) each(ctx context.Context, needed func(nft.Family) bool,
	change func(reading) []string) error {
	return p.locked(ctx, func() error {
		err := p.change(ctx, nft.IPv4, needed, change)
		if err != nil {
			return err
		}
		return p.change(ctx, nft.IPv6, needed, change)
	})
}

func (p Programs) change(ctx context.Context, version nft.Family,
	needed func(nft.Family) bool, change func(reading) []string) error {
	tool, err := iptables.Find(p.Start, filter.Programs(version))
	if errors.Is(err, iptables.ErrMissing) && !needed(version) {
		return nil
	}
	if err != nil {
		return err
	}
	table, err := tool.Read(ctx, natTable)
	if err != nil {
		return err
	}
	return tool.Apply(ctx, natTable, change(reading{version, table}))
}

func never(nft.Family) bool { return false }

// needs reports whether the attachment has addresses of a family.
func (a Attachment) needs(version nft.Family) bool {
	return len(newFamily(a.Owner.Network, version).of(a.Addresses)) > 0
}

// placedRule is a rule with its chain, in the words that iptables prints.
type placedRule struct {
	chain string
	words []string
}

func (a Attachment) programRules(version nft.Family) []placedRule {
	name, note := chainName(a.Owner), []string{"-m", "comment", "--comment", chainComment(a.Owner)}
	rule := func(chain string, match []string, target string) placedRule {
		return placedRule{chain, slices.Concat(match, note, []string{"-j", target})}
	}
	var accept, jumps []placedRule
	for _, address := range newFamily(a.Owner.Network, version).of(a.Addresses) {
		accept = append(accept, rule(name, []string{"-d", address.Masked().String()}, "ACCEPT"))
		source := netip.PrefixFrom(address.Addr(), address.Addr().BitLen())
		jumps = append(jumps, rule(postrouting, []string{"-s", source.String()}, name))
	}
	if accept == nil {
		return nil
	}
	return slices.Concat(accept,
		[]placedRule{rule(name, []string{"!", "-d", multicast(version).String()}, "MASQUERADE")}, jumps)
}

func (r reading) has(rule placedRule) bool {
	return slices.ContainsFunc(r.table.Chains[rule.chain],
		func(words []string) bool { return slices.Equal(words, rule.words) })
}

// missing returns the lines that make the missing rules. Rules that accept come first in the chain,
// because the network of a second interface must precede the rule that masquerades the rest.
func (r reading) missing(a Attachment) []string {
	var lines []string
	name := chainName(a.Owner)
	if _, found := r.table.Chains[name]; !found && a.needs(r.version) {
		lines = append(lines, iptables.NewChain(name))
	}
	for _, rule := range a.programRules(r.version) {
		if r.has(rule) {
			continue
		}
		command := []string{"-A", rule.chain}
		if rule.chain == name && rule.words[len(rule.words)-1] == "ACCEPT" {
			command = []string{"-I", rule.chain, "1"}
		}
		lines = append(lines, iptables.Line(append(command, rule.words...)...))
	}
	return lines
}

// Add makes the rules that masquerade the attachment's addresses, as far as they are missing.
func (p Programs) Add(ctx context.Context, a Attachment) error {
	err := p.each(ctx, a.needs, func(r reading) []string { return r.missing(a) })
	if errors.Is(err, iptables.ErrMissing) {
		return fault.New(fault.KindUnsupported, err, `ipMasqBackend: install iptables, or use "nftables"`)
	}
	return err
}

// Remove removes the attachment's rules, also those that iptables cannot read.
func (p Programs) Remove(ctx context.Context, a Attachment) error {
	err := p.remove(ctx, a)
	if errors.Is(err, iptables.ErrIncompatible) {
		return nft.Update(ctx, p.StateDir, a.RemoveReference)
	}
	return err
}

func (p Programs) remove(ctx context.Context, a Attachment) error {
	return p.each(ctx, never, func(r reading) []string {
		lines := r.removal(a.chains())
		name := chainName(a.Owner)
		if _, found := r.table.Chains[name]; found && !a.Others.Recorded &&
			!slices.ContainsFunc(r.jumps(), func(j jump) bool { return j.chain == name }) {
			lines = append(lines, "-F "+name, "-X "+name) // left behind, with no jump to it
		}
		return lines
	})
}

// GC removes the rules for containers of the network without a valid attachment.
func (p Programs) GC(ctx context.Context, network string, valid []plugin.AttachmentID) error {
	return p.each(ctx, never,
		func(r reading) []string { return r.removal(invalidChains(network, valid)) })
}

// RemoveLegacy removes what the reference executables made for the attachment in the legacy tables
// of iptables. If there are no such tables it starts no process.
func (p Programs) RemoveLegacy(ctx context.Context, a Attachment) error {
	return p.legacy(ctx, a.chains())
}

// GCLegacy is GC for the legacy tables.
func (p Programs) GCLegacy(ctx context.Context, network string, valid []plugin.AttachmentID) error {
	return p.legacy(ctx, invalidChains(network, valid))
}

func (p Programs) legacy(ctx context.Context, selected selection) error {
	if !reference.InLegacyTables(natTable) {
		return nil
	}
	return p.locked(ctx, func() error {
		return reference.ChangeLegacy(ctx, p.Start, natTable, func(table *iptables.Table) []string {
			return reading{table: table}.removal(selected)
		})
	})
}

// Check returns what is missing.
func (p Programs) Check(ctx context.Context, a Attachment) ([]fault.Drift, error) {
	var found []fault.Drift
	err := p.each(ctx, a.needs, func(r reading) []string {
		for _, rule := range a.programRules(r.version) {
			if !r.has(rule) {
				object := fmt.Sprintf("iptables rule %s",
					iptables.Line(append([]string{"-t", natTable, "-A", rule.chain}, rule.words...)...))
				found = append(found, fault.Drift{Object: object, Expected: present, Actual: missing})
			}
		}
		return nil
	})
	return found, err
}

// jumps are the rules that lead to chains of the layout.
func (r reading) jumps() []jump {
	var jumps []jump
	for _, words := range r.table.Chains[postrouting] {
		if j, ok := parseJump(words); ok {
			jumps = append(jumps, j)
		}
	}
	return jumps
}

func (r reading) removal(selected selection) []string {
	var lines []string
	for _, words := range r.table.Chains[postrouting] {
		if j, ok := parseJump(words); ok && selected(j) {
			lines = append(lines, iptables.Line(append([]string{"-D", postrouting}, words...)...))
		}
	}
	for _, name := range unused(r.jumps(), selected) {
		lines = append(lines, "-F "+name, "-X "+name)
	}
	return lines
}

func parseJump(words []string) (j jump, ok bool) {
	for i := 0; i+1 < len(words); i++ {
		switch words[i] {
		case "-s":
			if source, err := netip.ParsePrefix(words[i+1]); err == nil {
				j.source = source.Addr()
			}
		case "--comment":
			j.comment = words[i+1]
		case "-j":
			j.chain = words[i+1]
		default:
			continue
		}
		i++
	}
	return j, isChainName(j.chain)
}
