package cli

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sort"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"

	"github.com/libcni/libcni/test/rig"
)

// host is a host on which the command runs.
type host struct {
	*rig.Host
	command string
	env     []string
}

func newHost(t testing.TB) *host {
	t.Helper()
	h := &host{rig.NewHost(t), rig.Command(t), []string{"PATH=" + os.Getenv("PATH")}}
	for _, dir := range []string{"conf", "plugins"} {
		rig.Must(t, os.Mkdir(h.Path(dir), 0o755))
	}
	return h
}

// bridge configures a network of the name over a bridge of the name "br-NAME", with further members
// of its ipam and further plugins.
func (h *host) bridge(name, subnet, ipam, plugins string) {
	h.T.Helper()
	h.Write("conf/"+name+".conflist",
		fmt.Sprintf(
			`{"cniVersion":"1.1.0","name":%q,"plugins":[{"type":"bridge","bridge":"br-%s","isGateway":true,
		"ipam":{"type":"host-local","dataDir":%q,"ranges":[[{"subnet":%q%s}]]}}%s]}`, name, name,
			h.Path("leases"), subnet, ipam, plugins), 0o644)
}

// namespace makes a network namespace with the command, and removes it after the test if it is
// still there.
func (h *host) namespace(name string) string {
	h.T.Helper()
	path := h.Path(name)
	if got := h.ok("netns", "create", path); got != path+"\n" {
		h.T.Fatalf("netns create printed %q", got)
	}
	h.T.Cleanup(func() {
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
	return append([]string{
		"--conf-dir", h.Path("conf"), "--plugin-dir", h.Path("plugins"), "--cache-dir", h.Path("cache"),
		"--state-dir", h.Path("state"),
	}, args...)
}

func (h *host) run(args ...string) outcome { return h.start("", h.args(args)) }

// start runs the command with exactly these arguments.
func (h *host) start(stdin string, args []string) outcome {
	h.T.Helper()
	cmd := exec.Command(h.command, args...)
	var out, errOut bytes.Buffer
	cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = h.env, strings.NewReader(stdin), &out, &errOut
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		h.T.Fatal(err)
	}
	return outcome{cmd.ProcessState.ExitCode(), out.String(), errOut.String()}
}

// ok runs the command, which must succeed without a word on standard error, and returns what it
// prints.
func (h *host) ok(args ...string) string {
	h.T.Helper()
	o := h.run(args...)
	if o.code != 0 || o.err != "" {
		h.T.Fatalf("cni %s: exit status %d, standard error %q, output %q", strings.Join(args, " "),
			o.code, o.err, o.out)
	}
	return o.out
}

// links are the names of the interfaces of the host, lo aside, in order; of a veth only that it is
// one.
func (h *host) links() string {
	h.T.Helper()
	handle, err := netlink.NewHandle()
	if err != nil {
		h.T.Fatal(err)
	}
	defer handle.Close()
	return linkNames(h.T, handle)
}

func linkNames(t testing.TB, handle *netlink.Handle) string {
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

// inside returns a netlink handle into a namespace.
func (h *host) inside(path string) (handle *netlink.Handle) {
	h.T.Helper()
	rig.Must(h.T, rig.Within(path, func() (err error) {
		handle, err = netlink.NewHandle()
		return err
	}))
	h.T.Cleanup(handle.Close)
	return handle
}
