package firewall

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/libcni/libcni/core/internal/host/iptables"
	"github.com/libcni/libcni/core/internal/host/nft"
	"github.com/libcni/libcni/core/internal/kit"
	"github.com/libcni/libcni/core/plugin"
)

const filterTable = "filter"

func iptablesFamily(f nft.Family) iptables.Family {
	if f == nft.IPv6 {
		return iptables.IPv6
	}
	return iptables.IPv4
}

// legacy is the table "filter" of the kernel's older tables, which have no interface but the iptables executable.
type legacy struct {
	tool   *iptables.Tool
	table  *iptables.Table
	family nft.Family
}

// withLegacy returns the families with a table "filter" of the older kind. It starts no process.
func withLegacy(of []nft.Family) []nft.Family {
	return slices.DeleteFunc(slices.Clone(of), func(f nft.Family) bool { return !iptables.HasLegacyTable(iptablesFamily(f), filterTable) })
}

// readLegacy returns nil if there is no such table, or nothing to read it with, of which a warning tells.
func readLegacy(ctx context.Context, inv *plugin.Invocation, f nft.Family) (*legacy, error) {
	if !iptables.HasLegacyTable(iptablesFamily(f), filterTable) {
		return nil, nil
	}
	tool, err := iptables.FindLegacy(ctx, kit.Starter(inv), iptablesFamily(f))
	if errors.Is(err, iptables.ErrMissing) {
		inv.Warn("the kernel has a legacy table %s that may drop the containers' packets: %v", filterTable, err)
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	table, err := tool.Read(ctx, filterTable)
	if err != nil {
		return nil, err
	}
	return &legacy{tool, table, f}, nil
}

func (l *legacy) filter() filter {
	return filter{drops: l.table.Policies[forwardHook] == "DROP", rules: func(chain string) ([]nft.IptablesRule, error) {
		var rules []nft.IptablesRule
		for _, words := range l.table.Chains[chain] {
			rules = append(rules, told(words, l.family))
		}
		return rules, nil
	}}
}

// told understands a rule as iptables lists it.
func told(words []string, f nft.Family) nft.IptablesRule {
	var r nft.IptablesRule
	for i := 0; i < len(words); i++ {
		argument := ""
		if i+1 < len(words) {
			argument = words[i+1]
		}
		switch words[i] {
		case "-s":
			r.Src, r.Other = prefix(argument, r.Other)
		case "-d":
			r.Dst, r.Other = prefix(argument, r.Other)
		case "-m":
			r.Other = r.Other || argument != "comment" && argument != "conntrack"
		case "--comment":
			r.Comment = argument
		case "--ctstate":
			r.States, r.Other = states(argument, r.Other)
		case "-j", "-g":
			r.Verdict, r.Rejects = verdict(words[i], argument)
		case "--reject-with":
		default: // a word that is not known, or "!"
			r.Other = true
			continue
		}
		i++
	}
	return r
}

func prefix(text string, other bool) (netip.Prefix, bool) {
	p, err := netip.ParsePrefix(text)
	return p, other || err != nil
}

// stateName is a state as iptables has it.
type stateName struct {
	name string
	bit  nft.IptablesStates
}

// stateNames are in the order in which iptables prints them.
func stateNames() []stateName {
	return []stateName{{"RELATED", nft.StateRelated}, {"ESTABLISHED", nft.StateEstablished}, {"DNAT", nft.StateTranslated}}
}

func states(text string, other bool) (found nft.IptablesStates, unknown bool) {
	unknown = other
	for name := range strings.SplitSeq(text, ",") {
		i := slices.IndexFunc(stateNames(), func(s stateName) bool { return s.name == name })
		if i < 0 {
			unknown = true
			continue
		}
		found |= stateNames()[i].bit
	}
	return found, unknown
}

func verdict(option, target string) (v nft.VerdictOf, rejects bool) {
	switch target {
	case "ACCEPT":
		v.Code = nft.AcceptVerdict
	case "DROP":
		v.Code = nft.DropVerdict
	case "RETURN":
		v.Code = nft.ReturnVerdict
	case "REJECT":
		return v, true
	case "LOG", "NFLOG":
	default:
		if v = (nft.VerdictOf{Code: nft.JumpVerdict, Chain: target}); option == "-g" {
			v.Code = nft.GotoVerdict
		}
	}
	return v, false
}

// words is the opposite of told.
func words(r nft.IptablesRule) []string {
	var w []string
	if r.Src.IsValid() {
		w = append(w, "-s", r.Src.String())
	}
	if r.Dst.IsValid() {
		w = append(w, "-d", r.Dst.String())
	}
	if r.Comment != "" {
		w = append(w, "-m", "comment", "--comment", r.Comment)
	}
	if r.States != 0 {
		var names []string
		for _, s := range stateNames() {
			if r.States&s.bit != 0 {
				names = append(names, s.name)
			}
		}
		w = append(w, "-m", "conntrack", "--ctstate", strings.Join(names, ","))
	}
	return append(w, "-j", "ACCEPT")
}

// legacyLack returns what is missing before the older table's drop.
func (a *attachment) legacyLack(l *legacy) ([]nft.IptablesRule, opening, error) {
	place, err := l.filter().opening()
	if err != nil || !place.needed {
		return nil, opening{}, err
	}
	return place.lacks(a.pairs(l.family)), place, nil
}

// openLegacy does what openForeign does, on hosts with the older tables.
func (a *attachment) openLegacy(ctx context.Context, inv *plugin.Invocation) error {
	for _, f := range a.older {
		l, err := readLegacy(ctx, inv, f)
		if err != nil {
			return err
		}
		if l == nil {
			continue
		}
		lacking, place, err := a.legacyLack(l)
		if err != nil {
			return err
		}
		var lines []string
		for i, rule := range lacking {
			lines = append(lines, iptables.Line(append([]string{"-I", place.chain, strconv.Itoa(place.at + 1 + i)}, words(rule)...)...))
		}
		if err := l.tool.Apply(ctx, filterTable, lines); err != nil {
			return err
		}
	}
	return nil
}

// closeLegacy removes the network's rules from the older tables.
func (n network) closeLegacy(ctx context.Context, inv *plugin.Invocation) error {
	var failed error
	for _, f := range families() {
		l, err := readLegacy(ctx, inv, f)
		if err != nil || l == nil {
			failed = errors.Join(failed, err)
			continue
		}
		ours := func(w []string) bool { return told(w, f).Comment == n.foreignComment() }
		failed = errors.Join(failed, l.tool.Apply(ctx, filterTable, deletions(l.table, ours, forwardHook, dockersChain)))
	}
	return failed
}

// deletions are the lines that remove the unwanted rules of some chains.
func deletions(t *iptables.Table, unwanted func(rule []string) bool, chains ...string) []string {
	var lines []string
	for _, c := range chains {
		for _, rule := range t.Chains[c] {
			if unwanted(rule) {
				lines = append(lines, iptables.Line(append([]string{"-D", c}, rule...)...))
			}
		}
	}
	return lines
}
