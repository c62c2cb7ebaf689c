package strictjson

import (
	"slices"
	"strings"

	"github.com/libcni/libcni/core/internal/jsonobject"
	"github.com/libcni/libcni/core/internal/similar"
)

// nearest returns the path of the known key that is most similar, or "" if no key is similar. It
// prefers keys of the same object, but also finds those of others: a common mistake is "netns" in
// options, or "confDir" outside.
func nearest(root jsonobject.Fields, path, name string) string {
	if len(name) > similar.MaxLength {
		return ""
	}
	beside := strings.TrimSuffix(path, name)
	best, bestCost := "", 2*(2+len(name)/4) // exclusive
	for _, candidate := range paths(root, "", true) {
		key := candidate[strings.LastIndexByte(candidate, '.')+1:]
		cost := 2 * similar.Distance(strings.ToLower(name), strings.ToLower(key))
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
