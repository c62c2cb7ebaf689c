package host

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// buildWithDefects builds libcni.so with testdata/panics/call.go in the place of capi/call.go: methods that panic.
func buildWithDefects(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	run(t, root+"/capi/overlay", "go", dir)
	var overlay struct{ Replace map[string]string }
	path := filepath.Join(dir, "overlay.json")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &overlay); err != nil {
		t.Fatal(err)
	}
	overlay.Replace[absolute(t, root+"/capi/call.go")] = absolute(t, "testdata/panics/call.go")
	if text, err = json.Marshal(overlay); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	library := filepath.Join(dir, "libcni.so")
	run(t, "make", "-s", "-C", root, "BUILD="+dir, "OVERLAY=", "AS_GUEST=-overlay "+path, library)
	return library
}

// buildOther builds another library in Go where hosts look for it.
func buildOther(t *testing.T, rig string) {
	t.Helper()
	run(t, "go", "build", "-buildvcs=false", "-buildmode=c-shared", "-o", filepath.Join(rig, "other.so"), "./testdata/other")
}

func absolute(t *testing.T, path string) string {
	t.Helper()
	path, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// TestOverlayRefusesATableItDoesNotKnow: a build must not go on with the fault that the overlay is there for.
func TestOverlayRefusesATableItDoesNotKnow(t *testing.T) {
	goroot, dir := t.TempDir(), t.TempDir()
	table := filepath.Join(goroot, "src", "runtime", "sigtab_linux_generic.go")
	if err := os.MkdirAll(filepath.Dir(table), 0o755); err != nil {
		t.Fatal(err)
	}
	fake := filepath.Join(goroot, "go")
	if err := os.WriteFile(fake, []byte("#!/bin/sh\necho "+goroot+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	const known = "/* 17 */ {_SigNotify + _SigUnblock + _SigIgn, \"SIGCHLD: child\"},\n/* 27 */ {_SigNotify + _SigUnblock, \"SIGPROF: profiling\"},\n"
	tests := []struct {
		name, table string
		accepted    bool
	}{
		{"as known", known, true},
		{"one signal gone", strings.SplitAfter(known, "\n")[0], false},
		{"another notation", strings.ReplaceAll(known, " + _SigUnblock", "|_SigUnblock"), false},
		{"never blocked twice", known + known, false},
		{"empty", "", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if err := os.WriteFile(table, []byte(test.table), 0o600); err != nil {
				t.Fatal(err)
			}
			out, err := exec.Command(root+"/capi/overlay", fake, dir).CombinedOutput()
			if accepted := err == nil; accepted != test.accepted {
				t.Errorf("accepted: %v, want %v: %s", accepted, test.accepted, out)
			}
			if !test.accepted && !strings.Contains(string(out), "make OVERLAY=") {
				t.Errorf("it does not say what can be done: %s", out)
			}
		})
	}
}

// TestOverlayLeavesCgroupsAlone: loading the library must not read the host's mounts.
func TestOverlayLeavesCgroupsAlone(t *testing.T) {
	dir := t.TempDir()
	run(t, root+"/capi/overlay", "go", dir)
	text, err := os.ReadFile(filepath.Join(dir, "overlay.json"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), "/runtime/cgroup_linux.go") {
		t.Fatalf("cgroup_linux.go is not replaced: %s", text)
	}
	source, err := os.ReadFile(filepath.Join(dir, "cgroup_linux.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, found := range []string{"go:build", "internal/runtime/cgroup"} {
		if strings.Contains(string(source), found) {
			t.Errorf("what replaces it has %q", found)
		}
	}
}
