package build

import (
	"debug/elf"
	"path/filepath"
	"strings"
	"testing"
)

// TestPackagersFlagsCount builds as a packager does, who takes the symbols out of what was built.
// The flags count although the library is built already.
func TestPackagersFlagsCount(t *testing.T) {
	dir := t.TempDir()
	succeed(t, command("make", "BUILD="+dir, filepath.Join(dir, "libcni.so")))
	out := succeed(t, command("make", "BUILD="+dir, "DEBUG=1", filepath.Join(dir, "libcni.so"),
		"CFLAGS=-O1 -g3 -flto=auto", "CPPFLAGS=-DPACKAGED=packaged",
		"LDFLAGS=-Wl,-z,now -Wl,--hash-style=sysv"))
	library, err := elf.Open(filepath.Join(dir, "libcni.so"))
	if err != nil {
		t.Fatal(err)
	}
	defer library.Close()

	if library.Section(".debug_info") == nil || library.Section(".symtab") == nil {
		t.Error("DEBUG=1: the library has no symbols")
	}
	if library.Section(".hash") == nil || library.Section(".gnu.hash") != nil {
		t.Error("LDFLAGS do not count")
	}
	debug := filepath.Join(dir, "libcni.debug")
	succeed(t, command("objcopy", "--only-keep-debug", filepath.Join(dir, "libcni.so"), debug))
	macros := succeed(t, command("readelf", "--debug-dump=macro", debug))
	if !strings.Contains(macros, "__ELF__") {
		t.Error("CFLAGS do not count: -g3 leaves no macros in the symbols")
	}
	if !strings.Contains(macros, "PACKAGED packaged") {
		t.Error("CPPFLAGS do not count")
	}
	if strings.Contains(strings.ToLower(out), "warning") {
		t.Errorf("the build warns:\n%s", out)
	}
}
