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
	netavark  = "netavark"
	theFloor  = "floor"
	oneQueue  = "floor, one queue"
)

// netavarkPath is the path in Debian's package.
const netavarkPath = "/usr/lib/podman/netavark"

// newSide completes a side and starts its program. The directory of the side is made below that of
// s.
func (b *bench) newSide(v variant, s side) (*side, error) {
	s.name, s.baseline, s.build = v.name, v.baseline, b.libraries
	if v.baseline {
		s.build = b.baseline
	}
	s.ipt, s.turns = v.name == iptables, map[string][][]time.Duration{}
	s.dir = filepath.Join(s.dir, fmt.Sprint("side", s.number))
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		return nil, err
	}
	switch v.name {
	case cold:
		s.make = s.cold(program(s.build, "once"))
	case cnitool:
		s.make = s.cnitool(b.peers)
	case netavark:
		s.make = s.netavark
	default:
		return &s, s.serve(b)
	}
	return &s, nil
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
		return timed(exec.Command(path, method, s.ours(i)))
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
		return timed(command)
	}
}

// netavark makes the calls that podman makes: a bridge network, a fixed address and, in the full
// chain, a port.
func (s *side) netavark(method string, i int) (time.Duration, error) {
	const id = "6ce7e5d1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1"
	n, ports := s.network(i), []any{}
	if s.chain == "full" {
		ports = append(ports,
			map[string]any{
				"container_port": 80, "host_port": s.hostPort(i), "protocol": "tcp", "range": 1, "host_ip": "",
			})
	}
	input, err := json.Marshal(map[string]any{
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
			"ipam_options": map[string]any{"driver": "host-local"},
		}},
	})
	if err != nil {
		return 0, err
	}
	verb := map[string]string{"add": "setup", "del": "teardown"}[method]
	command := exec.Command(netavarkPath, "--config", s.dir, verb, s.netns(i))
	command.Stdin = strings.NewReader(string(input))
	return timed(command)
}
