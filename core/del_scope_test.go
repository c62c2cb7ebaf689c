package core

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/libcni/libcni/core/internal/host/netns/netnstest"
)

// names returns the containers that a key of an answer names.
func names(answer object, key string) string {
	var ids []string
	list, _ := answer[key].([]any)
	for _, one := range list {
		ids = append(ids, one.(object)["containerId"].(string))
	}
	return strings.Join(ids, " ")
}

// Two containers of different runtimes may have the same identifier. What the second undoes is not
// the first one's.
func TestDelLeavesTheAttachmentOfAnotherContainer(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(h *testHost, del object, ns string)
		left   bool
	}{
		{"its namespace", func(*testHost, object, string) {}, false},
		{"another living namespace", func(h *testHost, del object, _ string) {
			del["netns"] = netnstest.New(h.t)
		}, true},
		{"the network, in another living namespace", func(h *testHost, del object, _ string) {
			del["network"], del["netns"] = "web", netnstest.New(h.t)
		}, true},
		{"the configuration, in another living namespace", func(h *testHost, del object, _ string) {
			del["network"], del["netns"] = h.bridgeNet("web"), netnstest.New(h.t)
		}, true},
		{"with force", func(h *testHost, del object, _ string) {
			del["netns"], del["force"] = netnstest.New(h.t), true
		}, true},
		{"the path leads nowhere, and is another one", func(_ *testHost, del object, _ string) {
			del["netns"] = "/proc/4194304/ns/net"
		}, true},
		{"the path leads nowhere, and is the one of the ADD", func(h *testHost, _ object, ns string) {
			h.must("netns.delete", object{"path": ns})
		}, false},
		{"the path leads nowhere, and the namespace is gone", func(h *testHost, del object, ns string) {
			h.must("netns.delete", object{"path": ns})
			del["netns"] = "/proc/4194304/ns/net"
		}, false},
		{"the path of the ADD leads to another namespace", func(h *testHost, _ object, ns string) {
			h.must("netns.delete", object{"path": ns})
			h.must("netns.create", object{"path": ns})
		}, false},
		{"no namespace", func(_ *testHost, del object, _ string) { delete(del, "netns") }, false},
		{"its owner", func(_ *testHost, del object, _ string) {
			del["options"] = object{"owner": "me"}
		}, false},
		{"every owner", func(_ *testHost, del object, _ string) {
			del["options"] = object{"owner": "*"}
		}, false},
		{"another owner", func(_ *testHost, del object, _ string) {
			del["options"] = object{"owner": "you"}
		}, true},
		{"another owner without a namespace", func(_ *testHost, del object, _ string) {
			delete(del, "netns")
			del["options"] = object{"owner": "libcni"}
		}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := newTestHost(t)
			ns := netnstest.New(t)
			h.must("add", object{"network": h.bridgeNet("web"), "containerId": "c1", "netns": ns,
				"options": object{"owner": "me"}})
			before := links(t) + "|" + h.leases("web") + "|" + h.stateFiles()
			del := object{"containerId": "c1", "netns": ns}
			test.change(h, del, ns)

			answer := h.must("del", del)
			removed, left := names(answer, "removed"), names(answer, "left")
			if answer["found"] != true || (left == "c1") != test.left || (removed == "c1") == test.left {
				t.Errorf("answer %v", answer)
			}
			after := links(t) + "|" + h.leases("web") + "|" + h.stateFiles()
			if test.left != (after == before) {
				t.Errorf("before %s\nafter  %s", before, after)
			}
			if !test.left {
				return
			}
			h.must("check", object{"containerId": "c1"})
			if events := strings.Join(h.events, "\n"); !strings.Contains(events, "left attached") {
				t.Errorf("no warning says why: %s", events)
			}
		})
	}
}

// A path below /proc leads elsewhere in another PID namespace, and when a process ID is used again.
func TestDelWithThePathOfAReusedProcessID(t *testing.T) {
	h := newTestHost(t)
	ns := netnstest.New(t)
	h.must("add", object{"network": h.bridgeNet("web"), "containerId": "c1", "netns": ns})
	elsewhere := fmt.Sprintf("/proc/%d/ns/net", startProcess(t).Pid)
	h.rewrite("cache/results/web-c1-eth0", func(entry string) string {
		return strings.ReplaceAll(entry, ns, elsewhere)
	})

	answer := h.must("del", object{"containerId": "c1", "netns": elsewhere})
	if names(answer, "left") != "c1" {
		t.Errorf("answer %v", answer)
	}
	h.must("check", object{"containerId": "c1", "netns": ns})
}

// startProcess starts a process in a network namespace of its own.
func startProcess(t *testing.T) *os.Process {
	t.Helper()
	process := exec.Command("sleep", "600")
	process.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = process.Process.Kill()
		_ = process.Wait() // the signal is its end
	})
	return process.Process
}
