package hostlocal

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"sort"
	"strings"
)

// sorted are the ranges of some sets in the order of their addresses. There may be tens of
// thousands of ranges and addresses, so that they are not compared each with each.
type sorted []placed

// placed is a range with its place in the configuration.
type placed struct {
	addressRange
	set, place int
}

func (p placed) compare(other placed) int {
	return cmp.Or(cmp.Compare(p.set, other.set), cmp.Compare(p.place, other.place))
}

func sortedRanges(sets ...rangeSet) sorted {
	count := 0
	for _, set := range sets {
		count += len(set)
	}
	all := make(sorted, 0, count)
	for i, set := range sets {
		for j, r := range set {
			all = append(all, placed{r, i, j})
		}
	}
	slices.SortStableFunc(all, func(a, b placed) int { return a.start.Compare(b.start) })
	return all
}

// overlap returns two ranges that overlap, in the order of the configuration.
func overlap(sets []rangeSet) (a, b placed, found bool) {
	if len(sets) == 1 && len(sets[0]) == 1 {
		return placed{}, placed{}, false // the usual case
	}
	all := sortedRanges(sets...)
	for i := 1; i < len(all); i++ { // those before do not overlap, so that the last ends last
		a, b = all[i-1], all[i]
		if !a.contains(b.start) {
			continue
		}
		if b.compare(a) < 0 {
			a, b = b, a
		}
		return a, b, true
	}
	return placed{}, placed{}, false
}

// find returns the range with an address. The ranges do not overlap.
func (all sorted) find(addr netip.Addr) (placed, bool) {
	after := sort.Search(len(all), func(i int) bool { return all[i].start.Compare(addr) > 0 })
	if after == 0 || !all[after-1].contains(addr) {
		return placed{}, false
	}
	return all[after-1], true
}

func (all sorted) contains(addr netip.Addr) bool {
	_, found := all.find(addr)
	return found
}

// joined lists items for a message: the first few of many.
func joined[T fmt.Stringer](items []T, separator string) string {
	const most = 10
	var texts []string
	for _, item := range items[:min(len(items), most)] {
		texts = append(texts, item.String())
	}
	if more := len(items) - most; more > 0 {
		texts = append(texts, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(texts, separator)
}
