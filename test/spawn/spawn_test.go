// Package spawn tests the C spawner of libcni.so from inside C hosts that treat their children
// badly.
package spawn

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/libcni/libcni/test/rig"
)

// The flags of capi/spawn.h.
const (
	direct       = 0
	intermediate = 1
	noCloseRange = 2
)

// build compiles the host together with the spawner and nothing else.
func build(t *testing.T) string {
	t.Helper()
	// go test counts a cached result as current until a file that the test itself has opened changes.
	for _, source := range []string{"testdata/host.c", "../../capi/spawn.c", "../../capi/spawn.h"} {
		if _, err := os.ReadFile(source); err != nil {
			t.Fatal(err)
		}
	}
	flags := []string{"-std=gnu11", "-O2", "-pthread", "-I../../capi", "../../capi/spawn.c"}
	return rig.Compile(t, "testdata/host.c", flags...)
}

func run(t *testing.T, host, conditions string, flags int, program ...string) string {
	t.Helper()
	cmd := exec.Command(host, append([]string{conditions, strconv.Itoa(flags)}, program...)...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("host %s: %v\n%s", conditions, err, out)
	}
	return string(out)
}

// script writes an executable file.
func script(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "plugin")
	if err := os.WriteFile(path, []byte(content), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestPluginInheritsNothing(t *testing.T) {
	host := build(t)
	for _, conditions := range []string{
		"plain", "junk,blocked", "junk,blocked,closed", "ignored,junk",
	} {
		for name, flags := range map[string]int{
			"direct": direct, "intermediate": intermediate,
			"no close_range": noCloseRange, "intermediate, no close_range": intermediate | noCloseRange,
		} {
			t.Run(conditions+", "+name, func(t *testing.T) {
				got := run(t, host, conditions, flags, host, "inspect")
				_, got, _ = strings.Cut(got, "Umask")
				want := `:	0022
SigBlk:	0000000000000000
SigIgn:	0000000000000000
group:	own
fds: 0 1 2
env:	red
stdin:	hello
`
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("the plugin found (-want +got):\n%s", diff)
				}
			})
		}
	}
}

func TestHostSeesNothingAndCannotHideTheEnd(t *testing.T) {
	host := build(t)
	tests := []struct {
		name       string
		conditions string
		flags      int
		program    []string
		want       []string
	}{
		{
			"exits", "plain", direct, []string{"/bin/sh", "-c", "exit 3"},
			[]string{"ended=exit 3", "sigchld=seen", "children=none"},
		},
		{
			"killed", "plain", direct, []string{"/bin/sh", "-c", "kill -SEGV $$"},
			[]string{"ended=signal 11", "sigchld=seen", "children=none"},
		},
		{
			"stolen", "thief", direct, []string{"/bin/sh", "-c", "exit 3"},
			[]string{"ended=exit 3", "sigchld=*"},
		},
		{
			"stolen, killed", "thief", direct, []string{"/bin/sh", "-c", "kill -9 $$"},
			[]string{"ended=signal 9", "sigchld=*"},
		},
		{
			"SIGCHLD ignored", "ignored", direct, []string{"/bin/sh", "-c", "exit 3"},
			[]string{"ended=exit 3", "sigchld=none", "children=none"},
		},
		{
			"signals blocked", "blocked", direct, []string{"/bin/sh", "-c", "exit 3"},
			[]string{"ended=exit 3", "sigchld=seen", "children=none"},
		},
		{
			"intermediate", "plain", intermediate, []string{"/bin/sh", "-c", "exit 3"},
			[]string{"ended=exit 3", "sigchld=none", "children=none"},
		},
		{
			"intermediate, killed", "plain", intermediate, []string{"/bin/sh", "-c", "kill -SEGV $$"},
			[]string{"ended=signal 11", "sigchld=none", "children=none"},
		},
		{
			"intermediate, thief", "thief", intermediate, []string{"/bin/sh", "-c", "exit 3"},
			[]string{"ended=exit 3", "sigchld=none"},
		},
		{
			"intermediate, SIGCHLD ignored", "ignored", intermediate, []string{"/bin/sh", "-c", "exit 3"},
			[]string{"ended=exit 3", "sigchld=none", "children=none"},
		},
		{
			"intermediate, stdio closed", "closed", intermediate, []string{"/bin/sh", "-c", "exit 3"},
			[]string{"ended=exit 3", "sigchld=none", "children=none"},
		},
		{
			"intermediate, host's group terminated", "terminated", intermediate,
			[]string{"/bin/sh", "-c", "exit 3"}, []string{"ended=exit 3", "sigchld=none", "children=none"},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := strings.Split(
				strings.TrimSpace(run(t, host, test.conditions, test.flags, test.program...)), "\n")
			want := append([]string{"mask=kept", test.want[0], "descriptors=kept"}, test.want[1:]...)
			for i, line := range want {
				if name, found := strings.CutSuffix(line, "*"); found && i < len(got) &&
					strings.HasPrefix(got[i], name) {
					want[i] = got[i]
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestFailedStart(t *testing.T) {
	host := build(t)
	busy := script(t, "#!/bin/sh\n")
	writer, err := os.OpenFile(busy, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	tests := []struct {
		name    string
		program string
		want    string
	}{
		{"missing", "/nonexistent/plugin", "error=exec: ENOENT"},
		{"directory", t.TempDir(), "error=exec: EACCES"},
		{"not executable", "/etc/passwd", "error=exec: EACCES"},
		{"being written to", busy, "error=exec: ETXTBSY"},
		{"no interpreter line", script(t, "echo hello\n"), "error=exec: ENOEXEC"},
		{"missing interpreter", script(t, "#!/nonexistent\n"), "error=exec: ENOENT"},
	}
	for _, test := range tests {
		for name, flags := range map[string]int{"direct": direct, "intermediate": intermediate} {
			t.Run(test.name+", "+name, func(t *testing.T) {
				got := run(t, host, "plain", flags, test.program)
				sigchld := map[int]string{direct: "seen", intermediate: "none"}[flags]
				want := "mask=kept\n" + test.want + "\ndescriptors=kept\nsigchld=" + sigchld +
					"\nchildren=none\n"
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			})
		}
	}
}
