// Package dl tests cni_dl.h: it compiles hosts against the header alone, and has them call the
// library in each mode.
package dl

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/libcni/libcni/test/rig"
)

// compile makes a program against the header, with the checks that the programs of test/abi share.
func compile(t *testing.T, source string, flags ...string) string {
	t.Helper()
	return rig.Compile(t, "programs/"+source, append(flags, "-I../abi/programs")...)
}

// ways are the modes in which the library is kept out of the host, each with the real thing and
// with the stub.
func ways(t *testing.T) map[string][]string {
	return map[string][]string{
		"isolated": {rig.Library(t), compile(t, "stub.c", "-shared", "-fPIC")},
		"exec":     {rig.Command(t), compile(t, "stub.c", "-DCOMMAND")},
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

func TestCallsInChildren(t *testing.T) {
	program := compile(t, "calls.c")
	for mode, paths := range ways(t) {
		t.Run(mode, func(t *testing.T) {
			rig.RunTests(t, program, append(append([]string{mode}, paths...), pluginDir(t))...)
		})
	}
}

func TestHelpers(t *testing.T) {
	stub := compile(t, "stub.c", "-shared", "-fPIC")
	for name, flags := range map[string][]string{
		"plain": nil, "sanitized": {"-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"},
	} {
		t.Run(name, func(t *testing.T) {
			rig.RunTests(t, compile(t, "helpers.c", flags...), rig.Library(t), rig.Command(t), stub,
				compile(t, "stub.c", "-DCOMMAND"), t.TempDir())
		})
	}
}
