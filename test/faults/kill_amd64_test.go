package faults

import (
	"os"
	"slices"
	"syscall"
	"testing"
)

// traced serves a request in a process whose system calls are counted and decided about. It returns
// what was printed.
func (h *host) traced(
	tr *tracer, method string, values map[string]any,
) (syscall.WaitStatus, []byte, []byte) {
	h.T.Helper()
	var files [3]*os.File
	for i, content := range [][]byte{h.request(values), nil, nil} {
		file, err := os.CreateTemp(h.Dir, "stdio")
		if err != nil {
			h.T.Fatal(err)
		}
		defer os.Remove(file.Name())
		defer file.Close()
		if _, err := file.WriteAt(content, 0); err != nil {
			h.T.Fatal(err)
		}
		files[i] = file
	}
	status := tr.run(h.T, h.server.path, append(slices.Clone(h.server.args), method), environment(),
		files)
	var printed [3][]byte
	for i, file := range files {
		data, err := os.ReadFile(file.Name())
		if err != nil {
			h.T.Fatal(err)
		}
		printed[i] = data
	}
	return status, printed[1], printed[2]
}

// count counts the calls of a request that succeeds.
func (h *host) count(counts func(call) bool, method string) int {
	h.T.Helper()
	tr := &tracer{counts: counts, decide: func(call) verdict { return verdict{} }}
	status, out, errOut := h.traced(tr, method, h.attachment())
	if status.ExitStatus() != 0 {
		h.T.Fatalf("%s, traced: %v %s", method, status, errOut)
	}
	if a := h.parse(out); a.RC != 0 {
		h.T.Fatalf("%s, traced: %v", method, a)
	}
	return tr.n
}

func TestKilledAnywhereAndCleanedUp(t *testing.T) {
	servers := map[string]server{"command": command(t), "library": library(t)}
	for name, s := range servers {
		for _, method := range []string{"add", "del"} {
			t.Run(name+"/"+method, func(t *testing.T) {
				t.Parallel()
				killAnywhere(t, newHost(t, s), method)
			})
		}
	}
	for _, method := range []string{"add", "del"} {
		t.Run("ptp/"+method, func(t *testing.T) {
			t.Parallel()
			h := newHost(t, command(t))
			h.ptp = true
			killAnywhere(t, h, method)
		})
	}
}

func killAnywhere(t testing.TB, h *host, method string) {
	before := h.settled()
	if method == "del" {
		h.must("add", h.attachment())
	}
	count := h.count(forKill, method)
	if method == "add" {
		h.must("del", h.attachment())
	}
	for i, n := range points(t, count, 30) {
		if method == "del" {
			h.must("add", h.attachment())
		}
		tr := &tracer{counts: forKill, decide: func(c call) verdict { return verdict{kill: c.n == n} }}
		status, _, _ := h.traced(tr, method, h.attachment())
		if len(tr.hit) == 0 && status.ExitStatus() == 0 {
			t.Logf("%d: it made fewer calls this time", n)
		} else if !status.Signaled() {
			t.Fatalf("%d: it was not killed: %v", n, status)
		}
		afterwards := "del"
		if i%2 == 1 {
			afterwards = "gc"
		}
		var a answer
		if afterwards == "gc" {
			a = h.gc()
		} else {
			a = h.call("del", h.attachment())
		}
		if a.RC != 0 {
			t.Errorf("killed %s at %s: %s afterwards: %v", method, join(tr.hit), afterwards, a)
		}
		if more := left(before, h.state()); len(more) > 0 {
			t.Fatalf("killed %s at %s, and after %s there is still %q", method, join(tr.hit), afterwards,
				more)
		}
	}
}
