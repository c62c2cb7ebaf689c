package dl

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/libcni/libcni/test/rig"
)

// A host may forbid memfd_create and clone3 by a seccomp filter that answers EPERM.
func TestCallsWithoutMemfdAndClone3(t *testing.T) {
	const plugin = "#!/bin/sh\ncat >/dev/null\n" +
		`echo '{"cniVersion":"1.0.0","supportedVersions":["1.0.0"]}'` + "\n"
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "any"), []byte(plugin), 0o700); err != nil {
		t.Fatal(err)
	}
	program := compile(t, "denied.c")
	for mode, real := range map[string]string{"isolated": rig.Library(t), "exec": rig.Command(t),
		"inprocess": rig.Library(t)} {
		t.Run(mode, func(t *testing.T) {
			rig.RunTests(t, program, mode, real, rig.Command(t), dir)
		})
	}
}
