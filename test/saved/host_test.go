package saved

import (
	"fmt"
	"slices"
	"testing"

	"github.com/libcni/libcni/test/rig"
)

type object = rig.Object

// host has a machine outside and containers of several networks.
type host struct {
	*rig.Host
	outside  string
	nft      string   // the executable that saves, loads and lists
	networks []string // to which further containers are attached
	all      []container
}

// container is an attached container, which serves port 80.
type container struct {
	network string
	number  int // sets its ports
	request object
}

func newHost(t *testing.T, foreign bool) *host {
	h := &host{Host: rig.NewHost(t), nft: "nft", networks: networks()}
	rig.IsolateMounts(t) // iptables locks a file in /run
	h.outside = rig.NewNamespace(t)
	h.Connect(h.outside, "out0", []string{"192.0.2.1/24", "fd00:9::1/64"},
		[]string{"192.0.2.9/24", "fd00:9::9/64"})
	h.Serve(h.outside, ":7000", "")
	if foreign {
		rig.Run(t, "iptables", "-P", "FORWARD", "DROP")
		rig.Run(t, "ip6tables", "-P", "FORWARD", "DROP")
	}
	return h
}

func (h *host) must(method string, request object) rig.Answer {
	h.T.Helper()
	return h.MustCall(method, request, object{"builtins": "only"})
}

// The networks. Their names and those of their bridges are words or signs of nft.
const (
	everyone = "drop"   // masquerading, spoof check, policy open
	fenced   = "accept" // conditions, masqAll, policy same-bridge
	apart    = "map"    // without snat, policy isolated
	iptables = "x-tables"
)

func networks() []string { return []string{everyone, fenced, apart} }

// network is the configuration of a network.
func (h *host) network(name string) object {
	n := slices.Index([]string{everyone, fenced, apart, iptables}, name) + 1
	bridge := object{"type": "bridge", "isGateway": true, "ipMasq": true, "macspoofchk": true,
		"bridge": []string{"br+1", "b,r;b", "br#{c}'", "br-d"}[n-1],
		"ipam": object{
			"type": "host-local", "dataDir": h.Path("leases"),
			"routes": []object{{"dst": "0.0.0.0/0"}, {"dst": "::/0"}},
			"ranges": [][]object{
				{{"subnet": fmt.Sprintf("10.%d.0.0/24", n)}}, {{"subnet": fmt.Sprintf("fd00:%d::/64", n)}},
			},
		}}
	portmap := object{"type": "portmap", "capabilities": object{"portMappings": true}}
	firewall := object{"type": "firewall", "backend": "nftables",
		"iptablesAdminChainName": adminChain}
	switch name {
	case fenced:
		portmap["conditionsV4"] = []string{"ip saddr != 10.9.0.0/16", "tcp dport 1-65000"}
		portmap["conditionsV6"] = []string{"ip6 saddr != fd00:77::/63"}
		portmap["masqAll"] = true
		firewall["ingressPolicy"], firewall["allowPublishedPorts"] = "same-bridge", true
	case apart:
		portmap["snat"] = false
		firewall["ingressPolicy"] = "isolated"
	case iptables:
		bridge["ipMasqBackend"], firewall["backend"] = iptablesBackend, iptablesBackend
		firewall["ingressPolicy"] = "same-bridge"
	}
	return object{"cniVersion": "1.1.0", "name": name, "plugins": []object{bridge, portmap, firewall}}
}

const iptablesBackend = "iptables"

// port is the n-th published port of a container.
func (c container) port(n int) int { return 8000 + 100*c.number + n }

// attach attaches a container, which publishes its port by mappings of every kind.
func (h *host) attach(network string, number int) container {
	h.T.Helper()
	c := h.container(network, number)
	h.must("add", c.request)
	for _, port := range []int{80, c.port(25), c.port(35)} {
		h.Serve(c.request["netns"].(string), fmt.Sprint(":", port), "")
	}
	h.all = append(h.all, c)
	return c
}

func (h *host) container(network string, number int) container {
	h.T.Helper()
	c := container{network: network, number: number}
	mapping := func(n int, proto, hostIP string) object {
		return object{"hostPort": c.port(n), "containerPort": 80, "protocol": proto, "hostIP": hostIP}
	}
	several := func(n int, proto, hostIP string) object {
		m := mapping(n, proto, hostIP)
		m["containerPort"], m["range"] = m["hostPort"], 10
		return m
	}
	c.request = object{"network": h.network(network), "netns": rig.NewNamespace(h.T),
		"containerId": fmt.Sprintf("c.%d_-drop", number), "ifName": "e#{0}'",
		"capabilityArgs": object{"portMappings": []object{
			mapping(0, "tcp", ""), mapping(0, "udp", ""), mapping(1, "tcp", "192.0.2.1"),
			mapping(2, "tcp", "fd00:9::1"), mapping(3, "tcp", "127.0.0.1"), mapping(4, "tcp", "0.0.0.0"),
			several(10, "sctp", ""), several(20, "tcp", ""), several(30, "tcp", "192.0.2.1"),
			several(40, "udp", "fd00:9::1"),
		}}}
	return c
}

// traffic tries connections from outside to the containers, and from them to the outside.
func (h *host) traffic(when string) {
	h.T.Helper()
	for _, c := range h.all {
		want4, want6 := "192.0.2.9", "fd00:9::9"
		if c.network == fenced { // masqAll
			want4, want6 = "10.2.0.1", "fd00:2::1"
		}
		h.asks(when, h.outside, fmt.Sprint("192.0.2.1:", c.port(0)), want4)
		h.asks(when, h.outside, fmt.Sprint("192.0.2.1:", c.port(1)), want4)
		h.asks(when, h.outside, fmt.Sprint("192.0.2.1:", c.port(25)), want4)
		h.asks(when, h.outside, fmt.Sprint("192.0.2.1:", c.port(35)), want4)
		h.asks(when, h.outside, fmt.Sprintf("[fd00:9::1]:%d", c.port(0)), want6)
		h.asks(when, h.outside, fmt.Sprintf("[fd00:9::1]:%d", c.port(25)), want6)
		h.asks(when, h.outside, fmt.Sprintf("[fd00:9::1]:%d", c.port(2)), want6)
		h.asks(when, c.request["netns"].(string), "192.0.2.9:7000", "192.0.2.1")
		h.asks(when, c.request["netns"].(string), "[fd00:9::9]:7000", "fd00:9::1")
	}
}

func (h *host) asks(when, from, address, want string) {
	h.T.Helper()
	if got := h.Who(from, address, rig.Patience); got != want {
		h.T.Errorf("%s: %s: seen as %q, want %q", when, address, got, want)
	}
}
