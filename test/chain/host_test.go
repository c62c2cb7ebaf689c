package chain

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

type object = map[string]any

// host is a machine of one test: a network namespace, which the test's thread is in, and directories.
type host struct {
	t   *testing.T
	dir string
}

func newHost(t *testing.T) *host {
	t.Helper()
	runtime.LockOSThread() // and never unlocked: the thread ends with the test
	if err := syscall.Unshare(syscall.CLONE_NEWNET); err != nil {
		t.Fatalf("a network namespace for the test: %v; run with: go test -exec $PWD/test/isolate ./test/chain", err)
	}
	h := &host{t: t, dir: t.TempDir()}
	h.up("lo")
	return h
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func given(t *testing.T, name string) string {
	t.Helper()
	value := os.Getenv(name)
	if value == "" {
		t.Fatalf("%s is not set; run: make test STEPS=programs", name)
	}
	return value
}

func (h *host) path(name string) string { return filepath.Join(h.dir, name) }

func (h *host) up(name string) {
	h.t.Helper()
	link, err := netlink.LinkByName(name)
	must(h.t, err)
	must(h.t, netlink.LinkSetUp(link))
}

// run runs a program that has to succeed, in the host's namespace.
func (h *host) run(name string, args ...string) string {
	h.t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		h.t.Fatalf("%s %v: %v: %s", name, args, err, out)
	}
	return string(out)
}

// command runs the command cni.
func (h *host) command(args ...string) string {
	h.t.Helper()
	return h.run(given(h.t, "CNI_COMMAND_PATH"), append([]string{"--conf-dir", h.path("conf"), "--cache-dir", h.path("cache"), "--state-dir", h.path("state")}, args...)...)
}

// process is a C program that serves requests through libcni.so.
type process struct {
	h   *host
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
	err bytes.Buffer
}

func (h *host) program() string {
	h.t.Helper()
	program, dir := h.path("requests"), filepath.Dir(given(h.t, "CNI_LIBRARY"))
	if _, err := os.Stat(program); err == nil {
		return program
	}
	h.run("cc", "-std=gnu99", "-Wall", "-Wextra", "-Werror", "-O1", "-I../../include", "-o", program, "programs/requests.c",
		"-L"+dir, "-lcni", "-Wl,-rpath,"+dir)
	return program
}

func (h *host) start(args ...string) *process {
	h.t.Helper()
	p := &process{h: h, cmd: exec.Command(h.program(), args...)}
	p.cmd.Stderr = &p.err
	var err error
	p.in, err = p.cmd.StdinPipe()
	must(h.t, err)
	out, err := p.cmd.StdoutPipe()
	must(h.t, err)
	p.out = bufio.NewReader(out)
	must(h.t, p.cmd.Start())
	h.t.Cleanup(func() {
		p.in.Close()
		_ = p.cmd.Wait() // who wants to know has asked
	})
	return p
}

// send hands the process a request with the options of the host.
func (p *process) send(method string, request object) error {
	full := object{"options": object{
		"confDir": p.h.path("conf"), "cacheDir": p.h.path("cache"), "stateDir": p.h.path("state"), "pluginDirs": []string{p.h.path("plugins")},
	}}
	for key, value := range request {
		full[key] = value
	}
	text, err := json.Marshal(full)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(p.in, "%s %s\n", method, text)
	return err
}

type answer struct {
	rc   int
	text string
	Kind string
	Msg  string
	AsOf string // of attachments
}

func (p *process) receive() (answer, error) {
	line, err := p.out.ReadString('\n')
	if err != nil {
		return answer{}, fmt.Errorf("no answer: %w: %s", err, p.err.String())
	}
	var a answer
	if _, err := fmt.Sscanf(line, "%d ", &a.rc); err != nil {
		return a, err
	}
	_, a.text, _ = strings.Cut(strings.TrimSpace(line), " ")
	return a, json.Unmarshal([]byte(a.text), &a)
}

func (p *process) call(method string, request object) answer {
	p.h.t.Helper()
	must(p.h.t, p.send(method, request))
	a, err := p.receive()
	must(p.h.t, err)
	return a
}

func (p *process) must(method string, request object) answer {
	p.h.t.Helper()
	a := p.call(method, request)
	if a.rc != 0 {
		p.h.t.Fatalf("%s %v: %d %s", method, request, a.rc, a.text)
	}
	return a
}

// namespace makes a network namespace.
func (p *process) namespace(name string) string {
	p.h.t.Helper()
	path := p.h.path("netns-" + name)
	p.must("netns.create", object{"path": path})
	p.h.t.Cleanup(func() { _ = unix.Unmount(path, unix.MNT_DETACH) }) // gone, if the test has deleted it
	return path
}

// network is one of two, "a" and "b", with the addresses 10.1.0.0/24 and 10.2.0.0/24, fd00:1::/64 and fd00:2::/64, and
// further plugins.
func (h *host) network(name string, more ...object) object {
	n := int(name[0]-'a') + 1
	plugins := []object{
		{"type": "bridge", "bridge": "br-" + name, "isGateway": true, "ipMasq": true, "macspoofchk": true, "ipam": object{
			"type": "host-local", "dataDir": h.path("leases"), "routes": []object{{"dst": "0.0.0.0/0"}, {"dst": "::/0"}},
			"ranges": [][]object{{{"subnet": fmt.Sprintf("10.%d.0.0/24", n)}}, {{"subnet": fmt.Sprintf("fd00:%d::/64", n)}}},
		}},
		{"type": "portmap", "capabilities": object{"portMappings": true}},
		{"type": "firewall"},
	}
	return object{"cniVersion": "1.1.0", "name": name, "plugins": append(plugins, more...)}
}

// attachment is a request for a container that publishes its port 80.
func (h *host) attachment(network, id, netns string, hostPort int) object {
	return object{"network": h.network(network), "containerId": id, "netns": netns, "capabilityArgs": object{
		"portMappings": []object{{"hostPort": hostPort, "containerPort": 80, "protocol": "tcp"}},
	}}
}

// inside runs fn in a namespace, on a thread of its own; "" is the host's.
func (h *host) inside(netns string, fn func() error) error {
	if netns == "" {
		return fn()
	}
	result := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends here
		fd, err := unix.Open(netns, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			result <- fmt.Errorf("%s: %w", netns, err)
			return
		}
		defer unix.Close(fd)
		if err := unix.Setns(fd, unix.CLONE_NEWNET); err != nil {
			result <- fmt.Errorf("%s: %w", netns, err)
			return
		}
		result <- fn()
	}()
	return <-result
}

// connect makes a pair of links, one end in the host, the other named eth0 in a namespace, with addresses that can be
// used at once.
func (h *host) connect(netns, name string, here, there []string) {
	h.t.Helper()
	fd, err := os.Open(netns)
	must(h.t, err)
	defer fd.Close()
	must(h.t, netlink.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: name}, PeerName: "eth0", PeerNamespace: netlink.NsFd(int(fd.Fd()))}))
	must(h.t, ready(name, here))
	must(h.t, h.inside(netns, func() error { return ready("eth0", there) }))
}

func ready(name string, addresses []string) error {
	if err := os.WriteFile("/proc/sys/net/ipv6/conf/"+name+"/accept_dad", []byte("0"), 0); err != nil {
		return err
	}
	link, err := netlink.LinkByName(name)
	if err != nil {
		return err
	}
	if err := netlink.LinkSetUp(link); err != nil {
		return err
	}
	for _, text := range addresses {
		address, err := netlink.ParseAddr(text)
		if err != nil {
			return err
		}
		if address.IP.To4() == nil {
			address.Flags = unix.IFA_F_NODAD
		}
		if err := netlink.AddrAdd(link, address); err != nil {
			return fmt.Errorf("%s: %s: %w", name, text, err)
		}
	}
	return nil
}

// outside makes a machine that the host reaches by a link: it has 192.0.2.9 and fd00:9::9, the host 192.0.2.1 and
// fd00:9::1.
func (h *host) outside(p *process) string {
	h.t.Helper()
	netns := p.namespace("outside")
	h.connect(netns, "out0", []string{"192.0.2.1/24", "fd00:9::1/64"}, []string{"192.0.2.9/24", "fd00:9::9/64"})
	return netns
}
