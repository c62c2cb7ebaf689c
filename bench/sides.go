package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// The names of the sides, by which results are looked up.
const (
	libcni    = "libcni"
	isolated  = "libcni, isolated"
	listing   = "libcni, listing its goroutines"
	cold      = "libcni, cold"
	reference = "Go libcni, nftables"
	iptables  = "Go libcni, iptables"
	cnitool   = "cnitool"
	netavark  = "netavark " + netavarkVersion
	theFloor  = "floor"
	oneQueue  = "floor, one queue"

	packagedNetavark = "netavark, packaged"
)

// netavarkVersion is the version that "make netavark" builds. The Makefile reads it here.
const netavarkVersion = "2.1.0"

// netavarkPath returns the path of one of the two versions of netavark, and what installs it.
func netavarkPath(build, name string) (path, advice string) {
	if name == packagedNetavark {
		return "/usr/lib/podman/netavark", "Debian's package is netavark"
	}
	return filepath.Join(build, "netavark", "bin", "netavark"), "\"make netavark\" builds it"
}

// installed reports whether a side can be measured, and records it if not. Only netavark may be
// missing.
func (b *bench) installed(caseName, side string) bool {
	if side != netavark && side != packagedNetavark {
		return true
	}
	path, advice := netavarkPath(b.build, side)
	if exists(path) {
		return true
	}
	b.report.NotMeasured = append(b.report.NotMeasured,
		fmt.Sprintf("%s: %s: not installed; %s", caseName, side, advice))
	return false
}

// newSide completes a side and starts its program. The directory of the side is made below that of
// s.
func (b *bench) newSide(v variant, s side) (*side, error) {
	s.name, s.baseline, s.build = v.name, v.baseline, b.libraries
	if v.baseline {
		s.build = b.baseline
	}
	s.ipt, s.turns = v.name == iptables, map[string][][]time.Duration{}
	if err := b.giveHost(&s); err != nil {
		return nil, err
	}
	s.dir = filepath.Join(s.dir, fmt.Sprint("side", s.number))
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		return nil, err
	}
	switch v.name {
	case cold:
		s.make = s.cold(program(s.build, "once"))
	case cnitool:
		s.make = s.cnitool(b.peers)
	case netavark, packagedNetavark:
		path, _ := netavarkPath(b.build, v.name)
		s.make = s.netavark(path)
	default:
		return &s, s.onHost(func() error { return s.serve(b) })
	}
	return &s, nil
}

// giveHost gives each build a host of its own if two are compared: one may expect other rules than
// the other makes, in the chains that all attachments of a host share.
func (b *bench) giveHost(s *side) error {
	switch {
	case s.beside != nil:
		s.host = s.beside.host
	case b.baseline != "" && s.host == "":
		s.host = filepath.Join(b.dir, fmt.Sprint("host", s.number))
		return makeHost(s.host)
	}
	return nil
}

// onHost runs fn on a thread of the host of a side.
func (s *side) onHost(fn func() error) error {
	if s.host == "" {
		return fn()
	}
	return inside(s.host, fn)
}

// timed runs a command on the host of a side.
func (s *side) timed(command *exec.Cmd) (took time.Duration, err error) {
	err = s.onHost(func() (err error) {
		took, err = timed(command)
		return err
	})
	return took, err
}

// serve starts a program that serves a side's calls.
func (s *side) serve(b *bench) (err error) {
	command := s.program(b)
	if s.name == listing {
		if err := s.lists(command, b); err != nil {
			return err
		}
	}
	if s.process, err = start(command); err != nil {
		return err
	}
	s.make = func(method string, i int) (time.Duration, error) {
		return s.process.call(s.line(b, method, i))
	}
	if strings.HasPrefix(s.name, theFloor) && s.beside == nil {
		n := s.network(0)
		_, bits, _ := strings.Cut(n.subnet, "/")
		_, err = s.process.call(fmt.Sprintf("init %s %s/%s", n.bridge, n.gateway, bits))
	}
	return err
}

func (s *side) program(b *bench) *exec.Cmd {
	switch s.name {
	case reference, iptables:
		return exec.Command(filepath.Join(b.peers, "golibcni"))
	case isolated:
		return exec.Command(program(s.build, "isolated"))
	case theFloor, oneQueue:
		b.floors++ // each numbers its links from a million of its own
		queues := map[string]string{theFloor: "default", oneQueue: "1"}[s.name]
		return exec.Command(program(b.build, "floor"), fmt.Sprint(b.floors*1e6), queues)
	}
	return exec.Command(program(s.build, "driver"))
}

// line returns the line that requests a call from a program.
func (s *side) line(b *bench, method string, i int) string {
	switch s.name {
	case reference, iptables:
		return method + " " + s.request(i, map[string]any{"pluginDirs": []string{b.peers}})
	case theFloor, oneQueue:
		return method + " " + s.floorRequest(method, i)
	}
	return method + " " + s.ours(i)
}

func (s *side) lines(b *bench, method string, from, to int) (lines []string) {
	for i := from; i < to; i++ {
		lines = append(lines, s.line(b, method, i))
	}
	return lines
}

// cold starts a C program for each call: it loads the library, makes the call and exits.
func (s *side) cold(path string) func(string, int) (time.Duration, error) {
	return func(method string, i int) (time.Duration, error) {
		return s.timed(exec.Command(path, method, s.ours(i)))
	}
}

func (s *side) cnitool(peers string) func(string, int) (time.Duration, error) {
	return func(method string, i int) (time.Duration, error) {
		capabilities, _ := json.Marshal(s.capabilities(i))
		list, _ := json.Marshal(s.list(i))
		if err := os.WriteFile(filepath.Join(s.dir, "net.conflist"), list, 0o644); err != nil {
			return 0, err
		}
		command := exec.Command(filepath.Join(peers, "cnitool"), method, s.network(i).bridge, s.netns(i))
		command.Env = append(os.Environ(), "CNI_PATH="+peers, "NETCONFPATH="+s.dir,
			"CAP_ARGS="+string(capabilities))
		return s.timed(command)
	}
}

// netavark makes the calls that podman makes, with a fixed address and, in the full chain, a port.
// As with the other sides, networks are not isolated from each other. The firewall driver is the
// default: nftables, in older versions iptables.
func (s *side) netavark(path string) func(string, int) (time.Duration, error) {
	verbs := map[string]string{"add": "setup", "del": "teardown"}
	return func(method string, i int) (time.Duration, error) {
		input, err := json.Marshal(s.netavarkInput(i))
		if err != nil {
			return 0, err
		}
		command := exec.Command(path, "--config", s.dir, verbs[method], s.netns(i))
		command.Stdin = strings.NewReader(string(input))
		return s.timed(command)
	}
}

func (s *side) netavarkInput(i int) map[string]any {
	const id = "6ce7e5d1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1"
	n, ports := s.network(i), []any{}
	if s.chain == "full" {
		ports = append(ports,
			map[string]any{
				"container_port": 80, "host_port": s.hostPort(i), "protocol": "tcp", "range": 1, "host_ip": "",
			})
	}
	return map[string]any{
		"container_id": fmt.Sprintf("%064x", 1000*s.number+i), "container_name": s.container(i),
		"port_mappings": ports,
		"networks": map[string]any{
			n.bridge: map[string]any{"static_ips": []string{s.address(i)}, "interface_name": "eth0"},
		},
		"network_info": map[string]any{n.bridge: map[string]any{
			"name": n.bridge, "id": fmt.Sprintf("%x%s", s.number, id)[:64], "driver": "bridge",
			"network_interface": n.bridge,
			"subnets":           []any{map[string]any{"subnet": n.subnet, "gateway": n.gateway}},
			"ipv6_enabled":      false, "internal": false, "dns_enabled": false,
			"options":      map[string]any{"isolate": "false"},
			"ipam_options": map[string]any{"driver": "host-local"},
		}},
	}
}
