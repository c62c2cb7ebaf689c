package firewall

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/libcni/libcni/core/internal/host/iptables"
	"github.com/libcni/libcni/core/internal/host/nft"
	"github.com/libcni/libcni/core/internal/kit/filter"
)

func programName(f nft.Family) string { return filter.Programs(f).Program() }

// parseRule parses a rule as iptables lists it.
func parseRule(words []string) nft.IptablesRule {
	var r nft.IptablesRule
	for i := 0; i < len(words); i++ {
		argument := ""
		if i+1 < len(words) {
			argument = words[i+1]
		}
		if i > 0 && words[i-1] == "!" { // r.Other is set
			i++
			continue
		}
		switch words[i] {
		case "-s":
			r.Src, r.Other = parsePrefix(argument, r.Other)
		case "-d":
			r.Dst, r.Other = parsePrefix(argument, r.Other)
		case "-i":
			r.In, r.Other = argument, true
		case "-o":
			r.Out, r.Other = argument, true
		case "-m":
			r.Other = r.Other || argument != "comment" && argument != "conntrack"
		case "--comment":
			r.Comment = argument
		case "--ctstate":
			r.States, r.Other = parseStates(argument, r.Other)
		case "-j", "-g":
			r.Verdict, r.Rejects = parseVerdict(words[i], argument)
		case "--reject-with":
		default: // an unknown word, or "!"
			r.Other = true
			continue
		}
		i++
	}
	return r
}

func parsePrefix(text string, other bool) (netip.Prefix, bool) {
	p, err := netip.ParsePrefix(text)
	return p, other || err != nil
}

// stateName is a state as iptables names it.
type stateName struct {
	name string
	bit  nft.IptablesStates
}

// stateNames are in the order in which iptables prints them.
func stateNames() []stateName {
	return []stateName{
		{"INVALID", nft.StateInvalid},
		{"RELATED", nft.StateRelated},
		{"ESTABLISHED", nft.StateEstablished},
		{"DNAT", nft.StateTranslated},
	}
}

func parseStates(text string, other bool) (found nft.IptablesStates, unknown bool) {
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

func parseVerdict(option, target string) (v nft.VerdictOf, rejects bool) {
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

// formatRule is the inverse of parseRule for an accepting rule.
func formatRule(r nft.IptablesRule) []string {
	var words []string
	if r.Src.IsValid() {
		words = append(words, "-s", r.Src.String())
	}
	if r.Dst.IsValid() {
		words = append(words, "-d", r.Dst.String())
	}
	if r.Comment != "" {
		words = append(words, "-m", "comment", "--comment", r.Comment)
	}
	if r.States != 0 {
		var names []string
		for _, s := range stateNames() {
			if r.States&s.bit != 0 {
				names = append(names, s.name)
			}
		}
		words = append(words, "-m", "conntrack", "--ctstate", strings.Join(names, ","))
	}
	return append(words, "-j", "ACCEPT")
}

// formatDrop writes a rule that drops or jumps for a message. Conditions that are not read are left
// out.
func formatDrop(r nft.IptablesRule) []string {
	accept := r
	accept.Comment = ""
	words := formatRule(accept)
	words = words[:len(words)-2] // its verdict
	for _, link := range [][2]string{{"-i", r.In}, {"-o", r.Out}} {
		if link[1] != "" {
			words = append(words, link[0], link[1])
		}
	}
	verdict := "DROP"
	switch {
	case r.Rejects:
		verdict = "REJECT"
	case r.Verdict.Chain != "":
		verdict = r.Verdict.Chain
	}
	return append(words, "-j", verdict)
}

// describeLine names a rule of iptables as the command that adds it.
func describeLine(program, chain string, words []string) string {
	return program + " rule -A " + chain + " " + iptables.Line(words...)
}

// deletions are the lines that remove the selected rules of some chains.
func deletions(t *iptables.Table, selects func(nft.IptablesRule) bool, chains ...string) []string {
	var lines []string
	for _, c := range chains {
		for _, words := range t.Chains[c] {
			if selects(parseRule(words)) {
				lines = append(lines, iptables.Line(append([]string{"-D", c}, words...)...))
			}
		}
	}
	return lines
}
