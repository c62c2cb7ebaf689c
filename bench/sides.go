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

// The names of the sides, which results are found by.
const (
	libcni    = "libcni"
	isolated  = "libcni, isolated"
	cold      = "libcni, cold"
	reference = "Go libcni, nftables"
	iptables  = "Go libcni, iptables"
	cnitool   = "cnitool"
	netavark  = "netavark"
	theFloor  = "floor"
)

// netavarkPath is where Debian's package has it.
const netavarkPath = "/usr/lib/podman/netavark"

// newSide makes a side of the given name and starts its program. Its state is below parent, its namespaces too.
func (b *bench) newSide(name, chain, parent string, number int) (*side, error) {
	s := &side{name: name, chain: chain, number: number, dir: filepath.Join(parent, fmt.Sprint("side", number)), ipt: name == iptables}
	var path string
	line := s.ours
	switch name {
	case libcni:
		path = program(b.build, "driver")
	case isolated:
		path = program(b.build, "isolated")
	case reference, iptables:
		path = filepath.Join(b.peers, "golibcni")
		line = func(i int) string { return s.request(i, map[string]any{"pluginDirs": []string{b.peers}}) }
	case theFloor:
		path = program(b.build, "floor")
	case cold:
		s.make = s.cold(program(b.build, "once"))
	case cnitool:
		s.make = s.cnitool(b.peers)
	case netavark:
		s.make = s.netavark
	}
	if err := os.MkdirAll(s.dir, 0o755); err != nil || path == "" {
		return s, err
	}
	var err error
	if s.process, err = start(path); err != nil {
		return nil, err
	}
	s.make = func(_ *side, method string, i int) (time.Duration, error) {
		return s.process.call(method + " " + line(i))
	}
	if name == theFloor {
		s.make = func(_ *side, method string, i int) (time.Duration, error) {
			return s.process.call(s.floorLine(method, i))
		}
		_, err = s.process.call(fmt.Sprintf("init %s %s/16", s.bridge(), s.gateway()))
	}
	return s, err
}

// cold has a new program in C load the library, make one call and exit.
func (s *side) cold(path string) func(*side, string, int) (time.Duration, error) {
	return func(_ *side, method string, i int) (time.Duration, error) {
		return timed(exec.Command(path, method, s.ours(i)))
	}
}

func (s *side) cnitool(peers string) func(*side, string, int) (time.Duration, error) {
	return func(_ *side, method string, i int) (time.Duration, error) {
		capabilities, _ := json.Marshal(s.capabilities(i))
		list, _ := json.Marshal(s.list())
		if err := os.WriteFile(filepath.Join(s.dir, "net.conflist"), list, 0o644); err != nil {
			return 0, err
		}
		command := exec.Command(filepath.Join(peers, "cnitool"), method, s.bridge(), s.netns(i))
		command.Env = append(os.Environ(), "CNI_PATH="+peers, "NETCONFPATH="+s.dir, "CAP_ARGS="+string(capabilities))
		return timed(command)
	}
}

// netavark gets what podman gives it: a bridge network, a fixed address and, in the full chain, a port.
func (s *side) netavark(_ *side, method string, i int) (time.Duration, error) {
	const id = "6ce7e5d1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1"
	ports := []any{}
	if s.chain == "full" {
		ports = append(ports, map[string]any{"container_port": 80, "host_port": s.hostPort(i), "protocol": "tcp", "range": 1, "host_ip": ""})
	}
	input, err := json.Marshal(map[string]any{
		"container_id": fmt.Sprintf("%064x", 1000*s.number+i), "container_name": s.container(i), "port_mappings": ports,
		"networks": map[string]any{s.bridge(): map[string]any{"static_ips": []string{s.address(i, 0)}, "interface_name": "eth0"}},
		"network_info": map[string]any{s.bridge(): map[string]any{
			"name": s.bridge(), "id": fmt.Sprintf("%x%s", s.number, id)[:64], "driver": "bridge", "network_interface": s.bridge(),
			"subnets":      []any{map[string]any{"subnet": s.subnet(), "gateway": s.gateway()}},
			"ipv6_enabled": false, "internal": false, "dns_enabled": false, "ipam_options": map[string]any{"driver": "host-local"},
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
