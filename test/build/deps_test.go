package build

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestMissingPackagesAreNamedFirst: "make test" installs nothing, and names what is missing before
// it builds anything.
func TestMissingPackagesAreNamedFirst(t *testing.T) {
	bin := t.TempDir()
	for _, tool := range []string{"sh", "id", "dirname", "python3", "make", "sed", "cut", "find"} {
		path, err := exec.LookPath(tool)
		if err != nil {
			t.Fatal(err)
		}
		link(t, path, filepath.Join(bin, tool))
	}
	dir := t.TempDir()
	c := command("make", "-s", "BUILD="+dir, "GO=/nonexistent/go", "test", "STEPS=none")
	c.Env = append(os.Environ(), "PATH="+bin)
	out, err := c.CombinedOutput()
	if err == nil {
		t.Fatalf("it goes on:\n%s", out)
	}
	said, _, _ := strings.Cut(string(out), "\n")
	for _, want := range []string{"the tests need ", " clang", " mold", "make deps"} {
		if !strings.Contains(said, want) {
			t.Errorf("%q is not in the first line: %s", want, out)
		}
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		t.Errorf("it built %v (%v)", entries, err)
	}
}
