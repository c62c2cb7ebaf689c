package main

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// side is one of what is compared: how it is called, and a network and containers of its own.
type side struct {
	name   string
	dir    string
	number int    // makes its bridge, subnet and host ports differ from those of the others
	chain  string // "bridge" or "full"
	dual   bool   // an IPv6 subnet too
	ipt    bool   // iptables where the reference plugins can choose

	make       func(s *side, method string, i int) (time.Duration, error)
	process    *process
	containers int
}

func (s *side) bridge() string         { return fmt.Sprintf("bench%d", s.number) }
func (s *side) subnet() string         { return fmt.Sprintf("10.%d.0.0/16", s.number) }
func (s *side) gateway() string        { return fmt.Sprintf("10.%d.0.1", s.number) }
func (s *side) hostPort(i int) int     { return 1000 + 300*(s.number-60) + i }
func (s *side) netns(i int) string     { return fmt.Sprintf("%s/netns%d", s.dir, i) }
func (s *side) container(i int) string { return fmt.Sprintf("c%d-%d", s.number, i) }
func (s *side) address(i, n int) string {
	return fmt.Sprintf("10.%d.%d.%d", s.number, (i+n)/250, 2+(i+n)%250)
}

// plugins is the list of the network.
func (s *side) plugins() []any {
	ranges := []any{[]any{map[string]any{"subnet": s.subnet()}}}
	routes := []any{map[string]any{"dst": "0.0.0.0/0"}}
	if s.dual {
		ranges = append(ranges, []any{map[string]any{"subnet": fmt.Sprintf("fd00:%d::/64", s.number)}})
		routes = append(routes, map[string]any{"dst": "::/0"})
	}
	bridge := map[string]any{"type": "bridge", "bridge": s.bridge(), "isGateway": true,
		"ipam": map[string]any{"type": "host-local", "dataDir": s.dir + "/leases", "ranges": ranges, "routes": routes}}
	if s.chain == "bridge" {
		return []any{bridge}
	}
	backend := "nftables"
	if s.ipt {
		backend = "iptables"
	}
	bridge["ipMasq"], bridge["ipMasqBackend"] = true, backend
	return []any{bridge, map[string]any{"type": "portmap", "backend": backend, "capabilities": map[string]any{"portMappings": true}},
		map[string]any{"type": "firewall"}}
}

func (s *side) list() map[string]any {
	return map[string]any{"cniVersion": "1.1.0", "name": s.bridge(), "plugins": s.plugins()}
}

func (s *side) capabilities(i int) map[string]any {
	if s.chain == "bridge" {
		return map[string]any{}
	}
	return map[string]any{"portMappings": []any{map[string]any{"hostPort": s.hostPort(i), "containerPort": 80, "protocol": "tcp"}}}
}

// request is what libcni.so and the driver of Go's libcni are asked.
func (s *side) request(i int, options map[string]any) string {
	options["cacheDir"] = s.dir + "/cache"
	text, err := json.Marshal(map[string]any{
		"containerId": s.container(i), "ifName": "eth0", "netns": s.netns(i), "options": options,
		"network": s.list(), "capabilityArgs": s.capabilities(i),
	})
	if err != nil {
		panic(err) // it is made of strings and numbers
	}
	return string(text)
}

func (s *side) ours(i int) string {
	return s.request(i, map[string]any{"stateDir": s.dir + "/state", "builtins": "only"})
}

// floorLine is the same for the floor, which is told its address.
func (s *side) floorLine(method string, i int) string {
	name := fmt.Sprintf("vethf%d-%d", s.number, i)
	if method == "del" {
		return "del " + name
	}
	return fmt.Sprintf("add %s %s %s %s/16 %s", s.netns(i), s.bridge(), name, s.address(i, 0), s.gateway())
}

func (s *side) makeContainers(count int) error {
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		return err
	}
	for ; s.containers < count; s.containers++ {
		if err := makeNetns(s.netns(s.containers)); err != nil {
			return err
		}
	}
	return nil
}

// connects shows that a container reaches its gateway and, where a port is published, that this leads to it.
func (s *side) connects(i int) error {
	if err := reachesOut(s.netns(i), s.gateway()); err != nil {
		return fmt.Errorf("%s: from %s to the gateway: %w", s.name, s.container(i), err)
	}
	if s.chain == "bridge" {
		return nil
	}
	if err := reachesIn(s.netns(i), fmt.Sprintf("%s:%d", s.gateway(), s.hostPort(i))); err != nil {
		return fmt.Errorf("%s: to %s through its port of the host: %w", s.name, s.container(i), err)
	}
	return nil
}

// end shows that nothing is left of the containers, and removes their namespaces.
func (s *side) end() error {
	if s.process != nil {
		s.process.end()
	}
	for i := range s.containers {
		err := inside(s.netns(i), func() error {
			if _, err := net.InterfaceByName("eth0"); err == nil {
				return fmt.Errorf("%s: eth0 of %s is left", s.name, s.container(i))
			}
			return nil
		})
		if err != nil {
			return err
		}
		if err := removeNetns(s.netns(i)); err != nil {
			return err
		}
	}
	if err := s.noFiles(); err != nil {
		return err
	}
	if err := s.noRules(); err != nil {
		return err
	}
	if err := removeLinks(s.bridge()); err != nil {
		return err
	}
	return os.RemoveAll(s.dir)
}

func (s *side) noFiles() error {
	for _, pattern := range []string{"/leases/*/10.*", "/cache/results/*", "/state/intents/*"} {
		if left, err := filepath.Glob(s.dir + pattern); err != nil || len(left) > 0 {
			return fmt.Errorf("%s: %v left, %v", s.name, left, err)
		}
	}
	return nil
}

// noRules looks for the containers' addresses in every rule, set and map.
func (s *side) noRules() error {
	rules, err := exec.Command("nft", "list", "ruleset").Output()
	if err != nil {
		return fmt.Errorf("nft list ruleset: %w", err)
	}
	address := regexp.MustCompile(fmt.Sprintf(`\b10\.%d\.\d+\.\d+\b`, s.number))
	for line := range strings.Lines(string(rules)) {
		for _, found := range address.FindAllString(line, -1) {
			if found != s.gateway() && !strings.HasSuffix(found, ".0.0") {
				return fmt.Errorf("%s: a rule is left: %s", s.name, line)
			}
		}
	}
	return nil
}
