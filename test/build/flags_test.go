package build

import (
	"debug/elf"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var steps = regexp.MustCompile(`(?s)\.\.\.  building the library.*ok   the library .*\(\d+ s\)\n`)

// TestPackagersFlagsCount builds as a packager does, who takes the symbols out of what was built.
// The flags count although the library is built already.
func TestPackagersFlagsCount(t *testing.T) {
	dir := t.TempDir()
	out := succeed(t, command("make", "-s", "BUILD="+dir, filepath.Join(dir, "libcni.so")))
	if !steps.MatchString(out) {
		t.Errorf("it does not say what it does, and then how long that took:\n%s", out)
	}
	if sections(t, filepath.Join(dir, "libcni.so"))[".symtab"] {
		t.Error("without DEBUG=1 the library has symbols")
	}

	c := command("make", "BUILD="+dir, "DEBUG=1",
		filepath.Join(dir, "libcni.so"), filepath.Join(dir, "cni"))
	c.Env = append(c.Env, "CFLAGS=-O1 -g3 -flto=auto -fstack-protector-strong "+
		"-ffile-prefix-map="+dir+"=. -Wformat -Werror=format-security",
		"CPPFLAGS=-DPACKAGED=packaged -Wdate-time -D_FORTIFY_SOURCE=2",
		"LDFLAGS=-Wl,-z,relro -Wl,-z,now -Wl,--hash-style=sysv")
	out = succeed(t, c)
	for _, file := range []string{"libcni.so", "cni"} {
		found := sections(t, filepath.Join(dir, file))
		if !found[".symtab"] || !found[".debug_info"] && !found[".zdebug_info"] {
			t.Errorf("DEBUG=1: %s has no symbols", file)
		}
	}
	library := sections(t, filepath.Join(dir, "libcni.so"))
	if !library[".hash"] || library[".gnu.hash"] {
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

// sections returns the names of the sections of a library or a program.
func sections(t *testing.T, path string) map[string]bool {
	t.Helper()
	file, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	names := map[string]bool{}
	for _, section := range file.Sections {
		names[section.Name] = true
	}
	return names
}
