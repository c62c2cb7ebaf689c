package e2e

import (
	"os"
	"strings"
	"testing"
)

func (h *host) crunRun(program string) (env []string, args []string) {
	env = []string{
		"LD_LIBRARY_PATH=" + libraryDir(h.T), "NETWORK_OPTIONS=" + h.options(),
		"CAPABILITY_ARGS=" + published,
	}
	return env,
		[]string{
			program, h.Path("conf/web.conflist"), h.Path("bundle"), h.id, "--cgroup-manager=disabled",
		}
}

func TestCrunRunAttachesRunsAndCleansUp(t *testing.T) {
	program := example(t, "crun-run")
	for _, test := range []struct {
		name string
		end  func(h *host, c *container) error
		want int
	}{
		{"the container ends", func(_ *host, c *container) error { return c.stdin.Close() }, 0},
		{
			"the container is killed",
			func(h *host, _ *container) error { h.kill("crun"); return nil },
			137,
		},
		{
			"crun-run gets SIGINT",
			func(_ *host, c *container) error { return c.cmd.Process.Signal(os.Interrupt) }, 7,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := newHost(t)
			h.bundle(nil, nil)
			env, args := h.crunRun(program)
			c := h.start(env, args[0], args[1:]...)
			h.fetchFromContainer()
			if err := test.end(h, c); err != nil {
				t.Fatal(err)
			}
			if status := c.wait(); status != test.want {
				t.Errorf("status %d, want %d: %s", status, test.want, c.errors())
			}
			h.nothingIsLeft()
		})
	}
}

func TestCrunRunCleansUpWhenTheContainerCannotRun(t *testing.T) {
	h := newHost(t)
	h.bundle(nil, nil)
	if err := os.Remove(h.Path("bundle/rootfs/bin/busybox")); err != nil {
		t.Fatal(err)
	}
	env, args := h.crunRun(example(t, "crun-run"))
	c := h.launch(env, args[0], args[1:]...)
	if status := c.wait(); status == 0 || !strings.Contains(c.errors(), "busybox") {
		t.Errorf("status %d: %s", status, c.errors())
	}
	h.nothingIsLeft()
}
