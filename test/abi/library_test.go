package abi

import (
	"crypto/sha256"
	"debug/elf"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/libcni/libcni/test/rig"
)

func open(t *testing.T) *elf.File {
	t.Helper()
	file, err := elf.Open(rig.Library(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	return file
}

// headerFunctions are the functions that cni.h declares.
func headerFunctions(t *testing.T) []string {
	t.Helper()
	header, err := os.ReadFile(root + "/include/cni.h")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, m := range regexp.MustCompile(`(?m)^CNI_API .*?(cni_[a-z_]+)\(`).FindAllStringSubmatch(
		string(header), -1) {
		names = append(names, m[1])
	}
	sort.Strings(names)
	return names
}

// versionsOfFunctions returns the version in which each function appeared. A program that needs a
// newer function than a library has must fail when it is loaded.
func versionsOfFunctions(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile(root + "/api/cni.api.json")
	if err != nil {
		t.Fatal(err)
	}
	var description struct {
		Functions []struct{ Name, Since string }
	}
	if err := json.Unmarshal(text, &description); err != nil {
		t.Fatal(err)
	}
	since := map[string]string{}
	for _, f := range description.Functions {
		since[f.Name] = f.Since
	}
	return since
}

func TestLibraryExportsTheHeadersFunctionsAndNothingElse(t *testing.T) {
	symbols, err := open(t).DynamicSymbols()
	if err != nil {
		t.Fatal(err)
	}
	exported := map[string]string{}
	for _, s := range symbols {
		global := s.Section != elf.SHN_UNDEF && elf.ST_BIND(s.Info) != elf.STB_LOCAL
		if global && elf.ST_TYPE(s.Info) != elf.STT_NOTYPE && !strings.HasPrefix(s.Name, "LIBCNI_") {
			exported[s.Name] = s.Version
		}
	}
	since := versionsOfFunctions(t)
	want := map[string]string{}
	for _, name := range headerFunctions(t) {
		want[name] = "LIBCNI_" + since[name]
	}
	if diff := cmp.Diff(want, exported); diff != "" {
		t.Errorf("symbols and their versions (-cni.h +libcni.so):\n%s", diff)
	}
}

func TestStaticLibraryDefinesTheHeadersFunctionsAndNothingElse(t *testing.T) {
	archive := filepath.Join(filepath.Dir(rig.Library(t)), "libcni.a")
	var names []string
	for _, line := range strings.Split(
		rig.Run(t, "nm", "-g", "--defined-only", "--format=posix", archive), "\n") {
		if fields := strings.Fields(line); len(fields) > 1 {
			names = append(names, fields[0])
		}
	}
	sort.Strings(names)
	if diff := cmp.Diff(headerFunctions(t), names); diff != "" {
		t.Errorf("global names (-cni.h +libcni.a):\n%s", diff)
	}
}

func TestLibraryIsHardenedAndStripped(t *testing.T) {
	file := open(t)
	flags1, err := file.DynValue(elf.DT_FLAGS_1)
	if err != nil || len(flags1) != 1 || elf.DynFlag1(flags1[0])&elf.DF_1_NOW == 0 {
		t.Errorf("not BIND_NOW: %v %v", flags1, err)
	}
	segments := map[elf.ProgType]elf.ProgFlag{}
	for _, p := range file.Progs {
		segments[p.Type] |= p.Flags
		if p.Type == elf.PT_LOAD && p.Flags&elf.PF_W != 0 && p.Flags&elf.PF_X != 0 {
			t.Errorf("a segment can be written and executed")
		}
	}
	if _, found := segments[elf.PT_GNU_RELRO]; !found {
		t.Error("no RELRO")
	}
	if flags, found := segments[elf.PT_GNU_STACK]; !found || flags&elf.PF_X != 0 {
		t.Error("the stack is executable")
	}
	for _, name := range []string{".symtab", ".debug_info", ".zdebug_info"} {
		if file.Section(name) != nil {
			t.Errorf("not stripped: section %s", name)
		}
	}
	if rpath, _ := file.DynString(elf.DT_RUNPATH); len(rpath) != 0 {
		t.Errorf("it looks for libraries in %v", rpath)
	}
}

func TestLibraryIsFoundByItsSoname(t *testing.T) {
	names, err := open(t).DynString(elf.DT_SONAME)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"libcni.so.0"}, names); diff != "" {
		t.Errorf("soname (-want +got):\n%s", diff)
	}
	for link, want := range map[string]string{
		"libcni.so": "libcni.so.0", "libcni.so.0": "libcni.so.0.1.0",
	} {
		if target, err := os.Readlink(filepath.Join(filepath.Dir(rig.Library(t)), link)); target != want {
			t.Errorf("%s leads to %s, want %s (%v)", link, target, want, err)
		}
	}
}

func TestLibraryNeedsTheCLibraryOnly(t *testing.T) {
	needed, err := open(t).ImportedLibraries()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range needed {
		if !strings.HasPrefix(name, "libc.so.") && !strings.HasPrefix(name, "ld-linux") {
			t.Errorf("it needs %s", name)
		}
	}
}

func TestHeadersCompileAloneAndTwice(t *testing.T) {
	strict := []string{
		"-Wall", "-Wextra", "-pedantic", "-Werror", "-I" + root + "/include", "-o",
		filepath.Join(t.TempDir(), "object"), "-c",
	}
	for _, header := range []string{"cni.h", "cni_dl.h"} {
		source := filepath.Join(t.TempDir(), "header.c")
		if err := os.WriteFile(source, []byte("#include <"+header+">\n#include <"+header+">\n"),
			0o600); err != nil {
			t.Fatal(err)
		}
		for _, language := range [][]string{
			{"cc", "-xc", "-std=c99"}, {"cc", "-xc", "-std=c17"}, {"c++", "-xc++", "-std=c++17"},
		} {
			t.Run(header+" "+language[2], func(t *testing.T) {
				rig.Run(t, language[0], append(append(language[1:], strict...), source)...)
			})
		}
	}
}

// TestBuildIsReproducible builds a copy in another directory; the libraries must be the same to the
// byte.
func TestBuildIsReproducible(t *testing.T) {
	dir := t.TempDir()
	for _, path := range []string{"Makefile", "go.mod", "go.sum", "api", "capi", "core", "include"} {
		rig.Run(t, "cp", "-r", filepath.Join(root, path), dir)
	}
	build := exec.Command("make", "-s", "build/libcni.so", "build/libcni.a")
	build.Dir = dir
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("make: %v\n%s", err, out)
	}
	for _, name := range []string{"libcni.so", "libcni.a"} {
		if digest(t, filepath.Join(dir, "build", name)) != digest(t,
			filepath.Join(filepath.Dir(rig.Library(t)), name)) {
			t.Errorf("%s differs when built in %s; is build/ up to date?", name, dir)
		}
	}
}

func digest(t *testing.T, path string) [sha256.Size]byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return sha256.Sum256(data)
}

func TestInstalledLibraryIsFoundByPkgConfigAndRemovedAgain(t *testing.T) {
	rig.Library(t)
	dest := t.TempDir()
	makeAt := func(target string) {
		t.Helper()
		rig.Run(t, "make", "-s", "-C", root, target, "PREFIX=/opt/cni-test", "DESTDIR="+dest)
	}
	makeAt("install")
	prefix := dest + "/opt/cni-test"
	t.Setenv("PKG_CONFIG_PATH", prefix+"/lib/pkgconfig")
	t.Setenv("PKG_CONFIG_SYSROOT_DIR", dest)
	flags := strings.Fields(rig.Run(t, "pkg-config", "--cflags", "--libs", "libcni"))
	if version := strings.TrimSpace(
		rig.Run(t, "pkg-config", "--modversion", "libcni")); version != "0.1.0" {
		t.Errorf("pkg-config: version %s", version)
	}
	program := filepath.Join(t.TempDir(), "program")
	rig.Run(t, "cc",
		append([]string{"-o", program, "programs/vectors.c"},
			append(flags, "-Wl,-rpath,"+prefix+"/lib")...)...)
	replayOne(t, program)
	makeAt("uninstall")
	left := rig.Run(t, "find", dest, "!", "-type", "d")
	if left != "" {
		t.Errorf("make uninstall leaves:\n%s", left)
	}
}

// replayOne shows that a program starts and answers.
func replayOne(t *testing.T, program string) {
	t.Helper()
	command := exec.Command(program)
	command.Stdin = strings.NewReader("convert NULL\n")
	out, err := command.CombinedOutput()
	if err != nil || !strings.HasPrefix(string(out), "-22 {") {
		t.Errorf("%v: %s", err, out)
	}
}
