package abi

import (
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/libcni/libcni/test/rig"
)

// modePaths returns what each mode of cni_dl.h opens.
func modePaths(t *testing.T) map[string]string {
	t.Helper()
	library := rig.Library(t)
	return map[string]string{"in-process": library, "isolated": library, "exec": rig.Command(t)}
}

func TestVectorsInEachMode(t *testing.T) {
	program := compile(t, "programs/modes.c")
	for mode, path := range modePaths(t) {
		t.Run(mode, func(t *testing.T) { replay(t, program, mode, path) })
	}
}

// varying are the parts of answers that are others each time: the moment, the caller's process.
var varying = regexp.MustCompile(`"asOf":"[^"]*"|/proc/[0-9]+/(task/[0-9]+/)?`)

// TestModesAnswerAlike compares whole answers, to the byte.
func TestModesAnswerAlike(t *testing.T) {
	var input strings.Builder
	for _, v := range vectors(t) {
		if v.RequestRepeat == nil { // megabytes; their answers are checked above
			input.WriteString(v.Method + " " + v.encoded(t) + "\n")
		}
	}
	answers := func(program string, args ...string) []string {
		cmd := exec.CommandContext(deadline(t), program, args...)
		cmd.Stdin = strings.NewReader(input.String())
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s %v: %v", program, args, err)
		}
		return strings.Split(varying.ReplaceAllString(string(out), "..."), "\n")
	}
	linked := answers(compile(t, "programs/vectors.c", rig.Shared(t)...))
	modes := compile(t, "programs/modes.c")
	for mode, path := range modePaths(t) {
		if diff := cmp.Diff(linked, answers(modes, mode, path)); diff != "" {
			t.Errorf("%s (-linked +%s):\n%s", mode, mode, diff)
		}
	}
}
