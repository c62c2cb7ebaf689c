package abi

import (
	"debug/elf"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/libcni/libcni/test/rig"
)

// TestExamplesBuildAgainstAnInstalledPrefix follows what the examples say: pkg-config, with the
// shared library and with the static one, and the header alone for those that load the library.
func TestExamplesBuildAgainstAnInstalledPrefix(t *testing.T) {
	rig.Library(t)
	prefix := filepath.Join(t.TempDir(), "prefix")
	rig.Run(t, "make", "-s", "-C", root, "install", "PREFIX="+prefix)
	t.Setenv("PKG_CONFIG_PATH", prefix+"/lib/pkgconfig")
	flags := func(args ...string) []string {
		return strings.Fields(rig.Run(t, "pkg-config", append(args, "libcni")...))
	}
	include := flags("--cflags")
	if _, err := os.Stat(strings.TrimPrefix(include[0], "-I") + "/cni_dl.h"); err != nil {
		t.Error(err)
	}
	linked := map[string][]string{
		"shared": append(flags("--libs"), "-pthread", "-Wl,-rpath,"+prefix+"/lib"),
		"static": append(append([]string{"-Wl,-Bstatic"}, flags("--libs")...),
			append([]string{"-Wl,-Bdynamic"}, flags("--static", "--libs-only-other")...)...),
	}
	sources, err := filepath.Glob(root + "/examples/*.c")
	if err != nil || len(sources) < 4 {
		t.Fatalf("examples: %v, %v", sources, err)
	}
	for _, source := range sources {
		text, err := os.ReadFile(source)
		if err != nil {
			t.Fatal(err)
		}
		ways := linked
		if !strings.Contains(string(text), "#include <cni.h>") {
			ways = map[string][]string{"loaded": nil}
		}
		for way, libs := range ways {
			t.Run(filepath.Base(source)+" "+way, func(t *testing.T) {
				program := filepath.Join(t.TempDir(), "program")
				args := append([]string{"-std=c99", "-Wall", "-Wextra", "-Werror", "-o", program}, include...)
				rig.Run(t, "cc", append(append(args, source), libs...)...)
				needs := strings.Contains(rig.Run(t, "readelf", "-d", program), "libcni.so.0")
				if needs != (way == "shared") {
					t.Errorf("it needs libcni.so.0: %v", needs)
				}
				if filepath.Base(source) == "quickstart.c" {
					rig.Run(t, program)
				}
			})
		}
	}
}

// TestPackagersSeeThatALoaderLikesToHaveTheLibrary reads the note that CNI_DL_NOTE makes.
func TestPackagersSeeThatALoaderLikesToHaveTheLibrary(t *testing.T) {
	dir := t.TempDir()
	source, program := filepath.Join(dir, "note.c"), filepath.Join(dir, "program")
	if err := os.WriteFile(source,
		[]byte("#include <cni_dl.h>\nCNI_DL_NOTE(\"suggested\");\nint main(void) { return 0; }\n"),
		0o600); err != nil {
		t.Fatal(err)
	}
	rig.Run(t, "cc", "-std=c99", "-Wall", "-Wextra", "-pedantic", "-Werror", "-O2",
		"-I"+root+"/include", "-o", program, source)
	file, err := elf.Open(program)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	section := file.Section(".note.dlopen")
	if section == nil || section.Type != elf.SHT_NOTE {
		t.Fatalf("no note: %+v", section)
	}
	data, err := section.Data()
	if err != nil {
		t.Fatal(err)
	}
	want := `[{"feature":"cni","description":"Container networks","priority":"suggested","soname":["libcni.so.0"]}]` + "\x00"
	head := "\x04\x00\x00\x00" + string([]byte{byte(len(want)), 0, 0, 0}) + "\x0a\x0c\x7c\x40FDO\x00"
	if got := strings.TrimRight(string(data), "\x00") + "\x00"; got != head+want || len(data)%4 != 0 {
		t.Errorf("note %q, want %q", got, head+want)
	}
}

// TestProgramsInTheDocumentCompile takes the C of the document on runtimes as a reader would.
func TestProgramsInTheDocumentCompile(t *testing.T) {
	text, err := os.ReadFile(root + "/docs/embedding-runtimes.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := strings.Split(string(text), "```c\n")[1:]
	if len(blocks) < 2 {
		t.Fatalf("%d programs", len(blocks))
	}
	for _, block := range blocks {
		code, _, _ := strings.Cut(block, "```")
		source := filepath.Join(t.TempDir(), "document.c")
		if err := os.WriteFile(source, []byte(code), 0o600); err != nil {
			t.Fatal(err)
		}
		rig.Run(t, "cc", "-std=c99", "-Wall", "-Wextra", "-pedantic", "-Werror", "-Wno-unused-function",
			"-I"+root+"/include", "-fsyntax-only", source)
	}
}
