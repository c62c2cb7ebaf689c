package cli

import (
	"bytes"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

func sorted(list []string) []string {
	slices.Sort(list)
	return list
}

// slow is a plugin that says in a FIFO that its ADD began, and does not end it.
const slow = `#!/bin/sh
case $CNI_COMMAND in
ADD) echo began >FIFO; exec sleep 600 ;;
VERSION) echo '{"cniVersion":"1.1.0","supportedVersions":["1.1.0"]}' ;;
esac
`

func TestInterruptedAddIsUndone(t *testing.T) {
	for name, signal := range map[string]syscall.Signal{
		"SIGTERM": syscall.SIGTERM, "SIGINT": syscall.SIGINT,
	} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t)
			h.bridge("web", "10.77.14.0/24", "", `,{"type":"slow"}`)
			fifo := h.Path("fifo")
			if err := syscall.Mkfifo(fifo, 0o600); err != nil {
				t.Fatal(err)
			}
			h.Write("plugins/slow", strings.ReplaceAll(slow, "FIFO", fifo), 0o755)
			ns := h.namespace("blue")

			o := h.signalWhen(fifo, signal, "add", "web", ns)
			if o.code != 128+int(signal) || o.out != "" || o.err == "" {
				t.Errorf("%+v", o)
			}
			if got := h.links() + "|" + linkNames(t, h.inside(ns)); got != "br-web|" {
				t.Errorf("links after the signal: %q", got)
			}
			if got := fields(h.ok("list")); len(got) != 1 {
				t.Errorf("list: %q", got)
			}
		})
	}
}

// signalWhen runs the command and sends it a signal when somebody writes to the FIFO.
func (h *host) signalWhen(fifo string, signal syscall.Signal, args ...string) outcome {
	h.T.Helper()
	cmd := exec.Command(h.command, h.args(args)...)
	var out, errOut bytes.Buffer
	cmd.Env, cmd.Stdout, cmd.Stderr = h.env, &out, &errOut
	cmd.WaitDelay = time.Minute // a plugin left behind would hold the pipes
	if err := cmd.Start(); err != nil {
		h.T.Fatal(err)
	}
	began, ended := make(chan error, 1), make(chan struct{})
	go func() {
		_, err := os.ReadFile(fifo)
		began <- err
	}()
	go func() {
		_ = cmd.Wait() // the outcome has its exit code
		close(ended)
	}()
	select {
	case err := <-began:
		if err != nil {
			h.T.Fatal(err)
		}
	case <-ended:
		h.T.Fatalf("it ended before it was signalled: output %q, standard error %q", &out, &errOut)
	}
	if err := cmd.Process.Signal(signal); err != nil {
		h.T.Fatal(err)
	}
	<-ended
	return outcome{cmd.ProcessState.ExitCode(), out.String(), errOut.String()}
}

func TestUmaskOfTheCallerDoesNotCount(t *testing.T) {
	h := newHost(t)
	h.Write("conf/tell.conflist", `{"cniVersion":"1.1.0","name":"tell","plugins":[{"type":"tell"}]}`,
		0o644)
	h.Write("plugins/tell",
		"#!/bin/sh\numask >"+h.Path("umask")+
			"\n[ $CNI_COMMAND != ADD ] || echo '{\"cniVersion\":\"1.1.0\"}'\n", 0o755)
	ns := h.namespace("blue")
	old := syscall.Umask(0o077)
	o := h.run("add", "tell", ns)
	syscall.Umask(old)
	if got, err := os.ReadFile(h.Path("umask")); err != nil || string(got) != "0022\n" {
		t.Errorf("umask %q, %v, %+v", got, err, o)
	}
	h.ok("del", "tell", ns)
}

func TestSetUIDProgramIgnoresTheEnvironment(t *testing.T) {
	if text, err := os.ReadFile("/proc/self/uid_map"); err != nil ||
		len(strings.Fields(string(text))) != 3 || strings.Fields(string(text))[2] == "1" {
		t.Skip("needs a second user id, which a user namespace of an ordinary user lacks; run as root")
	}
	const nobody = 65534
	h := newHost(t)
	h.bridge("web", "10.77.15.0/24", "", "")
	binary, err := os.ReadFile(h.command)
	if err != nil {
		t.Fatal(err)
	}
	h.Write("cni", string(binary), 0o755)
	h.command = h.Path("cni")
	open(t, h.Dir)
	networks := func() string {
		t.Helper()
		cmd := exec.Command(h.command, "networks")
		cmd.Env = []string{"NETCONFPATH=" + h.Path("conf")}
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		return string(out)
	}
	if got := networks(); !strings.Contains(got, h.Path("conf/web.conflist")) {
		t.Errorf("without set-uid the environment counts: %s", got)
	}
	if err := os.Chmod(h.command, 0o755|os.ModeSetuid); err != nil {
		t.Fatal(err)
	}
	if got := networks(); strings.Contains(got, h.Path("conf/web.conflist")) {
		t.Errorf("with set-uid: %s", got)
	}
}

// open lets others into a test's directory.
func open(t testing.TB, dir string) {
	t.Helper()
	for ; dir != os.TempDir() && dir != "/"; dir = dir[:strings.LastIndexByte(dir, '/')] {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}
