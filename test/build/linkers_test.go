package build

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// linkers are those of Debian. "make deps" installs them.
var linkers = []string{"bfd", "gold", "mold", "lld"}

// TestFetchedGoAndEveryLinker builds with a Go whose root lies in the module cache, as it does when
// Go fetched its own toolchain, and links the object with every linker.
func TestFetchedGoAndEveryLinker(t *testing.T) {
	dir := t.TempDir()
	library := filepath.Join(dir, "libcni.so")
	for _, linker := range linkers {
		t.Run(linker, func(t *testing.T) {
			linked := filepath.Join(dir, "libcni.so.0.1.0")
			if err := os.Remove(linked); err != nil && !os.IsNotExist(err) {
				t.Fatal(err)
			}
			c := command("make", "BUILD="+dir, "LDFLAGS=-fuse-ld="+linker, library,
				filepath.Join(dir, "libcni.a"))
			c.Env = append(os.Environ(), fetchedGo(t)...)
			if out := succeed(t, c); strings.Contains(strings.ToLower(out), "warning") {
				t.Errorf("the build warns:\n%s", out)
			}

			t.Run("shared", func(t *testing.T) {
				call(t, "-L"+dir, "-lcni", "-Wl,-rpath,"+dir)
			})
			t.Run("static", func(t *testing.T) {
				call(t, filepath.Join(dir, "libcni.a"), "-pthread", "-fuse-ld="+linker)
			})
			t.Run("static without unused sections", func(t *testing.T) {
				call(t, filepath.Join(dir, "libcni.a"), "-pthread", "-fuse-ld="+linker, "-Wl,--gc-sections")
			})
		})
	}
}

// TestChangesOfTheRuntimeCanBeLeftOut builds without those changes that leave Go's own packages as
// they are; "make build-matrix" builds without each of them.
func TestChangesOfTheRuntimeCanBeLeftOut(t *testing.T) {
	for _, change := range []string{"entry", "godebug", "stack"} {
		t.Run(change, func(t *testing.T) {
			dir := t.TempDir()
			succeed(t, command("make", "BUILD="+dir, "WITHOUT="+change, filepath.Join(dir, "libcni.so")))
			call(t, "-L"+dir, "-lcni", "-Wl,-rpath,"+dir)
		})
	}
	if out, err := command("make", "BUILD="+t.TempDir(),
		"WITHOUT=sginals").CombinedOutput(); err == nil {
		t.Errorf("a change that there is not is left out:\n%s", out)
	}
}

// fetchedGo returns the environment of a Go whose root is in its module cache: a cache of links to
// the real one, with the real root as a toolchain in it.
func fetchedGo(t *testing.T) []string {
	t.Helper()
	cache := t.TempDir()
	real := strings.Fields(succeed(t, command("go", "env", "GOMODCACHE", "GOROOT")))
	entries, err := os.ReadDir(real[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		link(t, filepath.Join(real[0], entry.Name()), filepath.Join(cache, entry.Name()))
	}

	goroot := filepath.Join(cache, "toolchain@v0.0.1")
	link(t, real[1], goroot)
	return []string{"GOMODCACHE=" + cache, "GOROOT=" + goroot, "GOTOOLCHAIN=local"}
}

func link(t *testing.T, target, path string) {
	t.Helper()
	if err := os.Symlink(target, path); err != nil {
		t.Fatal(err)
	}
}
