package conformance

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/libcni/libcni/test/rig"
)

type object = map[string]any

// driver is a process that calls one implementation.
type driver struct {
	t      testing.TB
	ours   bool
	pid    int
	stdin  io.WriteCloser
	stdout *bufio.Reader
}

// answer is what a call returned.
type answer struct {
	rc       int
	response json.RawMessage
}

// reference starts Go's libcni in the host.
func (h *host) reference(env ...string) *driver {
	return h.start(filepath.Join(rig.Peers(h.T), "golibcni"), env)
}

// ours starts a C program with libcni.so in the host.
func (h *host) ours(env ...string) *driver {
	h.T.Helper()
	d := h.start(program(h.T), env)
	d.ours = true
	return d
}

func (h *host) start(program string, env []string) *driver {
	h.T.Helper()
	cmd := exec.Command(program)
	for _, pair := range os.Environ() {
		if !strings.HasPrefix(pair, "CNI_") {
			cmd.Env = append(cmd.Env, pair)
		}
	}
	cmd.Env = append(cmd.Env, env...)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		h.T.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		h.T.Fatal(err)
	}
	var stderr strings.Builder
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		h.T.Fatal(err)
	}
	h.T.Cleanup(func() {
		stdin.Close()
		if err := cmd.Wait(); err != nil {
			h.T.Errorf("%s: %v\n%s", filepath.Base(program), err, stderr.String())
		}
	})
	return &driver{t: h.T, pid: cmd.Process.Pid, stdin: stdin, stdout: bufio.NewReader(stdout)}
}

// call makes one call. It may fail; must may not.
func (d *driver) call(method string, request object) answer {
	d.t.Helper()
	a, err := d.try(method, request)
	if err != nil {
		d.t.Fatalf("%s: %v", method, err)
	}
	return a
}

// try is call for goroutines other than the test's.
func (d *driver) try(method string, request object) (answer, error) {
	text, err := json.Marshal(request)
	if err != nil {
		return answer{}, err
	}
	if _, err := fmt.Fprintf(d.stdin, "%s %s\n", method, text); err != nil {
		return answer{}, err
	}
	line, err := d.stdout.ReadString('\n')
	if err != nil {
		return answer{}, fmt.Errorf("no answer: %w", err)
	}
	var a answer
	var nanoseconds int64
	if _, err := fmt.Sscanf(line, "%d %d", &a.rc, &nanoseconds); err != nil {
		return answer{}, fmt.Errorf("%q: %w", line, err)
	}
	a.response = json.RawMessage(strings.SplitN(strings.TrimSpace(line), " ", 3)[2])
	return a, nil
}

func (d *driver) must(method string, request object) json.RawMessage {
	d.t.Helper()
	a := d.call(method, request)
	if a.rc != 0 {
		d.t.Fatalf("%s %v: %d\n%s", method, request["containerId"], a.rc, a.response)
	}
	return a.response
}

// with returns a request with more keys.
func with(request object, more ...object) object {
	all := object{}
	for _, part := range append([]object{request}, more...) {
		for key, value := range part {
			all[key] = value
		}
	}
	return all
}

// namespaces returns the network namespaces that threads of the driver stay in. A thread that has
// just done its work takes a moment to end.
func (d *driver) namespaces() []string {
	d.t.Helper()
	var all []string
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		links, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/ns/net", d.pid))
		if err != nil {
			d.t.Fatal(err)
		}
		all = nil
		for _, link := range links {
			if name, err := os.Readlink(link); err == nil { // else the thread is gone
				all = append(all, name)
			}
		}
		slices.Sort(all)
		all = slices.Compact(all)
		if len(all) == 1 || time.Now().After(deadline) {
			return all
		}
	}
}
