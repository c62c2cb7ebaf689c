// Package rig is what the tests of this folder share: the programs under test, programs in C, and a
// host in a network namespace of its own. Its functions end the test when something fails.
package rig

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Root is the top of the repository, for tests of packages directly below test/.
const Root = "../.."

// Must ends the test at an error.
func Must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Library returns the path of libcni.so. The static library lies beside it.
func Library(t testing.TB) string {
	t.Helper()
	return built(t, "CNI_LIBRARY", "libcni.so")
}

// Command returns the path of the command cni.
func Command(t testing.TB) string {
	t.Helper()
	return built(t, "CNI_COMMAND_PATH", "cni")
}

// Peers returns the directory of the programs that "make peers" builds.
func Peers(t testing.TB) string {
	t.Helper()
	return built(t, "CNI_PEERS", "peers")
}

// built returns the path that the Makefile sets, or else that of a file in build/.
func built(t testing.TB, variable, name string) string {
	t.Helper()
	path := os.Getenv(variable)
	if path == "" {
		path = filepath.Join(Root, "build", name)
	}
	path, err := filepath.Abs(path)
	Must(t, err)
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("%v; run make first, and for the peers make peers", err)
	}
	return path
}

// Run runs a program that must succeed, and returns what it prints.
func Run(t testing.TB, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// Shell runs a command of the shell.
func Shell(command string) error {
	if out, err := exec.Command("sh", "-c", command).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", command, err, out)
	}
	return nil
}
