package main

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// side is one of the compared implementations: how it is called, with its own networks and
// containers.
type side struct {
	name   string
	dir    string // of its namespaces and state
	host   string // the namespace with its bridges and rules; empty: the benchmark's
	number int    // makes its bridges, subnets and host ports differ from those of the others
	chain  string // "bridge" or "full"
	each   int    // containers to a network; 0: all on one
	dual   bool   // an IPv6 subnet too
	ipt    bool   // iptables where the reference plugins can choose
	beside *side  // its containers join the first network of this side, which is otherwise nil

	baseline bool   // uses the baseline's library
	build    string // directory of its library and programs

	make       func(method string, i int) (time.Duration, error)
	process    *process
	others     []*process // of a side that has several
	goroutines chan int   // how many live in the process, of a side that lists them
	containers int
	turns      map[string][][]time.Duration // the times of each turn, by method
}

func (s *side) label() string { return variant{s.name, s.baseline}.String() }

// times returns the times of all turns.
func (s *side) times(method string) []time.Duration { return slices.Concat(s.turns[method]...) }

// warming is the number of containers of a side that are not measured. One stays attached, so that
// bridges stay; the other is attached and detached before the first turn.
const warming = 2

// network is one of a side's networks. It has the name of its bridge.
type network struct {
	bridge, subnet, gateway, gateway6 string
	mtu                               int // 0: the kernel's
}

// network returns the network of container i. If each container has its own, all networks are
// configured differently.
func (s *side) network(i int) network {
	switch {
	case s.beside != nil:
		return s.beside.network(0)
	case s.each == 0:
		return network{
			fmt.Sprintf("bench%d", s.number), fmt.Sprintf("10.%d.0.0/16", s.number),
			fmt.Sprintf("10.%d.0.1", s.number), fmt.Sprintf("fd00:%d::1", s.number), 0,
		}
	}
	n := i / s.each
	shared := network{
		fmt.Sprintf("bench%d-%d", s.number, n), fmt.Sprintf("10.%d.%d.0/24", s.number, n),
		fmt.Sprintf("10.%d.%d.1", s.number, n), "", 0,
	}
	if s.each == 1 {
		shared.mtu = 1400 + n
	}
	return shared
}

func (s *side) hostPort(i int) int     { return 1000 + 300*(s.number-60) + i }
func (s *side) netns(i int) string     { return fmt.Sprintf("%s/netns%d", s.dir, i) }
func (s *side) container(i int) string { return fmt.Sprintf("c%d-%d", s.number, i) }

// address returns the address for sides that need a fixed one. Beside another side it is an address
// outside the range of host-local, and a container of an earlier turn may have had it.
func (s *side) address(i int) string {
	if s.beside != nil {
		return fmt.Sprintf("10.%d.0.%d", s.beside.number, 201+i%50)
	}
	return fmt.Sprintf("10.%d.%d.%d", s.number, i/250, 2+i%250)
}

// state returns the directory of leases, cache and intents.
func (s *side) state() string {
	if s.beside != nil {
		return s.beside.state()
	}
	return s.dir
}

func (s *side) has(method string) bool {
	return method != "check" ||
		!strings.HasPrefix(s.name, theFloor) && !strings.HasPrefix(s.name, "netavark")
}

// plugins returns the plugins of a network.
func (s *side) plugins(n network) []any {
	first := map[string]any{"subnet": n.subnet}
	if s.each > 1 || s.beside != nil {
		first["rangeEnd"] = strings.TrimSuffix(n.gateway, "1") + "200"
	}
	ranges := []any{[]any{first}}
	routes := []any{map[string]any{"dst": "0.0.0.0/0"}}
	if s.dual {
		ranges = append(ranges,
			[]any{map[string]any{"subnet": strings.TrimSuffix(n.gateway6, "1") + "/64"}})
		routes = append(routes, map[string]any{"dst": "::/0"})
	}
	bridge := map[string]any{"type": "bridge", "bridge": n.bridge, "isGateway": true,
		"ipam": map[string]any{
			"type": "host-local", "dataDir": s.state() + "/leases", "ranges": ranges, "routes": routes,
		}}
	if n.mtu > 0 {
		bridge["mtu"] = n.mtu
	}
	if s.chain == "bridge" {
		return []any{bridge}
	}
	backend := "nftables"
	if s.ipt {
		backend = "iptables"
	}
	bridge["ipMasq"], bridge["ipMasqBackend"] = true, backend
	return []any{bridge,
		map[string]any{
			"type": "portmap", "backend": backend, "capabilities": map[string]any{"portMappings": true},
		},
		map[string]any{"type": "firewall"}}
}

func (s *side) list(i int) map[string]any {
	n := s.network(i)
	return map[string]any{"cniVersion": "1.1.0", "name": n.bridge, "plugins": s.plugins(n)}
}

func (s *side) capabilities(i int) map[string]any {
	if s.chain == "bridge" {
		return map[string]any{}
	}
	return map[string]any{
		"portMappings": []any{
			map[string]any{"hostPort": s.hostPort(i), "containerPort": 80, "protocol": "tcp"},
		},
	}
}

// request returns the request for libcni.so and for the driver of Go's libcni.
func (s *side) request(i int, options map[string]any) string {
	options["cacheDir"] = s.state() + "/cache"
	text, err := json.Marshal(map[string]any{
		"containerId": s.container(i), "ifName": "eth0", "netns": s.netns(i), "options": options,
		"network": s.list(i), "capabilityArgs": s.capabilities(i),
	})
	if err != nil {
		panic(err) // it is made of strings and numbers
	}
	return string(text)
}

func (s *side) ours(i int) string {
	return s.request(i, map[string]any{"stateDir": s.state() + "/state", "builtins": "only"})
}

// floorRequest returns the request for the floor, with a fixed address.
func (s *side) floorRequest(method string, i int) string {
	name := fmt.Sprintf("vethf%d-%d", s.number, i)
	if method == "del" {
		return name
	}
	n := s.network(i)
	_, bits, _ := strings.Cut(n.subnet, "/")
	return fmt.Sprintf("%s %s %s %s/%s %s", s.netns(i), n.bridge, name, s.address(i), bits, n.gateway)
}

// prepare makes the namespaces of count measured containers and those for warming, and makes a
// first call of each method.
func (s *side) prepare(count int) error {
	if err := s.makeContainers(warming + count); err != nil {
		return err
	}
	for _, call := range []struct {
		method    string
		container int
	}{{"add", 0}, {"check", 0}, {"add", 1}, {"del", 1}} {
		if s.has(call.method) {
			if _, err := s.make(call.method, call.container); err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
		}
	}
	return nil
}

func (s *side) makeContainers(count int) error {
	for ; s.containers < count; s.containers++ {
		if err := makeNetns(s.netns(s.containers)); err != nil {
			return err
		}
	}
	return nil
}

// connects proves of ten measured containers, including the first and the last, that they reach
// their gateway and, if a port is published, that it leads to them.
func (s *side) connects(from, to int) error {
	tried := min(to-from, 10)
	for n := range tried {
		i := warming + from + n*(to-from-1)/max(tried-1, 1)
		if err := s.connected(i); err != nil {
			return fmt.Errorf("%s: %w", s.container(i), err)
		}
	}
	return nil
}

func (s *side) connected(i int) error {
	return s.onHost(func() error { return s.connectedHere(i) })
}

func (s *side) connectedHere(i int) error {
	n := s.network(i)
	gateways := []string{n.gateway}
	if s.dual {
		gateways = append(gateways, n.gateway6)
	}
	for _, gateway := range gateways {
		if err := reachesOut(s.netns(i), gateway); err != nil {
			return fmt.Errorf("to the gateway: %w", err)
		}
		if s.chain == "bridge" {
			continue
		}
		if err := reachesIn(s.netns(i),
			net.JoinHostPort(gateway, fmt.Sprint(s.hostPort(i)))); err != nil {
			return fmt.Errorf("from the host through its port: %w", err)
		}
	}
	return nil
}

// end detaches the container that stayed, proves that nothing is left of any container, and removes
// the namespaces.
func (s *side) end() error {
	if _, err := s.make("del", 0); err != nil {
		return fmt.Errorf("%s: %w", s.name, err)
	}
	if s.process != nil {
		s.process.end()
	}
	for i := range s.containers {
		if err := inside(s.netns(i), noInterface); err != nil {
			return fmt.Errorf("%s: %s: %w", s.name, s.container(i), err)
		}
		if err := removeNetns(s.netns(i)); err != nil {
			return err
		}
	}
	if s.beside == nil { // otherwise the other side looks
		if err := s.leave(); err != nil {
			return fmt.Errorf("%s: %w", s.label(), err)
		}
	}
	return os.RemoveAll(s.dir)
}

// leave proves that nothing is left on the host of a side, and removes its bridges and the host.
func (s *side) leave() error {
	err := s.onHost(func() error {
		if err := s.nothingLeft(); err != nil {
			return err
		}
		return removeLinks(fmt.Sprintf("bench%d", s.number))
	})
	if err != nil || s.host == "" {
		return err
	}
	return removeNetns(s.host)
}

func noInterface() error {
	if _, err := net.InterfaceByName("eth0"); err == nil {
		return fmt.Errorf("eth0 is left")
	}
	return nil
}

func (s *side) nothingLeft() error {
	for _, pattern := range []string{
		"/leases/*/10.*", "/leases/*/fd*", "/cache/results/*", "/state/intents/*",
	} {
		if left, err := filepath.Glob(s.dir + pattern); err != nil || len(left) > 0 {
			return fmt.Errorf("%v left, %v", left, err)
		}
	}
	return s.noRules()
}

// noRules searches every rule, set and map for the addresses of the containers.
func (s *side) noRules() error {
	rules, err := exec.Command("nft", "list", "ruleset").Output()
	if err != nil {
		return fmt.Errorf("nft list ruleset: %w", err)
	}
	gateway, gateway6 := fmt.Sprintf("10.%d.0.1", s.number), fmt.Sprintf("fd00:%d::1", s.number)
	address := regexp.MustCompile(
		fmt.Sprintf(`\b10\.%d\.\d+\.\d+\b|\bfd00:%d:[0-9a-f:]+\b`, s.number, s.number))
	for line := range strings.Lines(string(rules)) {
		for _, found := range address.FindAllString(line, -1) {
			if found != gateway && found != gateway6 && !strings.HasSuffix(found, ".0.0") {
				return fmt.Errorf("a rule is left: %s", line)
			}
		}
	}
	return nil
}
