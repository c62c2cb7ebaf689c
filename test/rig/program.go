package rig

import (
	"bufio"
	"context"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Compile makes a program of a C source, which lasts as long as the test, and returns its path.
func Compile(t testing.TB, source string, flags ...string) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), strings.TrimSuffix(filepath.Base(source), ".c"))
	CompileTo(t, program, source, flags...)
	return program
}

// CompileTo compiles a C source against the header, without a warning. Later flags win.
func CompileTo(t testing.TB, program, source string, flags ...string) {
	t.Helper()
	args := []string{"-std=gnu99", "-Wall", "-Wextra", "-Werror", "-O1", "-I" + Root + "/include"}
	args = append(args, "-o", program, source)
	Run(t, "cc", append(args, flags...)...)
}

// Shared returns the flags that link the shared library so that the program finds it.
func Shared(t testing.TB) []string {
	t.Helper()
	dir := filepath.Dir(Library(t))
	return []string{"-L" + dir, "-lcni", "-pthread", "-Wl,-rpath," + dir}
}

// limit bounds a program of tests.
const limit = 3 * time.Minute

// RunTests runs a program made with check.h, which prints "ok NAME" or "not ok NAME: REASON" for
// each of its tests, and makes each a subtest.
func RunTests(t *testing.T, program string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	command := exec.CommandContext(ctx, program, args...)
	command.WaitDelay = time.Second // processes that a killed call leaves may hold the pipe
	out, err := command.CombinedOutput()

	ran := 0
	for lines := bufio.NewScanner(strings.NewReader(string(out))); lines.Scan(); {
		verdict, name, ok := strings.Cut(lines.Text(), "ok ")
		if !ok || verdict != "" && verdict != "not " {
			t.Logf("%s", lines.Text())
			continue
		}
		ran++
		name, reason, _ := strings.Cut(name, ": ")
		t.Run(name, func(t *testing.T) {
			if verdict != "" {
				t.Error(reason)
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
