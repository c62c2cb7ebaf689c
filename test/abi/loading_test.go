package abi

import (
	"debug/elf"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/libcni/libcni/test/rig"
)

// TestLoaderRunsOneConstructor: start.c runs Go's. At exit the loader runs nothing: an isolated
// host has the library in its memory, and its file may have been overwritten.
func TestLoaderRunsOneConstructor(t *testing.T) {
	file := open(t)
	const constructors = 8 // bytes: one pointer
	if sizes, err := file.DynValue(elf.DT_INIT_ARRAYSZ); err != nil || len(sizes) != 1 ||
		sizes[0] != constructors {
		t.Errorf("DT_INIT_ARRAYSZ: %v %v, want [%d]", sizes, err, constructors)
	}
	for _, tag := range []elf.DynTag{elf.DT_INIT, elf.DT_FINI, elf.DT_FINI_ARRAY} {
		if values, err := file.DynValue(tag); err != nil || len(values) != 0 {
			t.Errorf("%v: %x %v, want none", tag, values, err)
		}
	}
}

// TestLibraryLoadsWithOldCLibraries looks for what only C libraries after glibc 2.34 know.
func TestLibraryLoadsWithOldCLibraries(t *testing.T) {
	file := open(t)
	const packed = elf.DynTag(36) // DT_RELR
	if values, err := file.DynValue(packed); err != nil || len(values) != 0 {
		t.Errorf("packed relocations need glibc 2.36: %v %v", values, err)
	}
	needs, err := file.DynamicVersionNeeds()
	if err != nil || len(needs) == 0 {
		t.Fatalf("versions needed: %v %v", needs, err)
	}
	for _, need := range needs {
		for _, version := range need.Needs {
			if newerThan234(version.Dep) {
				t.Errorf("it needs %s of %s", version.Dep, need.Name)
			}
		}
	}
}

func newerThan234(version string) bool {
	newest, minor := "34", strings.TrimPrefix(version, "GLIBC_2.")
	if minor == version {
		return true // such as GLIBC_ABI_DT_RELR
	}
	minor, _, _ = strings.Cut(minor, ".")
	return len(minor) > len(newest) || len(minor) == len(newest) && minor > newest
}

// TestLibraryWorksHoweverItIsLoaded also looks at what was relocated: it must be read-only.
func TestLibraryWorksHoweverItIsLoaded(t *testing.T) {
	linked := compile(t, "programs/loaded.c",
		append([]string{"-Wl,--no-as-needed"}, rig.Shared(t)...)...)
	alone := compile(t, "programs/loaded.c", "-ldl")
	want := "r--p\n0.1.0 -22\nanswered\n"
	for _, run := range [][]string{
		{linked, "linked"}, {alone, "dlopen", rig.Library(t)}, {alone, "dlmopen", rig.Library(t)},
	} {
		for _, environment := range []string{"LANG=C", "LD_BIND_NOW=1"} {
			t.Run(run[1]+" "+environment, func(t *testing.T) {
				command := exec.CommandContext(deadline(t), run[0], run[1:]...)
				command.Env = []string{environment}
				out, err := command.CombinedOutput()
				if diff := cmp.Diff(want, string(out)); diff != "" || err != nil {
					t.Errorf("%v; rights, version, answer (-want +got):\n%s", err, diff)
				}
			})
		}
	}
}
