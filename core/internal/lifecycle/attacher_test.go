package lifecycle

import (
	"testing"

	"github.com/libcni/libcni/core/internal/attachments"
)

// The record of a plugin is found by its place among those of its type, also after the list
// changed.
func TestRecordedImplementation(t *testing.T) {
	recorded := []attachments.Ran{{Type: "a", Path: "/first"}, {Type: "b", Builtin: true},
		{Type: "a", Path: "/second"}}
	for _, test := range []struct {
		name  string
		types []string
		want  []string // path, "builtin", or "" for none
	}{
		{"the same list", []string{"a", "b", "a"}, []string{"/first", "builtin", "/second"}},
		{"moved", []string{"b", "a", "a"}, []string{"builtin", "/first", "/second"}},
		{"one more", []string{"c", "a", "b"}, []string{"", "/first", "builtin"}},
		{"one more of its type", []string{"a", "a", "a"}, []string{"/first", "/second", ""}},
	} {
		c := &chain{list: network(t, test.types...),
			entry: &attachments.Entry{Plugins: recorded}}
		for i, want := range test.want {
			target, ran := c.recorded(i)
			got := target.Path
			if target.Builtin {
				got = "builtin"
			}
			if got != want || ran != (want != "") {
				t.Errorf("%s: plugin %d: %q, %v; want %q", test.name, i, got, ran, want)
			}
			if byExecutable := c.mayBeByExecutable(i); byExecutable != (ran && !target.Builtin) {
				t.Errorf("%s: plugin %d: by an executable: %v", test.name, i, byExecutable)
			}
		}
	}
}
