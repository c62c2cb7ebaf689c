package matrix

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A mismatch is a cell with another result than the rule's.
type mismatch struct {
	cell
	got, want string
}

// summary describes mismatches, those of one source with the same results in one line.
func summary(all []mismatch) []string {
	type group struct{ source, got, want string }
	found := map[group]map[string][]string{} // families by target
	for _, m := range all {
		g := group{m.source, m.got, m.want}
		if found[g] == nil {
			found[g] = map[string][]string{}
		}
		found[g][m.target] = append(found[g][m.target], m.family)
	}
	var lines []string
	for g, families := range found {
		var reached []string
		for _, target := range slices.Sorted(maps.Keys(families)) {
			if of := families[target]; len(of) == 1 {
				target += " (" + of[0] + ")"
			}
			reached = append(reached, target)
		}
		lines = append(lines, fmt.Sprintf("%s -> %s: %s, want %s", g.source,
			strings.Join(reached, "; "), g.got, g.want))
	}
	slices.Sort(lines)
	return lines
}
