package chain

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/libcni/libcni/test/rig"
)

// TestNoProcessIsStarted lets every verb of the chain do its work in a process that the kernel
// kills if it makes another one or executes a program.
func TestNoProcessIsStarted(t *testing.T) {
	h := newHost(t)
	p := h.start("alone")
	p.must("status", object{"network": h.network("a")})
	c := h.attachment("a", "c1", p.namespace("c1"), 8080)
	p.must("add", c)
	p.must("check", c)
	rig.Run(h.T, "nft", "flush", "ruleset")
	if a := p.call("check", c); a.Kind != "drift" {
		t.Errorf("CHECK without rules: %d %s", a.rc, a.text)
	}
	p.must("repair", c)
	p.must("check", c)
	p.must("gc",
		object{
			"network": h.network("a"), "validAttachments": []object{{"containerId": "c1", "ifName": "eth0"}},
			"asOf": p.must("attachments", nil).AsOf,
		})
	p.must("del", c)
	p.must("del", c)
}

// TestAProcessWouldBeNoticed shows that the test above tests something.
func TestAProcessWouldBeNoticed(t *testing.T) {
	h := newHost(t)
	rig.Must(t, os.Mkdir(h.Path("plugins"), 0o755))
	rig.Must(t,
		os.WriteFile(filepath.Join(h.Path("plugins"), "pass"), []byte("#!/bin/sh\ncat\n"), 0o755))
	p := h.start("alone")
	c := h.attachment("a", "c1", p.namespace("c1"), 8080)
	c["network"] = h.network("a", object{"type": "pass"})
	rig.Must(t, p.send("add", c))
	if a, err := p.receive(); err == nil {
		t.Fatalf("answers %d %s", a.rc, a.text)
	}
	_ = p.cmd.Wait() // its error is the status
	if status := p.cmd.ProcessState.Sys().(syscall.WaitStatus); status.Signal() != syscall.SIGSYS {
		t.Errorf("ended with %v", p.cmd.ProcessState)
	}
}
