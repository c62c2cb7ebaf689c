package abi

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/libcni/libcni/test/rig"
)

// command is the path of the command under test.
func command(t *testing.T) string {
	t.Helper()
	path := os.Getenv("CNI_COMMAND_PATH")
	if path == "" {
		path = filepath.Join(root, "build", "cni")
	}
	path, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("%v; run make first", err)
	}
	return path
}

func TestVectorsInEachMode(t *testing.T) {
	program := compile(t, "programs/modes.c")
	for mode, path := range map[string]string{"in-process": rig.Library(t), "isolated": rig.Library(t), "exec": command(t)} {
		t.Run(mode, func(t *testing.T) { replay(t, program, mode, path) })
	}
}

// moment is the one part of an answer that is another one each time.
var moment = regexp.MustCompile(`"asOf":"[^"]*"`)

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
		return strings.Split(moment.ReplaceAllString(string(out), `"asOf":"now"`), "\n")
	}
	linked := answers(compile(t, "programs/vectors.c", rig.Shared(t)...))
	modes := compile(t, "programs/modes.c")
	for mode, path := range map[string]string{"in-process": rig.Library(t), "isolated": rig.Library(t), "exec": command(t)} {
		if diff := cmp.Diff(linked, answers(modes, mode, path)); diff != "" {
			t.Errorf("%s (-linked +%s):\n%s", mode, mode, diff)
		}
	}
}
