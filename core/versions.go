package core

import (
	"slices"

	"github.com/libcni/libcni/core/plugin"
)

// atLeast compares two versions of the specification. A version that is not known is older than any.
func atLeast(version, minimum string) bool {
	known := plugin.Versions()
	return slices.Index(known, version) >= slices.Index(known, minimum)
}

// highest returns the newest of some versions, or "" if there are none.
func highest(versions []string) (best string) {
	for _, v := range versions {
		if atLeast(v, best) {
			best = v
		}
	}
	return best
}

// passesResult reports whether CHECK and DEL requests of this version carry the result of ADD (specification 0.4.0).
func passesResult(version string) bool { return atLeast(version, "0.4.0") }
