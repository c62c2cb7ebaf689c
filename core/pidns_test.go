package core

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/libcni/libcni/core/internal/host/netns/netnstest"
	"github.com/libcni/libcni/core/internal/must"
)

// elsewhereRequest makes TestRequestInAnotherPIDNamespace serve a request: the method and its JSON.
const elsewhereMethod, elsewhereRequest = "LIBCNI_TEST_METHOD", "LIBCNI_TEST_REQUEST"

// TestRequestInAnotherPIDNamespace is the process that callElsewhere starts.
func TestRequestInAnotherPIDNamespace(t *testing.T) {
	method := os.Getenv(elsewhereMethod)
	if method == "" {
		return // it has nothing to serve
	}
	_, answer := New(Options{}).Call(context.Background(), Caller{}, method,
		[]byte(os.Getenv(elsewhereRequest)))
	must.Succeed(t, os.WriteFile(os.Getenv("LIBCNI_TEST_ANSWER"), answer, 0o600))
}

// callElsewhere makes a request in another PID namespace, with /proc of that namespace.
func (h *testHost) callElsewhere(method string, request object) (answer object) {
	h.t.Helper()
	request["options"] = h.options(nil)
	data, err := json.Marshal(request)
	must.Succeed(h.t, err)
	to := h.dir + "/answer"
	cmd := exec.Command("unshare", "--pid", "--fork", "--mount-proc", os.Args[0],
		"-test.run=^TestRequestInAnotherPIDNamespace$")
	cmd.Env = append(os.Environ(), elsewhereMethod+"="+method, elsewhereRequest+"="+string(data),
		"LIBCNI_TEST_ANSWER="+to)
	if out, err := cmd.CombinedOutput(); err != nil {
		h.t.Fatalf("%s: %v\n%s", method, err, out)
	}
	data, err = os.ReadFile(to)
	must.Succeed(h.t, err)
	must.Succeed(h.t, json.Unmarshal(data, &answer))
	return answer
}

// In another PID namespace the path of a running container leads nowhere, or to another process.
func TestCallsFromAnotherPIDNamespaceLeaveRunningContainersAlone(t *testing.T) {
	for _, reused := range []bool{false, true} {
		t.Run(fmt.Sprintf("the process ID is in use there: %v", reused), func(t *testing.T) {
			h := newTestHost(t)
			network := h.bridgeNet("web")
			path := fmt.Sprintf("/proc/%d/ns/net", startProcess(t).Pid)
			h.must("add", object{"network": network, "containerId": "c1", "netns": path})
			h.age("c1")
			if reused { // process 1 of the other namespace is in the host's network namespace
				h.rewrite("cache/results/web-c1-eth0", func(entry string) string {
					return strings.ReplaceAll(entry, path, "/proc/1/ns/net")
				})
			}

			list, _ := h.callElsewhere("attachments", object{})["attachments"].([]any)
			if len(list) != 1 || list[0].(object)["state"] != "attached" {
				t.Errorf("attachments: %v", list)
			}
			gc := h.callElsewhere("gc", object{"network": network,
				"asOf":             h.must("attachments", object{})["asOf"],
				"validAttachments": []any{object{"containerId": "c1", "ifName": "eth0"}}})
			if removed, ok := gc["removed"].([]any); !ok || len(removed) != 0 {
				t.Errorf("GC: %v", gc)
			}
			if del := h.callElsewhere("del", object{"containerId": "c1",
				"netns": "/proc/2/ns/net"}); names(del, "left") != "c1" {
				t.Errorf("DEL: %v", del)
			}
			h.must("check", object{"containerId": "c1", "netns": path})
		})
	}
}

// What a failed ADD left gives way once its namespace is gone, also to an ADD that is not shown all
// namespaces.
func TestRemainsGiveWayInAnotherPIDNamespace(t *testing.T) {
	h := newTestHost(t)
	h.recorder("last")
	port := object{"portMappings": []any{object{"hostPort": 8080, "containerPort": 80}}}
	portmap := object{"type": "portmap", "capabilities": object{"portMappings": true}}
	ns := netnstest.New(t)
	h.fails("plugin-failed", "add", object{
		"network":     h.bridgeNet("web", portmap, object{"type": "last", "fail": "ADD"}),
		"containerId": "c1", "netns": ns, "capabilityArgs": port,
		"options": object{"rollback": false},
	})
	add := object{"network": h.bridgeNet("mail", portmap), "containerId": "c2",
		"netns": netnstest.New(t), "capabilityArgs": port}
	if answer := h.callElsewhere("add", add); answer["kind"] != "exists" {
		t.Errorf("while the namespace exists: %v", answer)
	}
	h.must("netns.delete", object{"path": ns})
	if answer := h.callElsewhere("add", add); answer["kind"] != nil {
		t.Errorf("once it is gone: %v", answer)
	}
	h.must("check", add)
}
