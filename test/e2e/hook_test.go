package e2e

import (
	"os"
	"strings"
	"testing"

	"github.com/libcni/libcni/test/rig"
)

// hooks are those of crun-hook.c in a configuration.
func (h *host) hooks(program string) map[string]any {
	hook := func(verb string) []map[string]any {
		return []map[string]any{{
			"path": program, "args": []string{"crun-hook", verb, h.options()},
			"env": []string{"LD_LIBRARY_PATH=" + libraryDir(h.T)},
		}}
	}
	return map[string]any{"createRuntime": hook("attach"), "poststop": hook("detach")}
}

// runtimes are the commands of unmodified runtimes.
var runtimes = map[string][]string{
	"crun": {"crun", "--cgroup-manager=disabled"},
	"runc": {"runc"},
}

func TestHookAttachesAndDetaches(t *testing.T) {
	program := example(t, "crun-hook")
	for name, runtime := range runtimes {
		for _, network := range []string{"a name", "a path"} {
			t.Run(name+", the network is "+network, func(t *testing.T) {
				h := newHost(t)
				annotation := "web"
				if network == "a path" {
					annotation = h.Path("conf/web.conflist")
				}
				h.bundle(map[string]string{"libcni.network": annotation, "libcni.capabilityArgs": published},
					h.hooks(program))
				args := append(runtime[1:], "run", "--detach", "--bundle", h.Path("bundle"), h.id)
				c := h.start(nil, runtime[0], args...)
				if status := c.wait(); status != 0 {
					t.Fatalf("%s %v: %d: %s", runtime[0], args, status, c.errors())
				}
				h.fetchFromContainer()
				h.kill(runtime[0])
				rig.Run(h.T, runtime[0], "delete", "--force", h.id)
				h.nothingIsLeft()
			})
		}
	}
}

// In the foreground the runtime waits with signalfd for the container's end, and runs the hook
// itself.
func TestHookDetachesWhenTheContainerEnds(t *testing.T) {
	program := example(t, "crun-hook")
	for name, runtime := range runtimes {
		for _, end := range []string{"by itself", "killed"} {
			t.Run(name+" "+end, func(t *testing.T) {
				h := newHost(t)
				h.bundle(map[string]string{"libcni.network": "web", "libcni.capabilityArgs": published},
					h.hooks(program))
				c := h.start(nil, runtime[0], append(runtime[1:], "run", "--bundle", h.Path("bundle"), h.id)...)
				h.fetchFromContainer()
				want := 0
				if end == "killed" {
					h.kill(runtime[0])
					want = 137
				} else if err := c.stdin.Close(); err != nil {
					t.Fatal(err)
				}
				if status := c.wait(); status != want {
					t.Errorf("status %d, want %d: %s", status, want, c.errors())
				}
				h.nothingIsLeft()
			})
		}
	}
}

func TestHookThatCannotAttachEndsTheContainer(t *testing.T) {
	program := example(t, "crun-hook")
	for name, runtime := range runtimes {
		t.Run(name, func(t *testing.T) {
			h := newHost(t)
			// crun needs an annotation to show what a hook writes.
			h.bundle(map[string]string{"libcni.network": "nowhere", "run.oci.hooks.stderr": h.Path("hook")},
				h.hooks(program))
			c := h.launch(nil, runtime[0], append(runtime[1:], "run", "--bundle", h.Path("bundle"), h.id)...)
			if status := c.wait(); status == 0 {
				t.Error("the container ran without its network")
			}
			said, _ := os.ReadFile(h.Path("hook")) // runc has none, and says it itself
			if !strings.Contains(c.errors()+string(said), "network-not-found") {
				t.Errorf("nothing says why: %s", c.errors())
			}
			h.nothingIsLeft()
		})
	}
}

func TestHookLeavesContainersWithoutTheAnnotationAlone(t *testing.T) {
	h := newHost(t)
	h.bundle(nil, h.hooks(example(t, "crun-hook")))
	c := h.start(nil, "crun", "--cgroup-manager=disabled", "run", "--bundle", h.Path("bundle"), h.id)
	if found := h.attachments(); len(found) != 0 {
		t.Errorf("attachments: %+v", found)
	}
	if err := c.stdin.Close(); err != nil {
		t.Fatal(err)
	}
	if status := c.wait(); status != 0 {
		t.Errorf("status %d: %s", status, c.errors())
	}
}
