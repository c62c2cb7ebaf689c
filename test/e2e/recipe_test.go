package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/libcni/libcni/test/rig"
)

// runtimeHost is a host with a runtime that calls the function of docs/embedding-runtimes.md at the
// documented places. The runtime is crun, and a program makes the calls for it.
type runtimeHost struct {
	*host
	program string
	threads bool // of the program
}

func newRuntimeHost(t *testing.T) *runtimeHost {
	t.Helper()
	h := newHost(t)
	h.bundle(nil, nil)
	text, err := os.ReadFile(rig.Root + "/docs/embedding-runtimes.md")
	rig.Must(t, err)
	_, after, found := strings.Cut(string(text), "```c\n")
	recipe, _, ends := strings.Cut(after, "```")
	if !found || !ends {
		t.Fatal("docs/embedding-runtimes.md has no program")
	}
	h.Write("include/recipe.h", recipe, 0o644)
	t.Setenv("LD_LIBRARY_PATH", libraryDir(t))
	t.Setenv("PATH", libraryDir(t)+":"+os.Getenv("PATH"))
	return &runtimeHost{host: h, program: rig.Compile(t, "programs/runtime.c", "-std=c99", "-pedantic",
		"-I"+h.Path("include"))}
}

// root is a state root of crun.
func (h *runtimeHost) root(name string) string { return h.Path("root-" + name) }

func (h *runtimeHost) crun(root string, args ...string) []string {
	return append([]string{"--cgroup-manager=disabled", "--root", h.root(root)}, args...)
}

// create makes a container that waits in its namespaces, and returns the pid of its process.
func (h *runtimeHost) create(root string) (*container, int) {
	h.T.Helper()
	c := h.launch(nil, "crun", h.crun(root, "create", "--bundle", h.Path("bundle"), h.id)...)
	if status := c.wait(); status != 0 {
		h.T.Fatalf("crun create: %d: %s", status, c.errors())
	}
	h.T.Cleanup(func() {
		_ = exec.Command("crun", h.crun(root, "delete", "--force", h.id)...).Run() // it may be gone
	})
	var state struct{ Pid int }
	rig.Must(h.T, json.Unmarshal([]byte(rig.Run(h.T, "crun", h.crun(root, "state", h.id)...)), &state))
	return c, state.Pid
}

// call attaches or detaches, with the root as owner, and returns the response.
func (h *runtimeHost) call(verb, root string, pid int) (response string, ok bool) {
	h.T.Helper()
	options := strings.TrimSuffix(h.options(), "}") + fmt.Sprintf(`,"owner":%q}`, h.root(root))
	args := []string{verb, h.id, strconv.Itoa(pid), "web", options}
	if h.threads {
		args = append(args, "threads")
	}
	out, err := exec.Command(h.program, args...).CombinedOutput()
	return string(out), err == nil
}

func (h *runtimeHost) must(verb, root string, pid int) {
	h.T.Helper()
	if response, ok := h.call(verb, root, pid); !ok {
		h.T.Fatalf("%s: %s", verb, response)
	}
}

// serves starts the container and gets its page from its address.
func (h *runtimeHost) serves(root string, c *container) {
	h.T.Helper()
	rig.Run(h.T, "crun", h.crun(root, "start", h.id)...)
	c.isUp(h.T)
	h.fetchFromAddress()
}

func TestRuntimeAttachesAndDetaches(t *testing.T) {
	for _, threads := range []bool{false, true} {
		t.Run(fmt.Sprintf("threads %v", threads), func(t *testing.T) {
			h := newRuntimeHost(t)
			h.threads = threads
			c, pid := h.create("a")
			h.must("attach", "a", pid)
			h.serves("a", c)
			rig.Run(t, "crun", h.crun("a", "delete", "--force", h.id)...)
			h.must("detach", "a", pid)
			h.nothingIsLeft()
		})
	}
}

// The container of the second root cannot be attached. What its runtime undoes is not the first's.
func TestRuntimeUndoesOnlyWhatItMade(t *testing.T) {
	h := newRuntimeHost(t)
	c, pid := h.create("a")
	h.must("attach", "a", pid)
	h.serves("a", c)

	_, second := h.create("b")
	if response, ok := h.call("attach", "b", second); ok || !strings.Contains(response, `"exists"`) {
		t.Fatalf("the second container: %s", response)
	}
	h.must("detach", "b", second) // as at the label fail:
	h.fetchFromAddress()
	rig.Run(t, "crun", h.crun("b", "delete", "--force", h.id)...)
	h.must("detach", "b", second)
	h.must("detach", "b", 0)
	h.fetchFromAddress()

	rig.Run(t, "crun", h.crun("a", "delete", "--force", h.id)...)
	h.must("detach", "a", 0)
	h.nothingIsLeft()
}

// A runtime that is killed leaves no status file, and crun deletes such a container without looking
// further.
func TestRuntimeThatWasKilledIsCleanedUpAtDeletion(t *testing.T) {
	h := newRuntimeHost(t)
	_, pid := h.create("a")
	h.must("attach", "a", pid)
	rig.Must(t, syscall.Kill(pid, syscall.SIGKILL))
	rig.Must(t, os.RemoveAll(filepath.Join(h.root("a"), h.id)))
	rig.Run(t, "crun", h.crun("a", "delete", "--force", h.id)...)
	h.must("detach", "a", 0)
	h.nothingIsLeft()
}

// TestHookCleansUpAfterARuntimeThatWasKilled kills crun in its hook, after the container has been
// attached. No hook runs any more: an administrator runs it.
func TestHookCleansUpAfterARuntimeThatWasKilled(t *testing.T) {
	h := newHost(t)
	hook := example(t, "crun-hook")
	h.Write("killer", fmt.Sprintf("#!/bin/sh\n%s \"$@\" && kill -KILL $PPID\n", hook), 0o755)
	annotations := map[string]string{"libcni.network": "web", "libcni.capabilityArgs": published}
	h.bundle(annotations, h.hooks(h.Path("killer")))
	args := []string{"--cgroup-manager=disabled", "run", "--bundle", h.Path("bundle"), h.id}
	if status := h.launch(nil, "crun", args...).wait(); status == 0 {
		t.Fatal("crun was not killed")
	}
	rig.Run(t, "crun", "delete", "--force", h.id)
	if found := h.attachments(); len(found) != 1 {
		t.Fatalf("attachments: %+v", found)
	}

	cmd := exec.Command(hook, "detach", h.options())
	cmd.Env = append(os.Environ(), "LD_LIBRARY_PATH="+libraryDir(t))
	cmd.Stdin = strings.NewReader(fmt.Sprintf(`{"id":%q,"pid":0}`, h.id))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	h.nothingIsLeft()
}

// TestHookAttachesContainersWhateverTheirID includes ids that would add keys to a request.
func TestHookAttachesContainersWhateverTheirID(t *testing.T) {
	hook := example(t, "crun-hook")
	for id, recorded := range map[string]string{
		"_a":  "x._a",
		"+a":  "x..2ba",
		"-a":  "x.-a",
		"a b": "x.a.20b",
		"x.a": "x.x.2ea",
		`q"`:  "x.q.22",
		`q\n`: "x.q.5cn",
		`c1","options":{"builtins":"never","pluginDirs":["/dev"]},"x-a":"b`: "",
	} {
		t.Run(id, func(t *testing.T) {
			h := newHost(t)
			h.bundle(map[string]string{"libcni.network": "web", "libcni.capabilityArgs": published},
				h.hooks(hook))
			if strings.Contains(id, "/") {
				id = strings.ReplaceAll(id, "/dev", ".") // crun refuses slashes
			}
			args := []string{"--cgroup-manager=disabled", "run", "--bundle", h.Path("bundle"), "--", id}
			c := h.start(nil, "crun", args...)
			found := h.attachments()
			if len(found) != 1 || recorded != "" && found[0].ContainerID != recorded ||
				!strings.HasPrefix(found[0].ContainerID, "x.") {
				t.Errorf("attachments: %+v", found)
			}
			h.fetch("10.77.0.1:18080")
			rig.Must(t, c.stdin.Close())
			if status := c.wait(); status != 0 {
				t.Errorf("status %d: %s", status, c.errors())
			}
			h.nothingIsLeft()
		})
	}
}

// TestHookOfARefusedContainerLeavesTheOther runs the same id under two roots.
func TestHookOfARefusedContainerLeavesTheOther(t *testing.T) {
	h := newHost(t)
	h.bundle(map[string]string{"libcni.network": "web", "libcni.capabilityArgs": published},
		h.hooks(example(t, "crun-hook")))
	run := func(root string) []string {
		return []string{"--cgroup-manager=disabled", "--root", h.Path(root), "run", "--bundle",
			h.Path("bundle"), h.id}
	}
	c := h.start(nil, "crun", run("a")...)
	if status := h.launch(nil, "crun", run("b")...).wait(); status == 0 {
		t.Error("the second container runs")
	}
	_ = exec.Command("crun", "--root", h.Path("b"), "delete", "--force", h.id).Run() // may be gone
	h.fetchFromContainer()
	rig.Must(t, c.stdin.Close())
	if status := c.wait(); status != 0 {
		t.Errorf("status %d: %s", status, c.errors())
	}
	h.nothingIsLeft()
}
