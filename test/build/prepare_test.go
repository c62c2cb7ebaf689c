package build

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestUnusableGoIsRefusedInOneLine: the line says what is needed and how to get it.
func TestUnusableGoIsRefusedInOneLine(t *testing.T) {
	for _, c := range []struct {
		name, goCommand, want string
	}{
		{"too old", script(t, "echo go1.19.8; echo amd64"), "Go 1.25 or newer is needed"},
		{"not there", "/nonexistent/go", "Go 1.25 or newer is needed"},
		{"32 bits", script(t, "echo go1.26.8; echo arm"), "only 64-bit machines are supported"},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, err := command("make", "-s", "BUILD="+t.TempDir(), "GO="+c.goCommand).CombinedOutput()
			if err == nil {
				t.Fatalf("accepted:\n%s", out)
			}
			said, _, _ := strings.Cut(string(out), "\nmake: ")
			if !strings.HasPrefix(said, "libcni: "+c.want) || strings.Count(said, "\n") > 0 {
				t.Errorf("it says:\n%s", out)
			}
			if strings.Contains(c.want, "Go 1.25") && !strings.Contains(said, "apt install") {
				t.Errorf("it does not say how to get it: %s", said)
			}
		})
	}
}

// TestRuntimeThatIsNotKnownIsRefused: a build must not go on with the fault that the changed files
// are there for.
func TestRuntimeThatIsNotKnownIsRefused(t *testing.T) {
	const signals = "/* 17 */ {_SigNotify + _SigUnblock + _SigIgn, \"SIGCHLD: child\"},\n" +
		"/* 27 */ {_SigNotify + _SigUnblock, \"SIGPROF: profiling\"},\n"
	const stubs = "//go:build !linux\n"
	for _, c := range []struct {
		name, signals, stubs string
		without, refused     string // changes that are left out, the change that is not possible
	}{
		{"as known", signals, stubs, "", ""},
		{"one signal gone", strings.SplitAfter(signals, "\n")[0], stubs, "", "signals"},
		{
			"another notation", strings.ReplaceAll(signals, " + _SigUnblock", "|_SigUnblock"), stubs, "",
			"signals",
		},
		{"never blocked twice", signals + signals, stubs, "", "signals"},
		{"empty", "", stubs, "", "signals"},
		{"empty, without the change", "", stubs, "signals", ""},
		{"no other systems", signals, "", "", "cgroup"},
		{"no other systems, without the change", signals, "", "godebug cgroup", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			goroot := t.TempDir()
			runtime := filepath.Join(goroot, "src", "runtime")
			write(t, filepath.Join(runtime, "sigtab_linux_generic.go"), c.signals)
			write(t, filepath.Join(runtime, "cgroup_linux.go"), "")
			write(t, filepath.Join(runtime, "cgroup_stubs.go"), c.stubs)
			fake := script(t,
				`case "$*" in "env GOROOT") echo `+goroot+`;; *) echo go1.25.0; echo amd64;; esac`)

			prepare := command("capi/goruntime/prepare", fake, t.TempDir())
			prepare.Env = append(os.Environ(), "WITHOUT="+c.without)
			out, err := prepare.CombinedOutput()
			if accepted := err == nil; accepted != (c.refused == "") {
				t.Errorf("accepted: %v: %s", accepted, out)
			}
			if c.refused != "" && !strings.Contains(string(out), "make WITHOUT="+c.refused) {
				t.Errorf("it does not say what can be done: %s", out)
			}
		})
	}
}

// TestCgroupsAreLeftAlone: loading the library must not read the host's mounts.
func TestCgroupsAreLeftAlone(t *testing.T) {
	dir := t.TempDir()
	succeed(t, command("capi/goruntime/prepare", "go", dir))
	var overlay struct{ Replace map[string]string }
	if err := json.Unmarshal([]byte(read(t, filepath.Join(dir, "overlay.json"))),
		&overlay); err != nil {
		t.Fatal(err)
	}
	replacement := overlay.Replace[dir+"/goroot/src/runtime/cgroup_linux.go"]
	if replacement == "" {
		t.Fatalf("cgroup_linux.go is not replaced: %v", overlay.Replace)
	}
	source := read(t, replacement)
	for _, found := range []string{"go:build", "internal/runtime/cgroup"} {
		if strings.Contains(source, found) {
			t.Errorf("what replaces it has %q", found)
		}
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
