package chain

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/libcni/libcni/test/rig"
)

type object = map[string]any

// host is a machine of one test: a network namespace, which the test's thread is in, and
// directories.
type host struct {
	*rig.Host
	program string // serves requests; see compiled
}

func newHost(t *testing.T) *host { return &host{Host: rig.NewHost(t)} }

func (h *host) up(name string) {
	h.T.Helper()
	link, err := netlink.LinkByName(name)
	rig.Must(h.T, err)
	rig.Must(h.T, netlink.LinkSetUp(link))
}

// command runs the command cni.
func (h *host) command(args ...string) string {
	h.T.Helper()
	directories := []string{
		"--conf-dir", h.Path("conf"), "--cache-dir", h.Path("cache"), "--state-dir", h.Path("state"),
	}
	return rig.Run(h.T, rig.Command(h.T), append(directories, args...)...)
}

// process is a C program that serves requests through libcni.so.
type process struct {
	h   *host
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
	err bytes.Buffer
}

// compiled returns the program, which is compiled once for each host.
func (h *host) compiled() string {
	h.T.Helper()
	if h.program == "" {
		h.program = rig.Compile(h.T, "programs/requests.c", rig.Shared(h.T)...)
	}
	return h.program
}

func (h *host) start(args ...string) *process {
	h.T.Helper()
	p := &process{h: h, cmd: exec.Command(h.compiled(), args...)}
	p.cmd.Stderr = &p.err
	var err error
	p.in, err = p.cmd.StdinPipe()
	rig.Must(h.T, err)
	out, err := p.cmd.StdoutPipe()
	rig.Must(h.T, err)
	p.out = bufio.NewReader(out)
	rig.Must(h.T, p.cmd.Start())
	h.T.Cleanup(func() {
		p.in.Close()
		_ = p.cmd.Wait() // who wants to know has asked
	})
	return p
}

// send hands the process a request with the options of the host.
func (p *process) send(method string, request object) error {
	full := object{"options": object{
		"confDir": p.h.Path("conf"), "cacheDir": p.h.Path("cache"), "stateDir": p.h.Path("state"),
		"pluginDirs": []string{p.h.Path("plugins")},
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
	p.h.T.Helper()
	rig.Must(p.h.T, p.send(method, request))
	a, err := p.receive()
	rig.Must(p.h.T, err)
	return a
}

func (p *process) must(method string, request object) answer {
	p.h.T.Helper()
	a := p.call(method, request)
	if a.rc != 0 {
		p.h.T.Fatalf("%s %v: %d %s", method, request, a.rc, a.text)
	}
	return a
}

// namespace makes a network namespace.
func (p *process) namespace(name string) string {
	p.h.T.Helper()
	path := p.h.Path("netns-" + name)
	p.must("netns.create", object{"path": path})
	// Gone, if the test has deleted it.
	p.h.T.Cleanup(func() { _ = unix.Unmount(path, unix.MNT_DETACH) })
	return path
}

// network is one of two, "a" and "b", with the addresses 10.1.0.0/24 and 10.2.0.0/24, fd00:1::/64
// and fd00:2::/64, and further plugins.
func (h *host) network(name string, more ...object) object {
	n := int(name[0]-'a') + 1
	plugins := []object{
		{"type": "bridge", "bridge": "br-" + name, "isGateway": true, "ipMasq": true, "macspoofchk": true,
			"ipam": object{
				"type": "host-local", "dataDir": h.Path("leases"),
				"routes": []object{{"dst": "0.0.0.0/0"}, {"dst": "::/0"}},
				"ranges": [][]object{
					{{"subnet": fmt.Sprintf("10.%d.0.0/24", n)}}, {{"subnet": fmt.Sprintf("fd00:%d::/64", n)}},
				},
			}},
		{"type": "portmap", "capabilities": object{"portMappings": true}},
		{"type": "firewall"},
	}
	return object{"cniVersion": "1.1.0", "name": name, "plugins": append(plugins, more...)}
}

// attachment is a request for a container that publishes its port 80.
func (h *host) attachment(network, id, netns string, hostPort int) object {
	return object{"network": h.network(network), "containerId": id, "netns": netns,
		"capabilityArgs": object{
			"portMappings": []object{{"hostPort": hostPort, "containerPort": 80, "protocol": "tcp"}},
		}}
}

// outside makes a machine that the host reaches by a link: it has 192.0.2.9 and fd00:9::9, the host
// 192.0.2.1 and fd00:9::1.
func (h *host) outside(p *process) string {
	h.T.Helper()
	netns := p.namespace("outside")
	h.Connect(netns, "out0", []string{"192.0.2.1/24", "fd00:9::1/64"},
		[]string{"192.0.2.9/24", "fd00:9::9/64"})
	return netns
}
