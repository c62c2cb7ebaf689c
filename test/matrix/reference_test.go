package matrix

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/libcni/libcni/test/rig"
)

// The table of differences is in the documentation, for users; its rows are read here.
const (
	document   = "docs/plugins.md"
	tableBegin = "<!-- who reaches whom: differences from the reference plugins -->"
	tableEnd   = "<!-- end -->"
)

// A difference is a row of the table: cells in which the reference plugins have another result.
type difference struct {
	row      string
	where    [][]string // of each condition, the alternatives
	from, to []string
	result   string
}

// differences reads the table.
func differences(t *testing.T) []*difference {
	t.Helper()
	text, err := os.ReadFile(rig.Root + "/" + document)
	rig.Must(t, err)
	_, table, begins := strings.Cut(string(text), tableBegin)
	table, _, ends := strings.Cut(table, tableEnd)
	if !begins || !ends {
		t.Fatalf("%s has no table between %q and %q", document, tableBegin, tableEnd)
	}
	var all []*difference
	for line := range strings.Lines(table) {
		columns := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if len(columns) != 5 {
			continue
		}
		for i := range columns {
			columns[i] = strings.ReplaceAll(strings.TrimSpace(columns[i]), "`", "")
		}
		if columns[0] == "where" || strings.HasPrefix(columns[0], "---") {
			continue
		}
		d := &difference{row: strings.TrimSpace(line), from: alternatives(columns[1]),
			to: alternatives(columns[2]), result: columns[3]}
		d.expand()
		if columns[4] == "" {
			t.Errorf("%s: the row has no reason: %s", document, d.row)
		}
		for condition := range strings.SplitSeq(columns[0], ";") {
			d.where = append(d.where, alternatives(condition))
		}
		all = append(all, d)
	}
	return all
}

// expand replaces names of several sources or targets.
func (d *difference) expand() {
	if slices.Contains(d.from, "any container") {
		d.from = append(d.from, fromSameNetwork, fromOtherNetwork, fromOtherBridge, fromItself)
	}
	if slices.Contains(d.to, "published port") {
		d.to = append(d.to, toPortOnLAN, toPortOnBridge, toPortOnOther)
	}
}

func alternatives(text string) []string {
	parts := strings.Split(text, " or ")
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	return parts
}

// covers reports whether a cell of a setting is one of the difference's.
func (d *difference) covers(s setting, c cell) bool {
	facts := append(s.factors(), s.foreignFirewall().class, c.family, "always")
	if s.policy != noFirewall {
		facts = append(facts, "with firewall")
	}
	for _, condition := range d.where {
		if !slices.ContainsFunc(condition, func(a string) bool { return slices.Contains(facts, a) }) {
			return false
		}
	}
	return slices.Contains(d.from, c.source) && slices.Contains(d.to, c.target)
}

// listedResult returns the result of a cell by the first row of the table that covers it, or
// otherwise by the rule.
func listedResult(listed []*difference, s setting, c cell) (string, *difference) {
	for _, d := range listed {
		if d.covers(s, c) {
			return d.resultOf(listed, s, c), d
		}
	}
	return s.expected(c), nil
}

// resultOf returns what the table's words for a result mean.
func (d *difference) resultOf(listed []*difference, s setting, c cell) (result string) {
	switch d.result {
	case blocked:
		return blocked
	case "passes":
		return passes(c)
	case "as by another address of the host":
		c.target = toPortOnLAN
	case "dropped if the rule matches":
		s.acceptsNothing = true
		return s.expected(c)
	case "dropped if the rule matches new connections":
		s.acceptsNoPorts = true
		return s.expected(c)
	default:
		panic(d.result + " has no meaning: " + d.row)
	}
	result, _ = listedResult(listed, s, c)
	return result
}

// referenceSettings are those that the reference plugins have: firewall has no backend nftables,
// and no allowPublishedPorts.
func referenceSettings() []setting {
	return slices.DeleteFunc(settings(),
		func(s setting) bool { return s.backend == nftables || s.ports == portsPass })
}

// shown returns the rows that a setting shows to be differences.
func shown(listed []*difference, s setting) map[*difference]bool {
	rows := map[*difference]bool{}
	for _, c := range cells() {
		if result, d := listedResult(listed, s, c); d != nil && result != s.expected(c) {
			rows[d] = true
		}
	}
	return rows
}

// sample selects settings that show every row of the table. It fails for a row that no setting
// shows.
func sample(t *testing.T, listed []*difference) []setting {
	t.Helper()
	missing := map[*difference]bool{}
	for _, d := range listed {
		missing[d] = true
	}
	all := referenceSettings()
	shows := map[setting]map[*difference]bool{}
	for _, s := range all {
		shows[s] = shown(listed, s)
	}
	var chosen []setting
	for len(missing) > 0 {
		var best setting
		gain := 0
		for _, s := range all {
			n := 0
			for d := range shows[s] {
				if missing[d] {
					n++
				}
			}
			if n > gain {
				best, gain = s, n
			}
		}
		if gain == 0 {
			for d := range missing {
				t.Errorf("%s: the row has no cell that differs from the rule: %s", document, d.row)
			}
			break
		}
		for d := range shows[best] {
			delete(missing, d)
		}
		chosen = append(chosen, best)
	}
	return chosen
}

// TestTheReferenceDiffersAsDocumented: in each setting the reference plugins have the results of
// the rule, but for the differences of the table, each of which is real.
func TestTheReferenceDiffersAsDocumented(t *testing.T) {
	listed := differences(t)
	run := sample(t, listed)
	switch words := os.Getenv("CNI_MATRIX"); words {
	case "":
	case "all":
		run = referenceSettings()
	default:
		run = matching(referenceSettings(), words)
	}
	for _, s := range run {
		t.Run(s.String(), func(t *testing.T) {
			t.Parallel()
			var wrong []mismatch
			for c, got := range newWorld(t, s, true).results(everyCell) {
				if want, _ := listedResult(listed, s, c); got != want {
					wrong = append(wrong, mismatch{c, got, want})
				}
			}
			for _, line := range summary(wrong) {
				t.Error(line)
			}
		})
	}
}
