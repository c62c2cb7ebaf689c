package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/libcni/libcni/test/rig"
)

// TestMain gives the runtimes what they look for: only the second version of cgroups. Whoever
// mounts it must own the cgroup namespace, which in a user namespace is one's own only if it is
// made there.
func TestMain(m *testing.M) {
	runtime.LockOSThread()
	if err := syscall.Unshare(syscall.CLONE_NEWCGROUP); err != nil {
		fmt.Fprintf(os.Stderr,
			"a cgroup namespace: %v; run with: go test -exec $PWD/test/isolate ./test/e2e\n", err)
		os.Exit(1)
	}
	if err := syscall.Mount("cgroup2", "/sys/fs/cgroup", "cgroup2", 0, ""); err != nil {
		fmt.Fprintf(os.Stderr,
			"mounting cgroup2: %v; run with: go test -exec $PWD/test/isolate ./test/e2e\n", err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// host is a directory with a network "web" of its own, and with a bundle.
type host struct {
	*rig.Host
	id string
}

func newHost(t *testing.T) *host {
	t.Helper()
	for _, needed := range []string{"crun", "runc", "busybox"} {
		if _, err := exec.LookPath(needed); err != nil {
			t.Fatalf("%v; make deps installs it", err)
		}
	}
	h := &host{Host: &rig.Host{T: t, Dir: t.TempDir()}, id: fmt.Sprintf("c%d", time.Now().UnixNano())}
	h.Write("conf/web.conflist", fmt.Sprintf(`{"cniVersion":"1.1.0","name":"web","plugins":[
		{"type":"bridge","bridge":"br-web","isGateway":true,
		 "ipam":{"type":"host-local","dataDir":%q,"ranges":[[{"subnet":"10.77.0.0/24"}]]}},
		{"type":"portmap","capabilities":{"portMappings":true}}]}`, h.Path("leases")), 0o644)
	h.Write("bundle/rootfs/www/index.html", "a page of "+h.id, 0o644)
	for _, name := range []string{"bundle/rootfs/proc", "bundle/rootfs/dev", "bundle/rootfs/sys"} {
		if err := os.MkdirAll(h.Path(name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		t.Fatal(err)
	}
	binary, err := os.ReadFile(busybox)
	if err != nil {
		t.Fatal(err)
	}
	h.Write("bundle/rootfs/bin/busybox", string(binary), 0o644)
	if err := os.Chmod(h.Path("bundle/rootfs/bin/busybox"), 0o755); err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *host) options() string {
	return fmt.Sprintf(`{"confDir":%q,"cacheDir":%q,"stateDir":%q}`, h.Path("conf"), h.Path("cache"),
		h.Path("state"))
}

// example compiles a program of examples/ against the header alone.
func example(t *testing.T, name string) string {
	t.Helper()
	return rig.Compile(t, "../../examples/"+name+".c", "-std=c99", "-pedantic")
}

// libraryDir is where libcni.so.0 is.
func libraryDir(t testing.TB) string {
	t.Helper()
	return filepath.Dir(rig.Library(t))
}

// served runs in the container: it serves its page, prints "up", and exits at the end of its input
// or at SIGINT.
const served = `trap "exit 7" INT; /bin/busybox httpd -p 8080 -h /www && echo up; while read -r line; do :; done`

// bundle writes a configuration.
func (h *host) bundle(annotations map[string]string, hooks map[string]any) {
	h.T.Helper()
	config := map[string]any{
		"ociVersion": "1.0.2",
		"process": map[string]any{
			"user": map[string]int{"uid": 0, "gid": 0}, "cwd": "/", "env": []string{"PATH=/bin"},
			"args": []string{"/bin/busybox", "sh", "-c", served},
		},
		"root":        map[string]any{"path": "rootfs", "readonly": true},
		"mounts":      []map[string]string{{"destination": "/proc", "type": "proc", "source": "proc"}},
		"annotations": annotations,
		"hooks":       hooks,
		"linux": map[string]any{"namespaces": []map[string]string{
			{"type": "pid"}, {"type": "network"}, {"type": "ipc"}, {"type": "uts"}, {"type": "mount"},
		}},
	}
	text, err := json.Marshal(config)
	if err != nil {
		h.T.Fatal(err)
	}
	h.Write("bundle/config.json", string(text), 0o644)
}

// container is a running program with a container in it, or behind it.
type container struct {
	cmd    *exec.Cmd
	stdin  io.Closer
	stderr *os.File
}

// start runs a program that starts the container, and returns when the container's server listens.
func (h *host) start(env []string, name string, args ...string) *container {
	h.T.Helper()
	c := h.launch(env, name, args...)
	c.isUp(h.T)
	return c
}

// isUp waits until the container's server listens.
func (c *container) isUp(t testing.TB) {
	t.Helper()
	line, err := bufio.NewReader(c.cmd.Stdout.(*os.File)).ReadString('\n')
	if err != nil || line != "up\n" {
		t.Fatalf("%v: %q, %v: %s", c.cmd.Args, line, err, c.errors())
	}
}

// launch runs a program with pipes that the container inherits.
func (h *host) launch(env []string, name string, args ...string) *container {
	h.T.Helper()
	inRead, inWrite, err := os.Pipe()
	if err != nil {
		h.T.Fatal(err)
	}
	outRead, outWrite, err := os.Pipe()
	if err != nil {
		h.T.Fatal(err)
	}
	stderr, err := os.CreateTemp(h.Dir, "stderr")
	if err != nil {
		h.T.Fatal(err)
	}
	c := &container{cmd: exec.Command(name, args...), stdin: inWrite, stderr: stderr}
	c.cmd.Env = append(os.Environ(), env...)
	c.cmd.Stdin, c.cmd.Stdout, c.cmd.Stderr = inRead, outWrite, stderr
	h.T.Cleanup(func() {
		inWrite.Close()
		outRead.Close()
		stderr.Close()
	})
	if err := c.cmd.Start(); err != nil {
		h.T.Fatal(err)
	}
	inRead.Close()
	outWrite.Close()
	c.cmd.Stdout = outRead
	if err := outRead.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		h.T.Fatal(err)
	}
	return c
}

func (c *container) errors() string {
	text, err := os.ReadFile(c.stderr.Name())
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// kill kills the container. A runtime in the foreground may record a container after the
// container's process has begun, so the record is waited for.
func (h *host) kill(runtime string) {
	h.T.Helper()
	for end := time.Now().Add(time.Minute); exec.Command(runtime, "state", h.id).Run() != nil; {
		if time.Now().After(end) {
			h.T.Fatalf("%s does not know the container", runtime)
		}
		time.Sleep(time.Millisecond)
	}
	rig.Run(h.T, runtime, "kill", h.id, "KILL")
}

// wait returns the exit status of the program.
func (c *container) wait() int {
	_ = c.cmd.Wait() // the status is looked at by the caller
	return c.cmd.ProcessState.ExitCode()
}

// attachments are those that libcni remembers.
func (h *host) attachments() []attachment {
	h.T.Helper()
	cmd := exec.Command(filepath.Join(libraryDir(h.T), "cni"), "call", "attachments")
	cmd.Stdin = strings.NewReader(`{"options":` + h.options() + `}`)
	out, err := cmd.Output()
	if err != nil {
		h.T.Fatalf("cni call attachments: %v", err)
	}
	var answer struct {
		Response struct{ Attachments []attachment }
	}
	if err := json.Unmarshal(out, &answer); err != nil {
		h.T.Fatalf("%v: %s", err, out)
	}
	return answer.Response.Attachments
}

type attachment struct {
	Network, ContainerID, IfName string
	Result                       struct{ IPs []struct{ Address string } }
}

// fetch gets the container's page from an address.
func (h *host) fetch(address string) {
	h.T.Helper()
	client := http.Client{
		Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true},
	}
	response, err := client.Get("http://" + address + "/")
	if err != nil {
		h.T.Fatal(err)
	}
	defer response.Body.Close()
	if page, err := io.ReadAll(response.Body); err != nil || string(page) != "a page of "+h.id {
		h.T.Errorf("page %q, %v", page, err)
	}
}

// published is the capability argument that publishes the container's port.
const published = `{"portMappings":[{"hostPort":18080,"containerPort":8080,"protocol":"tcp"}]}`

// fetchFromContainer gets the page from the container's own address, and from the port published on
// the host's addresses.
func (h *host) fetchFromContainer() {
	h.T.Helper()
	h.fetchFromAddress()
	h.fetch("10.77.0.1:18080")
	h.fetch("127.0.0.1:18080")
}

// fetchFromAddress gets the page from the container's own address alone.
func (h *host) fetchFromAddress() {
	h.T.Helper()
	found := h.attachments()
	if len(found) != 1 || found[0].ContainerID != h.id || len(found[0].Result.IPs) != 1 {
		h.T.Fatalf("attachments: %+v", found)
	}
	address, _, _ := strings.Cut(found[0].Result.IPs[0].Address, "/")
	h.fetch(net.JoinHostPort(address, "8080"))
}

// nothingIsLeft looks for what an attachment is made of.
func (h *host) nothingIsLeft() {
	h.T.Helper()
	if found := h.attachments(); len(found) != 0 {
		h.T.Errorf("attachments are left: %+v", found)
	}
	links, err := net.Interfaces()
	if err != nil {
		h.T.Fatal(err)
	}
	for _, link := range links {
		if link.Name != "lo" && link.Name != "br-web" {
			h.T.Errorf("interface %s is left", link.Name)
		}
	}
	leases, err := filepath.Glob(h.Path("leases/web/[0-9]*"))
	if err != nil || len(leases) != 0 {
		h.T.Errorf("leases are left: %v %v", leases, err)
	}
	cached, err := filepath.Glob(h.Path("cache/results/*"))
	if err != nil || len(cached) != 0 {
		h.T.Errorf("cache entries are left: %v %v", cached, err)
	}
	if connection, err := net.DialTimeout("tcp", "10.77.0.1:18080", 10*time.Second); err == nil {
		connection.Close()
		h.T.Error("the published port is left")
	}
	namespaces, err := filepath.Glob("/run/netns/*")
	if err != nil || slices.Contains(namespaces, "/run/netns/"+h.id) {
		h.T.Errorf("the namespace is left: %v %v", namespaces, err)
	}
}
