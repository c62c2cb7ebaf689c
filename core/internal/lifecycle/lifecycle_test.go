package lifecycle

import (
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/libcni/libcni/core/internal/attachments"
)

// One entry with text that cannot be part of an answer does not keep the others from being listed.
func TestDescribeLeavesOutInvalidJSON(t *testing.T) {
	for _, invalid := range []string{`{"a":1,"a":2}`, "{\"x\":\"\xff\"}", `{"x":"\ud800"}`, `{`} {
		described := Describe(&attachments.Entry{
			Result: jsontext.Value(invalid), Config: jsontext.Value(`{}`),
			CapabilityArgs: map[string]jsontext.Value{
				"bad": jsontext.Value(invalid), "good": jsontext.Value(`1`),
			},
		})
		if described.Result != nil || string(described.Config) != `{}` {
			t.Errorf("result %s, config %s", described.Result, described.Config)
		}
		want := map[string]jsontext.Value{"good": jsontext.Value(`1`)}
		if diff := cmp.Diff(want, described.CapabilityArgs); diff != "" {
			t.Errorf("capabilityArgs (-want +got):\n%s", diff)
		}
	}
}
