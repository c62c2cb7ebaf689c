package faults

import (
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

var failures = []syscall.Errno{
	syscall.ENOMEM, syscall.EIO, syscall.ENOSPC, syscall.EMFILE, syscall.EINTR, syscall.EAGAIN,
}

// impossible reports whether the kernel never returns an error for such a call, so that no code has
// to handle it: a readable socket does not return EAGAIN, and its readiness is reported once;
// waiting for a process needs no resource.
func impossible(c call, errno syscall.Errno) bool {
	switch c.number {
	case unix.SYS_RECVFROM, unix.SYS_RECVMSG, unix.SYS_READ:
		return errno == syscall.EAGAIN
	case unix.SYS_WAITID, unix.SYS_WAIT4:
		return errno != syscall.EINTR
	}
	return false
}

func TestFailingAnywhereIsAnErrorAndLeavesNothing(t *testing.T) {
	servers := map[string]server{"command": command(t), "library": library(t)}
	for name, s := range servers {
		for _, method := range []string{"add", "del", "check"} {
			t.Run(name+"/"+method, func(t *testing.T) {
				t.Parallel()
				failAnywhere(t, newHost(t, s), method)
			})
		}
	}
	for _, method := range []string{"add", "del", "check"} {
		t.Run("ptp/"+method, func(t *testing.T) {
			t.Parallel()
			h := newHost(t, command(t))
			h.ptp = true
			failAnywhere(t, h, method)
		})
	}
}

func failAnywhere(t testing.TB, h *host, method string) {
	before := h.settled()
	if method != "add" {
		h.must("add", h.attachment())
	}
	count := h.count(forFailure, method)
	h.must("del", h.attachment())
	reported := map[string]int{}
	for _, n := range points(t, count*len(failures), 40) {
		at, errno := (n-1)/len(failures)+1, failures[(n-1)%len(failures)]
		if method != "add" {
			h.must("add", h.attachment())
		}
		tr := &tracer{counts: forFailure, decide: func(c call) verdict {
			if c.n == at && !impossible(c, errno) {
				return verdict{fail: errno}
			}
			return verdict{}
		}}
		started := time.Now()
		status, out, errOut := h.traced(tr, method, h.attachment())
		what := func() string { return method + ", " + errno.Error() + " at " + join(tr.hit) }
		if status.ExitStatus() != 0 {
			t.Errorf("=%d: %s: the process ended with %d, signal %v: %s", n, what(), status.ExitStatus(),
				status.Signal(), errOut)
		} else {
			a := h.parse(out)
			h.examine(n, what(), a, method, before)
			reported[a.Response.Kind]++
			if testing.Verbose() && a.RC != 0 {
				t.Logf("=%d: %s: %v", n, what(), a)
			}
			if took := time.Since(started); took > 4*time.Second {
				t.Errorf("=%d: %s: it took %v: %v", n, what(), took, a)
			}
		}
		if a := h.call("del", h.attachment()); a.RC != 0 {
			t.Errorf("=%d: %s: DEL afterwards: %v", n, what(), a)
		}
		if more := left(before, h.state()); len(more) > 0 {
			t.Fatalf("=%d: %s: after DEL there is still %q; it had answered %s", n, what(), more, out)
		}
	}
	t.Logf("answers by kind: %v", reported)
}

// examine checks the answer to a request during which one system call failed.
func (h *host) examine(n int, what string, a answer, method, before string) {
	h.T.Helper()
	if a.RC == 0 {
		h.believe(n, what, a, method, before)
		return
	}
	r := a.Response
	if !slices.Contains(honest, r.Kind) || r.Msg == "" {
		h.T.Errorf("=%d: %s: not a true and clear error: %v", n, what, a)
	}
	if method == "add" && (r.RolledBack == nil || *r.RolledBack) {
		if more := left(before, h.state()); len(more) > 0 {
			h.T.Errorf("=%d: %s: said to be rolled back, or not begun, and there is still %q: %v", n, what,
				more, a)
		}
	}
}

// believe finds out whether success is one.
func (h *host) believe(n int, what string, a answer, method, before string) {
	h.T.Helper()
	switch method {
	case "add":
		if check := h.call("check", h.attachment()); check.RC != 0 {
			h.T.Errorf("=%d: %s: it answered %v, and CHECK says %v", n, what, a, check)
		}
	case "del":
		if more := left(before, h.state()); len(more) > 0 {
			h.T.Errorf("=%d: %s: it answered %v, and there is still %q", n, what, a, more)
		}
	}
}

func join(calls []call) string {
	var all []string
	for _, c := range calls {
		all = append(all, c.String())
	}
	return strings.Join(all, ", ")
}
