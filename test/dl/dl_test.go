// Package dl tests cni_dl.h: it compiles hosts against the header alone, and has them call the library in each mode.
package dl

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var strict = []string{"-Wall", "-Wextra", "-Werror", "-I../../include", "-I../abi/programs"}

// built returns the path that an environment variable names, which the Makefile sets; else that of the file in build/.
func built(t *testing.T, variable, name string) string {
	t.Helper()
	path := os.Getenv(variable)
	if path == "" {
		path = filepath.Join("../../build", name)
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

func library(t *testing.T) string { return built(t, "CNI_LIBRARY", "libcni.so") }
func command(t *testing.T) string { return built(t, "CNI_COMMAND_PATH", "cni") }

// compile makes a program of a C file and returns its path.
func compile(t *testing.T, source string, flags ...string) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "program")
	args := append(append([]string{"-std=gnu99", "-O1", "-o", program, "programs/" + source}, strict...), flags...)
	if out, err := exec.Command("cc", args...).CombinedOutput(); err != nil {
		t.Fatalf("cc %s: %v\n%s", source, err, out)
	}
	return program
}

// ways are the modes in which the library is kept out of the host, each with the real thing and with the stub.
func ways(t *testing.T) map[string][]string {
	return map[string][]string{
		"isolated": {library(t), compile(t, "stub.c", "-shared", "-fPIC")},
		"exec":     {command(t), compile(t, "stub.c", "-DCOMMAND")},
	}
}

// slow is a plugin that says when it runs, and then hangs for as long as its host lives.
const slow = `#!/bin/sh
echo > "${0%/*}/started"
read -r line < "${0%/*}/held"
`

// pluginDir makes a directory with the plugin "slow".
func pluginDir(t *testing.T) string {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "slow"), []byte(slow), 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}

// runTests runs a program made with check.h, and makes each of its tests a subtest.
func runTests(t *testing.T, program string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.WaitDelay = time.Second // what a killed call leaves may hold the pipe
	out, err := cmd.CombinedOutput()
	ran := 0
	for lines := bufio.NewScanner(strings.NewReader(string(out))); lines.Scan(); {
		verdict, name, ok := strings.Cut(lines.Text(), "ok ")
		if !ok || verdict != "" && verdict != "not " {
			t.Logf("%s", lines.Text())
			continue
		}
		ran++
		name, why, _ := strings.Cut(name, ": ")
		t.Run(name, func(t *testing.T) {
			if verdict != "" {
				t.Error(why)
			}
		})
	}
	if err != nil {
		t.Errorf("%s %v: %v\n%s", program, args, err, out)
	}
	if ran == 0 {
		t.Errorf("%s ran no test", program)
	}
}

func TestCallsInChildren(t *testing.T) {
	program := compile(t, "calls.c")
	for mode, paths := range ways(t) {
		t.Run(mode, func(t *testing.T) {
			runTests(t, program, append(append([]string{mode}, paths...), pluginDir(t))...)
		})
	}
}
