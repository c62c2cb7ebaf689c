package examples

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/libcni/libcni/test/rig"
)

// build compiles an example against the library as strictly as C99 allows and returns its path.
func build(t *testing.T, name string) string {
	t.Helper()
	flags := append([]string{"-std=c99", "-pedantic"}, rig.Shared(t)...)
	return rig.Compile(t, "../../examples/"+name+".c", flags...)
}

func TestQuickstart(t *testing.T) {
	rig.Isolate(t)
	program := build(t, "quickstart")
	cmd := exec.Command(program)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var steps []string
	for _, line := range strings.Split(string(out), "\n") {
		if strings.HasPrefix(line, "ok ") || strings.HasPrefix(line, "FAIL ") {
			steps = append(steps, strings.Join(strings.Fields(line), " "))
		}
	}
	want := []string{
		"ok the namespace is created", "ok the container is attached",
		"ok the host has its end of the veth pair",
		"ok the page is fetched through port 8080 of the host", "ok the attachment is unchanged",
		"ok the container is detached",
		"ok the veth pair is removed", "ok the attachments are listed", "ok no attachment is left",
		"ok the namespace is deleted",
		"ok the directory is removed",
	}
	if diff := cmp.Diff(want, steps); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
}

// A second container at the demo's place makes the quickstart fail, and say so.
func TestQuickstartFailsAloud(t *testing.T) {
	rig.Isolate(t)
	program := build(t, "quickstart")
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "netns"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, dir)
	var errOut bytes.Buffer
	cmd.Stderr = &errOut
	out, err := cmd.Output()
	if err == nil || !strings.Contains(string(out), "FAIL the namespace is created") ||
		!strings.Contains(errOut.String(), `"kind":"exists"`) {
		t.Errorf("%v, output %s, standard error %s", err, out, &errOut)
	}
}

// container starts a process in a network namespace and returns the namespace's path.
func container(t *testing.T) string {
	t.Helper()
	cmd := exec.Command("cat")
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNET}
	stdin, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	})
	return fmt.Sprintf("/proc/%d/ns/net", cmd.Process.Pid)
}

func TestCnitool(t *testing.T) {
	rig.Isolate(t)
	program, dir, ns := build(t, "cnitool"), t.TempDir(), container(t)
	config := fmt.Sprintf(
		`{"cniVersion":"1.1.0","name":"web","plugins":[{"type":"bridge","bridge":"br-web","isGateway":true,
		"ipam":{"type":"host-local","dataDir":"%s/leases","subnet":"10.78.1.0/24"}}]}`, dir)
	if err := os.WriteFile(filepath.Join(dir, "web.conflist"), []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) (status int, out, errOut string) {
		t.Helper()
		var o, e bytes.Buffer
		cmd := exec.Command(program, args...)
		cmd.Stdout, cmd.Stderr = &o, &e
		cmd.Env = []string{
			"NETCONFPATH=" + dir, "CNITOOL_STATE=" + dir, "CNI_IFNAME=net1",
			"CNI_ARGS=IgnoreUnknown=1;IP=10.78.1.99", "CAP_ARGS={}",
		}
		_ = cmd.Run() // the status is looked at by the caller
		return cmd.ProcessState.ExitCode(), o.String(), e.String()
	}
	status, out, errOut := run("add", "web", ns)
	var result struct{ IPs []struct{ Address string } }
	if err := json.Unmarshal([]byte(out), &result); err != nil || status != 0 ||
		len(result.IPs) != 1 || result.IPs[0].Address != "10.78.1.99/24" {
		t.Fatalf("add: %d, %v, output %s, standard error %s", status, err, out, errOut)
	}
	for _, verb := range []string{"check", "del", "del"} {
		if status, out, errOut := run(verb, "web", ns); status != 0 || out+errOut != "" {
			t.Errorf("%s: %d, output %s, standard error %s", verb, status, out, errOut)
		}
	}
	if status, out, errOut := run("check", "web", ns); status != 1 || out != "" ||
		!strings.Contains(errOut, `"kind"`) {
		t.Errorf("check after del: %d, output %s, standard error %s", status, out, errOut)
	}
	if status, _, errOut := run("add", `no"such`, ns); status != 1 ||
		!strings.Contains(errOut, `no\\\"such`) {
		t.Errorf("a network with a quote in its name: %d, %s", status, errOut)
	}
	if status, _, errOut := run("list"); status != 1 || !strings.Contains(errOut, "usage:") {
		t.Errorf("wrong arguments: %d, %s", status, errOut)
	}
}
