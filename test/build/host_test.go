package build

import (
	"context"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/libcni/libcni/test/rig"
)

const root = "../.."

// patience ends a program that hangs, as one does whose Go was not started.
const patience = 20 * time.Second

// command returns a command that runs in the repository's root.
func command(name string, args ...string) *exec.Cmd {
	c := exec.Command(name, args...)
	c.Dir = root
	c.Env = slices.DeleteFunc(os.Environ(), fromMake)
	return c
}

// succeed runs a command and returns its output.
func succeed(t *testing.T, c *exec.Cmd) string {
	t.Helper()
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(c.Args, " "), err, out)
	}
	return string(out)
}

// build returns the directory with what "make" built.
func build(t *testing.T) string {
	t.Helper()
	return filepath.Dir(rig.Library(t))
}

// script writes an executable shell script and returns its path.
func script(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// call compiles a program with cc, runs it with one request, and expects an answer. The program
// shows that Go starts: the answer is the engine's.
func call(t *testing.T, flags ...string) {
	t.Helper()
	program := filepath.Join(t.TempDir(), "program")
	compile := []string{"-Wall", "-Werror", "-Iinclude", "-o", program, "test/abi/programs/vectors.c"}
	succeed(t, command("cc", append(compile, flags...)...))

	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	run := exec.CommandContext(ctx, program)
	run.Stdin = strings.NewReader("convert " + hex.EncodeToString([]byte(`{"unknown":1}`)) + "\n")
	out := succeed(t, run)
	if !strings.HasPrefix(out, "-22 {") || !strings.Contains(out, `"kind":"invalid-request"`) {
		t.Errorf("it answers %s", out)
	}
}

// fromMake reports whether a variable is one that the "make" above this test hands to others.
func fromMake(variable string) bool {
	name, _, _ := strings.Cut(variable, "=")
	return name == "MAKEFLAGS" || name == "MAKELEVEL" || name == "MFLAGS"
}
