package cli

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"
)

func TestDriftIsATableAndStatusThree(t *testing.T) {
	h := newHost(t)
	h.bridge("web", "10.77.5.0/24", "", "")
	ns := h.namespace("blue")
	h.ok("add", "web", ns)
	in := h.inside(ns)
	link, err := in.LinkByName("eth0")
	if err != nil {
		t.Fatal(err)
	}
	address, err := netlink.ParseAddr("10.77.5.2/24")
	if err != nil {
		t.Fatal(err)
	}
	if err := in.AddrDel(link, address); err != nil {
		t.Fatal(err)
	}
	o := h.run("check", "web", ns)
	if o.code != 3 || o.out != "" || !strings.Contains(o.err, "PLUGIN") ||
		!strings.Contains(o.err, "10.77.5.2/24") {
		t.Errorf("check: %+v", o)
	}
	var object struct {
		Kind  string
		Drift []struct{ Object string }
	}
	o = h.run("check", "web", ns, "--json")
	decode(t, o.out, &object)
	if o.code != 3 || o.err != "" || object.Kind != "drift" || len(object.Drift) == 0 {
		t.Errorf("check --json: %+v", o)
	}
	h.ok("del", "web", ns)
}

func TestStatusOfAFullNetworkIsFour(t *testing.T) {
	h := newHost(t)
	h.bridge("small", "10.77.6.0/24", `,"rangeStart":"10.77.6.9","rangeEnd":"10.77.6.9"`, "")
	h.ok("status", "small")
	h.ok("add", "small", h.namespace("a"))
	if o := h.run("status", "small"); o.code != 4 || o.err == "" {
		t.Errorf("status: %+v", o)
	}
	before := h.links()
	b := h.namespace("b")
	if o := h.run("add", "small", b); o.code != 1 || o.out != "" || o.err == "" {
		t.Errorf("add: %+v", o)
	}
	if got := h.links() + "|" + linkNames(t, h.inside(b)); got != before+"|" {
		t.Errorf("links after the failed add: %q, before: %q", got, before)
	}
	h.ok("del", "small", h.Path("a"))
}

func TestBadInput(t *testing.T) {
	h := newHost(t)
	h.bridge("web", "10.77.7.0/24", "", "")
	h.Write("conf/odd.conflist", `{"cniVersion":"1.1.0","name":"odd","plugins":[{"type":"../evil"}]}`,
		0o644)
	h.Write("conf/none.conflist",
		`{"cniVersion":"1.1.0","name":"none","plugins":[{"type":"nosuchplugin"}]}`, 0o644)
	h.Write("file", "", 0o644)
	ns := h.namespace("blue")
	for _, test := range []struct {
		name, kind, hint string
		args             []string
	}{
		{
			name: "no such network", kind: "network-not-found", args: []string{"add", "nosuch", ns},
			hint: "cni networks",
		},
		{
			name: "a path as the network", kind: "invalid-request",
			args: []string{"add", h.Path("conf/web.conflist"), ns}, hint: "--network-file",
		},
		{
			name: "no such file", kind: "network-not-found",
			args: []string{"add", "-f", h.Path("nosuch"), ns}, hint: "nosuch",
		},
		{
			name: "no such namespace", kind: "namespace-not-found",
			args: []string{"add", "web", h.Path("nosuch")}, hint: "cni netns create",
		},
		{
			name: "a file that is not a namespace", kind: "not-a-namespace",
			args: []string{"add", "web", h.Path("file")}, hint: h.Path("file"),
		},
		{
			name: "the caller's own namespace", kind: "not-a-namespace",
			args: []string{"add", "web", "/proc/self/ns/net"}, hint: "own",
		},
		{
			name: "id with a slash", kind: "invalid-request",
			args: []string{"add", "web", ns, "--id", "../c"}, hint: "../c",
		},
		{
			name: "id with a blank", kind: "invalid-request",
			args: []string{"add", "web", ns, "--id", "a b"}, hint: "a b",
		},
		{
			name: "interface name of 16 bytes", kind: "invalid-request",
			args: []string{"add", "web", ns, "-i", "abcdefghijklmnop"}, hint: "abcdefghijklmnop",
		},
		{
			name: "interface name that is a path", kind: "invalid-request",
			args: []string{"add", "web", ns, "-i", ".."}, hint: "..",
		},
		{
			name: "argument with a semicolon", kind: "invalid-request",
			args: []string{"add", "web", ns, "--args", "A=1;B=2"}, hint: ";",
		},
		{
			name: "plugin type with a slash", kind: "invalid-config", args: []string{"add", "odd", ns},
			hint: "../evil",
		},
		{
			name: "no such plugin", kind: "plugin-not-found", args: []string{"add", "none", ns},
			hint: "cni plugins",
		},
		{
			name: "unknown mode of built-ins", kind: "invalid-request",
			args: []string{"add", "web", ns, "--builtins", "maybe"}, hint: "prefer",
		},
		{
			name: "state directory that cannot be", kind: "state",
			args: []string{"add", "web", ns, "--state-dir", h.Path("file")}, hint: h.Path("file"),
		},
		{
			name: "cache directory that cannot be", kind: "state",
			args: []string{"add", "web", ns, "--cache-dir", h.Path("file")}, hint: h.Path("file"),
		},
		{
			name: "namespace made twice", kind: "exists", args: []string{"netns", "create", ns},
			hint: "exists",
		},
		{
			name: "deleting a file that is not a namespace", kind: "not-a-namespace",
			args: []string{"netns", "delete", h.Path("file")}, hint: h.Path("file"),
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			status := 1
			if test.kind == "invalid-request" {
				status = 2 // nothing was attempted
			}
			o := h.run(test.args...)
			if o.code != status || o.out != "" || !strings.HasPrefix(o.err, "cni: ") ||
				!strings.Contains(o.err, test.hint) {
				t.Errorf("in words: %+v, want %q in it", o, test.hint)
			}
			var object struct{ Kind, Msg string }
			o = h.run(append(test.args, "--json")...)
			decode(t, o.out, &object)
			if o.code != status || o.err != "" || object.Kind != test.kind || object.Msg == "" {
				t.Errorf("as JSON: %+v, want kind %s", o, test.kind)
			}
		})
	}
	if got := h.links() + "|" + linkNames(t, h.inside(ns)) + "|" +
		strings.Join(fields(h.ok("list")), "\n"); got != "||"+
		strings.Join(fields("NETWORK CONTAINER INTERFACE ADDRESSES PORTS STATE OWNER NAMESPACE"), "") {
		t.Errorf("something was changed: %q", got)
	}
	if _, err := os.Stat(h.Path("file")); err != nil {
		t.Error(err)
	}
}

func TestSecondAddSaysWhatIsThere(t *testing.T) {
	h := newHost(t)
	h.bridge("web", "10.77.8.0/24", "", "")
	ns := h.namespace("blue")
	h.ok("add", "web", ns, "--id", "c1")
	if o := h.run("add", "web", ns, "--id", "c1"); o.code != 1 ||
		!strings.Contains(o.err, "--on-existing replace") {
		t.Errorf("second add: %+v", o)
	}
	h.ok("check", "--id", "c1")
	h.ok("add", "web", ns, "--id", "c1", "--on-existing", "replace")
	h.ok("check", "--id", "c1")
	h.ok("del", "--id", "c1")
}

// What a verb made stays if standard output is full, and the command says how to remove it.
func TestFullOutputLeavesWhatWasMade(t *testing.T) {
	h := newHost(t)
	h.bridge("web", "10.77.19.0/24", "", "")
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	ns := h.Path("blue")
	for _, test := range []struct {
		args, remove []string
	}{
		{[]string{"netns", "create", ns}, []string{"netns", "delete", ns}},
		{[]string{"add", "web", ns, "--id", "c1"}, []string{"del", "--id", "c1"}},
	} {
		defer func() { h.ok(test.remove...) }()
		var errOut strings.Builder
		cmd := exec.Command(h.command, h.args(test.args)...)
		cmd.Env, cmd.Stdout, cmd.Stderr = h.env, full, &errOut
		var exit *exec.ExitError
		if err := cmd.Run(); !errors.As(err, &exit) || exit.ExitCode() != 1 ||
			!strings.Contains(errOut.String(), "cni "+strings.Join(test.remove, " ")) {
			t.Errorf("%v: %v, %q", test.args, err, errOut.String())
		}
	}
	h.ok("check", "--id", "c1")
}

func TestWrongCommandLineIsTwo(t *testing.T) {
	h := newHost(t)
	for _, args := range [][]string{
		{"attach"}, {"add"}, {"list", "--bogus"}, {"gc", "web"}, {"netns"}, {"call"},
		{"add", "web", "/n", "-p", "0:1"},
	} {
		if o := h.run(args...); o.code != 2 || o.out != "" || !strings.HasPrefix(o.err, "cni: ") {
			t.Errorf("%v: %+v", args, o)
		}
	}
}
