package core

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/libcni/libcni/core/internal/host/netns/netnstest"
)

// TestNamespaceOfADescriptorIsThatOfTheCallerForPluginsToo: a plugin that is a process has other
// descriptors than the caller.
func TestNamespaceOfADescriptorIsThatOfTheCallerForPluginsToo(t *testing.T) {
	h := newTestHost(t)
	path := netnstest.New(t)
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	const script = `#!/bin/sh
cat >/dev/null
stat -L -c %i "$CNI_NETNS" >"$RECORD/../$CNI_COMMAND"
[ "$CNI_COMMAND" = DEL ] || echo '{"cniVersion":"1.1.0","ips":[]}'
`
	if err := os.WriteFile(filepath.Join(h.plugins, "looks"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}

	request := object{
		"containerId": "c1", "netns": fmt.Sprintf("/proc/self/fd/%d", file.Fd()),
		"network": object{"cniVersion": "1.1.0", "name": "web", "type": "looks"},
	}
	var info unix.Stat_t
	if err := unix.Fstat(int(file.Fd()), &info); err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintln(info.Ino)
	for _, command := range []string{"ADD", "DEL"} {
		h.must(strings.ToLower(command), request)
		seen, err := os.ReadFile(filepath.Join(h.dir, command))
		if err != nil || string(seen) != want {
			t.Errorf("%s: the plugin saw inode %q, %v; want %q", command, seen, err, want)
		}
	}
}

// A relative path is refused by name, by every verb that takes one, and changes nothing.
func TestRelativeNetnsIsRefused(t *testing.T) {
	h := newTestHost(t)
	network := h.bridgeNet("web")
	ns := h.attach(network, "c1", "libcni")
	for _, verb := range []string{"add", "check", "del", "repair"} {
		e := h.fails("invalid-request", verb, object{"network": network, "containerId": "c1",
			"netns": "netns/c1"})
		if msg := e["msg"].(string); !strings.Contains(msg, `"netns/c1"`) {
			t.Errorf("%s: %q does not name the path", verb, msg)
		}
	}
	h.must("check", object{"network": network, "containerId": "c1", "netns": ns})
}
