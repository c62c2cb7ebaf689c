package builtin

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/libcni/libcni/api"
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

// The capabilities in Traits are those that the description of the interface promises.
func TestCapabilitiesAreThoseOfTheDescription(t *testing.T) {
	var description struct {
		Builtins []struct {
			Type         string
			Capabilities []string
		}
	}
	if err := json.Unmarshal(api.Description(), &description); err != nil {
		t.Fatal(err)
	}
	if len(description.Builtins) == 0 {
		t.Fatal("the description lists no built-in")
	}
	for _, b := range description.Builtins {
		p := Lookup(b.Type)
		if p == nil {
			t.Errorf("%s is described and not built in", b.Type)
			continue
		}
		if got := p.Traits().Capabilities; !slices.Equal(got, b.Capabilities) {
			t.Errorf("%s: traits say %q, the description %q", b.Type, got, b.Capabilities)
		}
	}
}
