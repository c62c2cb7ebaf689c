package strictjson

import (
	"slices"
	"strings"

	"github.com/libcni/libcni/core/internal/jsonobject"
)

// nearest returns the path of the known key that is most similar, or "" if no key is similar. It
// prefers keys of the same object, but also finds those of others: a common mistake is "netns" in
// options, or "confDir" outside.
func nearest(root jsonobject.Fields, path, name string) string {
	beside := strings.TrimSuffix(path, name)
	best, bestCost := "", 2*(2+len(name)/4) // exclusive
	for _, candidate := range paths(root, "", true) {
		key := candidate[strings.LastIndexByte(candidate, '.')+1:]
		cost := 2 * distance(strings.ToLower(name), strings.ToLower(key))
		if candidate[:len(candidate)-len(key)] != beside {
			cost++
		}
		if cost < bestCost {
			best, bestCost = candidate, cost
		}
	}
	return best
}

// paths lists the keys of an object and of its direct nested objects, sorted.
func paths(fields jsonobject.Fields, prefix string, deeper bool) []string {
	var all []string
	for _, field := range fields {
		key := field[0].(string)
		all = append(all, prefix+key)
		if within, isObject := field[1].(jsonobject.Fields); deeper && isObject {
			all = append(all, paths(within, prefix+key+".", false)...)
		}
	}
	slices.Sort(all)
	return all
}

// distance is the optimal string alignment distance: the number of bytes to insert, delete, replace
// or swap with their neighbour to turn a into b.
func distance(a, b string) int {
	before, last := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row := make([]int, len(b)+1)
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(row[j]+1, last[j+1]+1, last[j]+cost)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
