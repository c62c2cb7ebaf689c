package cli

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sort"
	"strings"
	"syscall"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// host is a machine of one test: a network namespace and directories of its own.
type host struct {
	t       *testing.T
	command string
	dir     string
	env     []string
}

// newHost puts the test on a thread in a fresh network namespace, where the commands it starts are, too. The thread
// stays locked, so it ends with the test.
func newHost(t *testing.T) *host {
	t.Helper()
	command := os.Getenv("CNI_COMMAND_PATH")
	if command == "" {
		t.Fatal(`which command? run "make build/cni" and set CNI_COMMAND_PATH to the path of build/cni`)
	}
	runtime.LockOSThread()
	if err := syscall.Unshare(syscall.CLONE_NEWNET); err != nil {
		t.Fatalf("a network namespace for the test: %v; run with: go test -exec $PWD/test/isolate ./test/cli", err)
	}
	h := &host{t: t, command: command, dir: t.TempDir(), env: []string{"PATH=" + os.Getenv("PATH")}}
	for _, dir := range []string{"conf", "plugins"} {
		if err := os.Mkdir(h.path(dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return h
}

func (h *host) path(name string) string { return filepath.Join(h.dir, name) }

func (h *host) write(name, text string, mode os.FileMode) {
	h.t.Helper()
	if err := os.WriteFile(h.path(name), []byte(text), mode); err != nil {
		h.t.Fatal(err)
	}
}

// bridge configures a network of the name over a bridge of the name "br-NAME", with further members of its ipam and
// further plugins.
func (h *host) bridge(name, subnet, ipam, plugins string) {
	h.t.Helper()
	h.write("conf/"+name+".conflist", fmt.Sprintf(`{"cniVersion":"1.1.0","name":%q,"plugins":[{"type":"bridge","bridge":"br-%s","isGateway":true,
		"ipam":{"type":"host-local","dataDir":%q,"ranges":[[{"subnet":%q%s}]]}}%s]}`, name, name, h.path("leases"), subnet, ipam, plugins), 0o644)
}

// namespace makes a network namespace with the command, and removes it after the test if it is still there.
func (h *host) namespace(name string) string {
	h.t.Helper()
	path := h.path(name)
	if got := h.ok("netns", "create", path); got != path+"\n" {
		h.t.Fatalf("netns create printed %q", got)
	}
	h.t.Cleanup(func() {
		if _, err := os.Stat(path); err == nil {
			h.run("netns", "delete", path)
		}
	})
	return path
}

// outcome is how a run of the command ended.
type outcome struct {
	code     int
	out, err string
}

// args puts the directories of the host before the arguments.
func (h *host) args(args []string) []string {
	return append([]string{"--conf-dir", h.path("conf"), "--plugin-dir", h.path("plugins"), "--cache-dir", h.path("cache"), "--state-dir", h.path("state")}, args...)
}

func (h *host) run(args ...string) outcome { return h.start("", h.args(args)) }

// start runs the command with exactly these arguments.
func (h *host) start(stdin string, args []string) outcome {
	h.t.Helper()
	cmd := exec.Command(h.command, args...)
	var out, errOut bytes.Buffer
	cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = h.env, strings.NewReader(stdin), &out, &errOut
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		h.t.Fatal(err)
	}
	return outcome{cmd.ProcessState.ExitCode(), out.String(), errOut.String()}
}

// ok runs the command, which must succeed without a word on standard error, and returns what it prints.
func (h *host) ok(args ...string) string {
	h.t.Helper()
	o := h.run(args...)
	if o.code != 0 || o.err != "" {
		h.t.Fatalf("cni %s: exit status %d, standard error %q, output %q", strings.Join(args, " "), o.code, o.err, o.out)
	}
	return o.out
}

// links are the names of the interfaces of the host, lo aside, in order; of a veth only that it is one.
func (h *host) links() string {
	h.t.Helper()
	handle, err := netlink.NewHandle()
	if err != nil {
		h.t.Fatal(err)
	}
	defer handle.Close()
	return linkNames(h.t, handle)
}

func linkNames(t *testing.T, handle *netlink.Handle) string {
	t.Helper()
	list, err := handle.LinkList()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, link := range list {
		switch name := link.Attrs().Name; {
		case name == "lo":
		case link.Type() == "veth" && strings.HasPrefix(name, "veth"):
			names = append(names, "veth*")
		default:
			names = append(names, name)
		}
	}
	sort.Strings(names)
	return strings.Join(names, " ")
}

// inside gives a netlink handle into a namespace.
func (h *host) inside(path string) *netlink.Handle {
	h.t.Helper()
	handles := make(chan *netlink.Handle, 1)
	go func() {
		defer close(handles)
		runtime.LockOSThread() // and never unlocked: the thread ends here
		ns, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			return
		}
		defer unix.Close(ns)
		if unix.Setns(ns, unix.CLONE_NEWNET) != nil {
			return
		}
		if handle, err := netlink.NewHandle(); err == nil {
			handles <- handle
		}
	}()
	handle := <-handles
	if handle == nil {
		h.t.Fatalf("cannot look into %s", path)
	}
	h.t.Cleanup(handle.Close)
	return handle
}
