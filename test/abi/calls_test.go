package abi

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/libcni/libcni/test/rig"
)

// plugin is an executable: it knows one version, which it takes from its environment, and can wait.
const plugin = `#!/bin/sh
if [ -n "$PLUGIN_WAITS" ]; then exec sleep 60; fi
echo "{\"cniVersion\":\"1.0.0\",\"supportedVersions\":[\"$PLUGIN_MARK\"]}"
`

func TestCallsOfOneHost(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "marked"), []byte(plugin), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, flags := range map[string][]string{"dynamic": rig.Shared(t), "static": static(t)} {
		t.Run(name, func(t *testing.T) {
			rig.RunTests(t, compile(t, "programs/calls.c", flags...), dir)
		})
	}
}
