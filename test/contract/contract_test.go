package contract

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const root = "../.."

// outside copies the plugin into a module of its own, with the versions that this module requires.
func outside(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for from, to := range map[string]string{
		"testdata/outside/main.go": "main.go", filepath.Join(root, "go.mod"): "go.mod",
		filepath.Join(root, "go.sum"): "go.sum",
	} {
		data, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		if to == "go.mod" {
			data = asOutside(t, data)
		}
		if err := os.WriteFile(filepath.Join(dir, to), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// asOutside renames a module, and makes it require the one it was.
func asOutside(t *testing.T, mod []byte) []byte {
	t.Helper()
	here, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	mod = regexp.MustCompile(`(?m)^module .*$`).ReplaceAll(mod, []byte("module example.org/outside"))
	return append(mod,
		[]byte(
			"\nrequire github.com/libcni/libcni v0.0.0\nreplace github.com/libcni/libcni => "+here+"\n")...)
}

func TestAModuleOutsideImplementsAPlugin(t *testing.T) {
	run := exec.Command("go", "run", "-mod=mod", ".")
	run.Dir = outside(t)
	run.Env = append(os.Environ(), "GOFLAGS=", "GOPROXY=off", "GOWORK=off", "CGO_ENABLED=0")
	out, err := run.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	want := `warning: network web: interface eth0 in /run/netns/c1
{"cniVersion":"1.0.0","interfaces":[{"name":"eth0"}]} <nil>
cannot link eth0: expected up, found down (1 in all) <nil>
`
	if diff := cmp.Diff(want, string(out)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
