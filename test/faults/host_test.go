package faults

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/libcni/libcni/test/rig"
)

// pass is the plugin that hands on the result of the plugin before it.
func pass(command string) int {
	var config struct {
		PrevResult json.RawMessage `json:"prevResult"`
	}
	input, err := io.ReadAll(os.Stdin)
	if err == nil {
		err = json.Unmarshal(input, &config)
	}
	switch {
	case err != nil:
		fmt.Printf(`{"cniVersion":"1.1.0","code":100,"msg":%q}`, err.Error())
		return 1
	case command == "VERSION":
		fmt.Print(`{"cniVersion":"1.1.0","supportedVersions":["1.0.0","1.1.0"]}`)
	case command == "ADD":
		os.Stdout.Write(config.PrevResult)
	}
	return 0
}

// server is a program that serves one request: its arguments, before the method's name.
type server struct {
	path string
	args []string
}

// command is the static command.
func command(t testing.TB) server {
	t.Helper()
	return server{rig.Command(t), []string{"call"}}
}

// library is a C program with libcni.so.
func library(t testing.TB) server {
	t.Helper()
	return server{rig.Compile(t, "programs/caller.c", rig.Shared(t)...), nil}
}

// host is a machine of one test: a network namespace, which the test's thread is in, and
// directories.
type host struct {
	*rig.Host
	server server
	netns  string
	ptp    bool // the interface is made by ptp instead of bridge
}

func newHost(t testing.TB, s server) *host {
	t.Helper()
	h := &host{Host: rig.NewHost(t), server: s}
	h.netns = h.Path("netns")
	if err := os.Mkdir(h.Path("plugins"), 0o755); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self, h.Path("plugins/pass")); err != nil {
		t.Fatal(err)
	}
	own := h.netns
	t.Cleanup(func() { _ = unix.Unmount(own, unix.MNT_DETACH) })
	h.must("netns.create", map[string]any{"path": h.netns})
	return h
}

// network is a list of built-ins and of a plugin process.
func (h *host) network() map[string]any {
	connects := map[string]any{"type": "bridge", "bridge": "br0", "isGateway": true,
		"macspoofchk": true, "hairpinMode": true}
	if h.ptp {
		connects = map[string]any{"type": "ptp"}
	}
	connects["ipMasq"] = true
	connects["ipam"] = map[string]any{
		"type": "host-local", "dataDir": h.Path("leases"), "ranges": []any{
			[]any{map[string]any{"subnet": "10.9.0.0/24"}}, []any{map[string]any{"subnet": "fd09::/64"}},
		},
		"routes": []any{map[string]any{"dst": "0.0.0.0/0"}, map[string]any{"dst": "::/0"}},
	}
	return map[string]any{"cniVersion": "1.1.0", "name": "web", "plugins": []any{
		connects,
		map[string]any{"type": "portmap", "capabilities": map[string]any{"portMappings": true}},
		map[string]any{"type": "firewall"},
		map[string]any{"type": "pass"},
	}}
}

func (h *host) options() map[string]any {
	return map[string]any{
		"confDir": h.Path("conf"), "pluginDirs": []any{h.Path("plugins")}, "cacheDir": h.Path("cache"),
		"stateDir":  h.Path("state"),
		"timeoutMs": 5000, "rollbackTimeoutMs": 5000,
	}
}

// attachment is a request about the one attachment of the tests.
func (h *host) attachment() map[string]any {
	return map[string]any{"network": h.network(), "containerId": "c1", "ifName": "eth0",
		"netns": h.netns, "capabilityArgs": map[string]any{
			"portMappings": []any{map[string]any{"hostPort": 8080, "containerPort": 80, "protocol": "tcp"}},
		}}
}

// second is a request about another.
func (h *host) second() map[string]any {
	return map[string]any{
		"network": h.network(), "containerId": "c2", "ifName": "eth1", "netns": h.netns,
	}
}

// answer is what a call answers.
type answer struct {
	RC       int `json:"rc"`
	Response struct {
		Kind        string           `json:"kind"`
		Msg         string           `json:"msg"`
		Details     string           `json:"details"`
		Stderr      string           `json:"stderr"`
		RolledBack  *bool            `json:"rolledBack"`
		Attachments []map[string]any `json:"attachments"`
		AsOf        string           `json:"asOf"`
		IPs         []map[string]any `json:"ips"`
	} `json:"response"`
	raw string
}

// honest are the kinds of error that are true when something of the machine failed: not that
// something is missing, or has drifted.
var honest = []string{"state", "plugin-failed", "plugin-protocol", "plugin-status-unknown"}

func (a answer) String() string { return strings.TrimSpace(a.raw) }

func (h *host) request(values map[string]any) []byte {
	h.T.Helper()
	all := map[string]any{"options": h.options()}
	for key, value := range values {
		all[key] = value
	}
	data, err := json.Marshal(all)
	if err != nil {
		h.T.Fatal(err)
	}
	return data
}

// environment keeps Go's runtime from looking at cgroups now and then.
func environment() []string { return []string{"PATH=/usr/bin:/bin", "GODEBUG=updatemaxprocs=0"} }

// call serves a request in a process of its own.
func (h *host) call(method string, values map[string]any) answer {
	h.T.Helper()
	cmd := exec.Command(h.server.path, append(slices.Clone(h.server.args), method)...)
	cmd.Env, cmd.Stdin = environment(), strings.NewReader(string(h.request(values)))
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		errors.As(err, &exit)
		h.T.Fatalf("%s: %v\n%s", method, err, exit.Stderr)
	}
	return h.parse(out)
}

func (h *host) parse(out []byte) answer {
	h.T.Helper()
	a := answer{raw: string(out)}
	if err := json.Unmarshal(out, &a); err != nil {
		h.T.Fatalf("no answer: %v: %q", err, out)
	}
	return a
}

func (h *host) must(method string, values map[string]any) answer {
	h.T.Helper()
	a := h.call(method, values)
	if a.RC != 0 {
		h.T.Fatalf("%s: %v", method, a)
	}
	return a
}

// gc collects all attachments of the network, as if they were old.
func (h *host) gc() answer {
	h.T.Helper()
	h.age()
	asOf := h.must("attachments", nil).Response.AsOf
	return h.call("gc",
		map[string]any{"network": h.network(), "validAttachments": []any{}, "asOf": asOf})
}

var created = regexp.MustCompile(`"created":\d+`)

// age makes the entries in the cache old: GC leaves those of the last minute alone.
func (h *host) age() {
	h.T.Helper()
	files, _ := filepath.Glob(h.Path("cache/results/*"))
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err == nil {
			err = os.WriteFile(file, created.ReplaceAll(data, []byte(`"created":1`)), 0o600)
		}
		if err != nil {
			h.T.Fatal(err)
		}
	}
}

// state is what is there: files, links and addresses in both namespaces, rules.
func (h *host) state() string {
	h.T.Helper()
	var lines []string
	for _, dir := range []string{"cache", "state", "leases"} {
		lines = append(lines, h.files(dir)...)
	}
	lines = append(lines, "host:")
	lines = append(lines, links(h.T)...)
	lines = append(lines, rules(h.T)...)
	lines = append(lines, "container:")
	inside := make(chan []string, 1)
	go func() {
		defer close(inside)
		runtime.LockOSThread() // and never unlocked: the thread ends here
		ns, err := unix.Open(h.netns, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			return
		}
		defer unix.Close(ns)
		if unix.Setns(ns, unix.CLONE_NEWNET) == nil {
			inside <- links(h.T)
		}
	}()
	lines = append(lines, <-inside...)
	return strings.Join(lines, "\n") + "\n"
}

func (h *host) files(dir string) []string {
	h.T.Helper()
	var lines []string
	err := filepath.WalkDir(h.Path(dir), func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		name := strings.TrimPrefix(path, h.Dir+"/")
		if err == nil && !entry.IsDir() && name != "state/links" { // it is about the host's links
			lines = append(lines, name)
		}
		return err
	})
	if err != nil {
		h.T.Fatal(err)
	}
	return lines
}

// links lists the links of the thread's namespace with the addresses that somebody gave them. It
// fails the test from whatever goroutine.
func links(t testing.TB) []string {
	handle, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		t.Error(err)
		return nil
	}
	defer handle.Close()
	list, err := handle.LinkList()
	if err != nil {
		t.Error(err)
	}
	var lines []string
	for _, link := range list {
		addresses, err := handle.AddrList(link, netlink.FAMILY_ALL)
		if err != nil && !errors.As(err, &netlink.LinkNotFoundError{}) {
			t.Error(err)
		}
		line := link.Attrs().Name
		for _, address := range addresses {
			if !address.IP.IsLinkLocalUnicast() {
				line += " " + address.IPNet.String()
			}
		}
		lines = append(lines, line)
	}
	slices.Sort(lines)
	return lines
}

// left is what state has that was not there before: shared objects are, once there was an
// attachment. A file of a lock stays when it has been needed for the first time.
func left(before, after string) []string {
	was := strings.Split(before, "\n")
	var more []string
	for _, line := range strings.Split(after, "\n") {
		if !slices.Contains(was, line) && !strings.HasPrefix(line, "state/locks/") {
			more = append(more, line)
		}
	}
	return more
}

// settled attaches and detaches once, so that what is shared is there, and returns the state then.
func (h *host) settled() string {
	h.T.Helper()
	h.must("add", h.attachment())
	attached := h.state()
	for _, word := range []string{
		"\nveth", "\neth0 10.9.0.", "leases/web/10.", "results/", " element ",
	} {
		if !strings.Contains(attached, word) {
			h.T.Fatalf("the state of an attachment does not have %q:\n%s", word, attached)
		}
	}
	h.must("del", h.attachment())
	state := h.state()
	for _, word := range []string{"veth", "eth0", "leases/web/10.", "results/", "intents/", ".tmp"} {
		if strings.Contains(state, word) {
			h.T.Fatalf("the state after DEL has %s:\n%s", word, state)
		}
	}
	return state
}
