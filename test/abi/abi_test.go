// Package abi tests libcni as C programs meet it: it compiles the programs of this directory against the header and the
// built library, runs them, and looks at the library's file.
package abi

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

const root = "../.."

// library is the path of the shared library under test; the static one lies beside it.
func library(t *testing.T) string {
	t.Helper()
	path := os.Getenv("CNI_LIBRARY")
	if path == "" {
		path = filepath.Join(root, "build", "libcni.so")
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

// compile makes a program of a C file and returns its path.
func compile(t *testing.T, source string, flags ...string) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "program")
	args := append([]string{"-std=c99", "-Wall", "-Wextra", "-Werror", "-O1", "-I" + root + "/include", "-o", program, source}, flags...)
	run(t, "cc", args...)
	return program
}

// dynamic are the flags that link the shared library, so that the program finds it.
func dynamic(t *testing.T) []string {
	dir := filepath.Dir(library(t))
	return []string{"-L" + dir, "-lcni", "-pthread", "-Wl,-rpath," + dir}
}

// static are the flags that link the static library, as build/libcni.pc has them.
func static(t *testing.T) []string {
	return []string{filepath.Join(filepath.Dir(library(t)), "libcni.a"), "-pthread"}
}

// run runs a command and returns its output.
func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// deadline ends a program that hangs.
func deadline(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// runTests runs a program made with check.h, and makes each of its tests a subtest.
func runTests(t *testing.T, program string, args ...string) {
	t.Helper()
	out, err := exec.CommandContext(deadline(t), program, args...).CombinedOutput()
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
