package abi

import (
	"debug/elf"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestLibraryHasFewRelocationsForTheLoader holds that the library relocates itself: the loader's ordinary relocations
// were a tenth of the file.
func TestLibraryHasFewRelocationsForTheLoader(t *testing.T) {
	const limit, entry = 100, 24
	relocations := open(t).Section(".rela.dyn")
	if relocations == nil {
		t.Fatal("no section .rela.dyn")
	}
	if n := relocations.Size / entry; n > limit {
		t.Errorf("%d relocations, the limit is %d; can the linker pack them (-z pack-relative-relocs)?", n, limit)
	}
}

// TestLibraryLoadsWithOldCLibraries looks for what only C libraries after glibc 2.34 know.
func TestLibraryLoadsWithOldCLibraries(t *testing.T) {
	file := open(t)
	const packed = elf.DynTag(36) // DT_RELR
	if values, err := file.DynValue(packed); err != nil || len(values) != 0 {
		t.Errorf("packed relocations are left to the loader: %v %v", values, err)
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

// TestLibraryRelocatesItself uses it however it may come into a process. What was relocated has to be read-only again.
func TestLibraryRelocatesItself(t *testing.T) {
	linked := compile(t, "programs/relocated.c", append([]string{"-Wl,--no-as-needed"}, dynamic(t)...)...)
	alone := compile(t, "programs/relocated.c", "-ldl")
	want := "r--p\n0.1.0 -22\nanswered\n"
	for _, run := range [][]string{{linked, "linked"}, {alone, "dlopen", library(t)}, {alone, "dlmopen", library(t)}} {
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
