package conf

import (
	"errors"
	"strings"
	"testing"

	"github.com/libcni/libcni/core/internal/fault"
)

func TestValidateIDs(t *testing.T) {
	id64, name := strings.Repeat("a", 64), strings.Repeat("n", 159)
	tests := []struct {
		name, network, containerID, ifName string
		wantKey                            string // "" if they are good
		want                               string
	}{
		{"plain", "web", "c1", "eth0", "", ""},
		{"all that is allowed", "0Az_.-9", "0Az_.-9", "a.b-c_d@e", "", ""},
		{"names that are not ASCII", "web", "c1", "ünü", "", ""},
		{"the longest together", name, id64, "eth012345678901", "", ""},
		{"one byte more", name + "n", id64, "eth012345678901", "containerId",
			"has 241 bytes; at most 240 are allowed"},

		{"no network", "", "c1", "eth0", "name", "missing"},
		{"network with a slash", "a/b", "c1", "eth0", "name",
			`"a/b" is not allowed: it must consist of letters, digits, _ . and -, and begin with a letter or digit`},
		{"network that leads up", "..", "c1", "eth0", "name", "not allowed"},
		{"network with a newline at its end", "web\n", "c1", "eth0", "name", "not allowed"},
		{"network with NUL", "a\x00", "c1", "eth0", "name", "not allowed"},
		{"network with a quote", `a"`, "c1", "eth0", "name", "not allowed"},

		{"no container", "web", "", "eth0", "containerId", "is required"},
		{"container with a slash", "web", "a/b", "eth0", "containerId",
			`"a/b" is not allowed: it must consist of letters`},
		{"container that leads up", "web", "../c", "eth0", "containerId", "not allowed"},
		{"container with a space", "web", "a b", "eth0", "containerId", "not allowed"},
		{"container with a dash in front", "web", "-c", "eth0", "containerId", "not allowed"},
		{"container with a semicolon", "web", "c;d", "eth0", "containerId", "not allowed"},
		{"container that is not ASCII", "web", "ü", "eth0", "containerId", "not allowed"},

		{"no interface", "web", "c1", "", "ifName", "is required"},
		{"15 bytes", "web", "c1", "eth012345678901", "", ""},
		{"16 bytes", "web", "c1", "eth0123456789012", "ifName", "has 16 bytes; at most 15 are allowed"},
		{"a dot", "web", "c1", ".", "ifName", "not be . or .."},
		{"two dots", "web", "c1", "..", "ifName", "not be . or .."},
		{"interface with a slash", "web", "c1", "a/b", "ifName", "contain / : %"},
		{"interface with a colon", "web", "c1", "eth0:1", "ifName", "contain / : %"},
		{"interface with a pattern", "web", "c1", "eth%d", "ifName", "contain / : %"},
		{"interface with a space", "web", "c1", "a b", "ifName", "white space"},
		{"interface with a wide space", "web", "c1", "a\u2003b", "ifName", "white space"},
		{"interface with a newline", "web", "c1", "a\n", "ifName", "white space"},
		{"interface with NUL", "web", "c1", "a\x00", "ifName", "control character"},
		{"interface with an escape", "web", "c1", "a\x1b", "ifName", "control character"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			err := ValidateIDs(test.network, test.containerID, test.ifName)
			if test.wantKey == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			var got *fault.Error
			if !errors.As(err, &got) {
				t.Fatalf("got %v, want a *fault.Error", err)
			}
			kind := fault.KindInvalidRequest
			if test.wantKey == "name" {
				kind = fault.KindInvalidConfig
			}
			if got.Kind != kind || got.Details != test.wantKey || !strings.Contains(got.Msg, test.want) {
				t.Errorf("got  %s, key %q: %s\nwant %s, key %q: %s", got.Kind, got.Details, got.Msg, kind,
					test.wantKey, test.want)
			}
		})
	}
}
