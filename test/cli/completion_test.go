package cli

import (
	"strings"
	"testing"
)

func TestCompletionKnowsNetworksAndContainers(t *testing.T) {
	h := newHost(t)
	h.bridge("web", "10.77.12.0/24", "", "")
	h.bridge("db", "10.77.13.0/24", "", "")
	ns := h.namespace("blue")
	h.ok("add", "web", ns, "--id", "c1")
	for _, test := range []struct {
		name string
		args []string // after the flags for the directories; the last is being typed
		want string
	}{
		{"networks to add to", []string{"add", ""}, "db web"},
		{"networks to check", []string{"check", ""}, "db web"},
		{"container ids of del", []string{"del", "--id", ""}, "c1"},
		{"container ids to inspect", []string{"inspect", ""}, "c1"},
		{"attachments to keep", []string{"gc", "web", "--keep", ""}, "c1/eth0"},
		{"modes", []string{"add", "--builtins", ""}, "fallback never only prefer"},
		{"nothing but files for the namespace", []string{"add", "web", ""}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := h.start("", append([]string{"__complete"}, h.args(test.args)...))
			var got []string
			for _, line := range strings.Fields(o.out) {
				if !strings.HasPrefix(line, ":") { // the last line is an instruction to the shell's script
					got = append(got, line)
				}
			}
			if strings.Join(sorted(got), " ") != test.want || o.code != 0 {
				t.Errorf("%+v, want %q", o, test.want)
			}
		})
	}
	h.ok("del", "--id", "c1")
}

func TestCompletionScripts(t *testing.T) {
	h := newHost(t)
	for shell, want := range map[string]string{
		"bash": "complete -o default -F __start_cni cni", "zsh": "#compdef cni",
		"fish": "complete -c cni",
	} {
		if out := h.ok("completion", shell); !strings.Contains(out, want) {
			t.Errorf("%s: %q is not in it", shell, want)
		}
	}
}
