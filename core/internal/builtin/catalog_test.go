package builtin

import (
	"slices"
	"testing"
)

func TestEveryTypeIsFoundAndNoOther(t *testing.T) {
	types := Types()
	if !slices.IsSorted(types) || len(slices.Compact(slices.Clone(types))) != len(types) {
		t.Errorf("not in order, or twice: %v", types)
	}
	for _, name := range types {
		if Lookup(name) == nil {
			t.Errorf("%s is listed and not found", name)
		}
	}
	for _, name := range []string{"", "Bridge", "bridge ", "cnitool"} {
		if Lookup(name) != nil {
			t.Errorf("%q is found", name)
		}
	}
}
