package plugin_test

import (
	"errors"
	"testing"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/plugin"
)

func TestArgsKnown(t *testing.T) {
	tests := []struct {
		name string
		args plugin.Args
		keys []string
		want string // the error's text, "" for none
	}{
		{"none", nil, []string{"IP"}, ""},
		{"known", plugin.Args{{"IP", "10.0.0.2"}, {"MAC", "x"}}, []string{"IP", "MAC"}, ""},
		{"unknown", plugin.Args{{"IP", "10.0.0.2"}, {"A", "1"}, {"B", "2"}}, []string{"IP"},
			"args (CNI_ARGS): unknown keys A, B; known keys: IP; IgnoreUnknown=1 ignores unknown " +
				"keys"},
		{"unknown, ignored", plugin.Args{{"A", "1"}, {"IgnoreUnknown", "1"}}, []string{"IP"}, ""},
		{"unknown, ignored in words", plugin.Args{{"IgnoreUnknown", "True"}, {"A", "1"}}, []string{"IP"},
			""},
		{"last IgnoreUnknown counts", plugin.Args{{"IgnoreUnknown", "1"}, {"IgnoreUnknown", "0"},
			{"A", "1"}}, []string{"IP"},
			"args (CNI_ARGS): unknown key A; known keys: IP; IgnoreUnknown=1 ignores unknown " +
				"keys"},
		{"case matters", plugin.Args{{"ip", "10.0.0.2"}}, []string{"IP"},
			"args (CNI_ARGS): unknown key ip; known keys: IP; IgnoreUnknown=1 ignores unknown " +
				"keys"},
		{"no boolean", plugin.Args{{"IgnoreUnknown", "yes"}}, []string{"IP"},
			"CNI_ARGS: IgnoreUnknown=yes: must be 1, true, 0 or false"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			err := test.args.Known(test.keys...)
			got := ""
			if err != nil {
				got = err.Error()
				var e *fault.Error
				if !errors.As(err, &e) || e.Kind != fault.KindInvalidRequest || e.Details != "args" {
					t.Errorf("error is %#v, want kind %s about args", err, fault.KindInvalidRequest)
				}
			}
			if got != test.want {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
		})
	}
}
