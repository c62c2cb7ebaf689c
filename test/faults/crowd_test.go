package faults

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/libcni/libcni/test/rig"
)

// TestCrowdsAttachAndDetachAtRandom has 64 threads, in 4 processes, at work on one network, with
// containers of their own and shared ones, for CNI_CROWD_SECONDS (default 20).
func TestCrowdsAttachAndDetachAtRandom(t *testing.T) {
	const processes, threads = 4, 16
	h := newHost(t, library(t))
	seconds := os.Getenv("CNI_CROWD_SECONDS")
	if seconds == "" {
		seconds = "20"
	}
	before := h.settled()
	namespaces := h.namespaces(processes * threads)
	program := rig.Compile(t, "programs/crowd.c", rig.Shared(t)...)
	var outputs [processes]bytes.Buffer
	var running [processes]*exec.Cmd
	for i := range running {
		cmd := exec.Command(program, strconv.Itoa(threads), seconds, strconv.Itoa(i*threads))
		cmd.Env = append(environment(), namespaces...)
		cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(h.base()), &outputs[i], &outputs[i]
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		running[i] = cmd
	}
	for i, cmd := range running {
		if err := cmd.Wait(); err != nil {
			t.Errorf("process %d: %v", i, err)
		}
		h.judgeCrowd(i, strings.TrimSpace(outputs[i].String()))
	}
	h.uniqueAddresses()
	for i := range processes * threads {
		if a := h.call("del", map[string]any{"containerId": fmt.Sprintf("c%d", i)}); a.RC != 0 {
			t.Errorf("DEL afterwards: %v", a)
		}
	}
	if more := left(before, h.state()); len(more) > 0 {
		t.Errorf("there is still %q", more)
	}
	h.nothingInside(namespaces)
}

// namespaces makes some, and returns their paths as the program crowd wants them in its
// environment.
func (h *host) namespaces(count int) []string {
	var env []string
	for i := range count {
		path := h.Path(fmt.Sprintf("netns%d", i))
		h.T.Cleanup(func() { _ = unix.Unmount(path, unix.MNT_DETACH) })
		h.must("netns.create", map[string]any{"path": path})
		env = append(env, fmt.Sprintf("NETNS_%d=%s", i, path))
	}
	return env
}

// base is what requests have in common, without the braces.
func (h *host) base() []byte {
	options := h.options()
	options["timeoutMs"] = 60000
	data, err := json.Marshal(map[string]any{"network": h.network(), "options": options})
	if err != nil {
		h.T.Fatal(err)
	}
	return data[1 : len(data)-1]
}

func (h *host) judgeCrowd(process int, output string) {
	h.T.Helper()
	lines := strings.Split(output, "\n")
	var added, removed, conflicts int
	if n, _ := fmt.Sscan(lines[len(lines)-1], &added, &removed, &conflicts); n != 3 || added < 5 ||
		removed < 5 || conflicts == 0 {
		h.T.Errorf("process %d: ADD, DEL, ADD in vain: %s", process, lines[len(lines)-1])
	}
	for i, line := range lines[:len(lines)-1] {
		if i < 10 {
			h.T.Errorf("process %d: %s", process, line)
		}
	}
	h.T.Logf("process %d: ADD, DEL, ADD in vain: %s", process, lines[len(lines)-1])
}

// uniqueAddresses looks at the attachments that there are.
func (h *host) uniqueAddresses() {
	h.T.Helper()
	var list struct {
		Response struct {
			Attachments []struct {
				ContainerID, IfName, State string
				Result                     struct{ IPs []struct{ Address string } }
			}
		}
	}
	if err := json.Unmarshal([]byte(h.must("attachments", nil).raw), &list); err != nil {
		h.T.Fatal(err)
	}
	owners := map[string]string{}
	for _, a := range list.Response.Attachments {
		if a.State != "attached" || len(a.Result.IPs) != 2 {
			h.T.Errorf("%s %s is %s with %v", a.ContainerID, a.IfName, a.State, a.Result.IPs)
		}
		for _, ip := range a.Result.IPs {
			if other := owners[ip.Address]; other != "" {
				h.T.Errorf("%s and %s %s have %s", other, a.ContainerID, a.IfName, ip.Address)
			}
			owners[ip.Address] = a.ContainerID + " " + a.IfName
		}
	}
	leases, _ := filepath.Glob(h.Path("leases/web/[0-9f]*"))
	if len(owners) == 0 || len(leases) != len(owners) {
		h.T.Errorf("%d addresses are in use, and %d are leased", len(owners), len(leases))
	}
}

func (h *host) nothingInside(namespaces []string) {
	h.T.Helper()
	for _, variable := range namespaces {
		_, h.netns, _ = strings.Cut(variable, "=")
		if _, inside, _ := strings.Cut(h.state(), "container:\n"); inside != "lo\n" &&
			!strings.HasPrefix(inside, "lo 127.0.0.1/8 ::1/128\n") {
			h.T.Errorf("in %s there is still %q", h.netns, inside)
		}
	}
}
