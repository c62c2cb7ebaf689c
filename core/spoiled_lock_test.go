package core

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/libcni/libcni/core/internal/host/netns/netnstest"
	"github.com/libcni/libcni/core/internal/kit/kittest"
)

// What lies in place of a lock file is trouble with the state on disk, for each lock and verb, also
// if an ADD cannot be taken back because of it.
func TestSpoiledLocksAreStateForEachVerb(t *testing.T) {
	spoilers := map[string]func(path string) error{
		"FIFO":      func(path string) error { return unix.Mkfifo(path, 0o600) },
		"directory": func(path string) error { return os.Mkdir(path, 0o700) },
	}
	for lock, verbs := range map[string][]string{
		"cache/libcni/locks/calls": {"add", "check", "repair", "gc", "del"},
		"run/locks/nft":            {"add", "repair", "gc", "del"},
		"run/locks/bridge.br-web":  {"add"},
		"leases/web/lock":          {"add", "gc", "del"},
	} {
		for _, verb := range verbs {
			for what, spoil := range spoilers {
				t.Run(lock+" is a "+what+" for "+verb, func(t *testing.T) {
					h := newTestHost(t)
					network := h.masqueraded("web")
					ns, second := netnstest.New(t), netnstest.New(t)
					first := object{"network": network, "containerId": "c1", "netns": ns}
					h.must("add", first)
					asOf := h.must("attachments", object{})["asOf"]
					if verb == "repair" {
						kittest.Run(t, "nft", "flush", "ruleset")
					}
					if lock == "run/locks/bridge.br-web" {
						kittest.Run(t, "ip", "link", "delete", "br-web")
					}
					path := filepath.Join(h.dir, lock)
					if err := os.RemoveAll(path); err != nil {
						t.Fatal(err)
					}
					if err := spoil(path); err != nil {
						t.Fatal(err)
					}

					answer := h.fails("state", verb, map[string]object{
						"add":    {"network": network, "containerId": "c2", "netns": second},
						"check":  first,
						"repair": {"network": "web", "containerId": "c1"},
						"gc":     {"network": network, "validAttachments": []any{}, "asOf": asOf},
						"del":    first,
					}[verb])
					if answer["retryable"] != false {
						t.Errorf("no retry helps: %v", answer)
					}
					_, byPlugin := answer["plugin"].(object)
					if byPlugin == (lock == "cache/libcni/locks/calls") && verb == "add" {
						t.Errorf("a plugin is named: %v; %v", byPlugin, answer)
					}
					if lock == "run/locks/nft" && verb == "add" && answer["rolledBack"] != false {
						t.Errorf("the undo needs the lock, too: %v", answer)
					}

					kittest.Must(t, os.Remove(path))
					h.must("del", object{"network": network, "containerId": "c2"})
					h.must("del", first)
				})
			}
		}
	}
}
