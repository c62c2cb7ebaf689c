package kittest

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// hidden is what a container runtime mounts over a part of /proc, so that settings cannot be
// written.
type hidden struct {
	name, over string
	commands   [][]string
	// pidNamespace: an ordinary user needs a PID namespace for it, since the kernel refuses to mount
	// proc of a PID namespace that belongs to another user namespace.
	pidNamespace bool
}

var hiddens = []hidden{
	{name: "read-only /proc/sys", over: "/proc/sys", commands: [][]string{
		{"mount", "--bind", "/proc/sys", "/proc/sys"},
		{"mount", "-o", "remount,bind,ro", "/proc/sys"}}},
	{name: "/proc with subset=pid", over: "/proc", pidNamespace: true, commands: [][]string{
		{"mount", "-t", "proc", "-o", "subset=pid", "proc", "/proc"}}},
}

// WithoutSysctls runs a test for each way in which settings cannot be written. They cannot from the
// test's call of hide to its end.
func WithoutSysctls(t *testing.T, test func(t *testing.T, hide func(*testing.T))) {
	for _, h := range hiddens {
		t.Run(h.name, func(t *testing.T) {
			if h.pidNamespace && os.Getenv(inPIDNamespace) == "" {
				runInPIDNamespace(t)
				return
			}
			test(t, h.mount)
		})
	}
}

func (h hidden) mount(t *testing.T) {
	t.Helper()
	for _, command := range h.commands {
		Run(t, command[0], command[1:]...)
	}
	t.Cleanup(func() { Run(t, "umount", h.over) })
}

// inPIDNamespace is the variable that runInPIDNamespace sets for the process it starts.
const inPIDNamespace = "LIBCNI_TEST_PIDNS"

// runInPIDNamespace runs this test in a process with a PID namespace of its own.
func runInPIDNamespace(t *testing.T) {
	t.Helper()
	levels := strings.Split(t.Name(), "/")
	for i, level := range levels {
		levels[i] = "^" + regexp.QuoteMeta(level) + "$"
	}
	cmd := exec.Command("unshare", "--pid", "--fork", "--mount-proc", os.Args[0], "-test.v",
		"-test.run="+strings.Join(levels, "/"))
	cmd.Env = append(os.Environ(), inPIDNamespace+"=1")
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()+" ") {
		t.Errorf("%v\n%s", err, out)
	}
}
