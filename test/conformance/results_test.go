package conformance

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/libcni/libcni/test/rig"
)

// resultCase is a network of two containers. The containers reach each other; the host, if it has
// an address.
type resultCase struct {
	name    string
	version string // "" for the newest
	bridge  string // keys of bridge
	ptp     bool   // the plugin is ptp, with these keys
	ipam    string // of the first container, and of the second if that has none of its own
	second  string
	request [2]object
	gateway bool // the bridge has the gateway's address
	vlan    bool // needs a kernel with CONFIG_BRIDGE_VLAN_FILTERING
}

const (
	v4        = `"type":"host-local","dataDir":"DIR/leases","ranges":[[{"subnet":"10.1.0.0/24"}]]`
	v6        = `"type":"host-local","dataDir":"DIR/leases","ranges":[[{"subnet":"fd00:1::/64"}]]`
	dualStack = `"type":"host-local","dataDir":"DIR/leases","ranges":[[{"subnet":"10.1.0.0/24"}],[{"subnet":"fd00:1::/64"}]]`
)

func resultCases() []resultCase {
	capability := func(name string, first, second any) [2]object {
		return [2]object{
			{"capabilityArgs": object{name: first}}, {"capabilityArgs": object{name: second}},
		}
	}
	return []resultCase{
		{name: "IPv4", ipam: v4},
		{name: "IPv6", ipam: v6},
		{name: "both families", ipam: dualStack},
		{name: "a gateway", bridge: `"isGateway":true,`, ipam: v4, gateway: true},
		{name: "a gateway, IPv6", bridge: `"isGateway":true,`, ipam: v6, gateway: true},
		{name: "a gateway, both families", bridge: `"isGateway":true,`, ipam: dualStack, gateway: true},
		{name: "a default gateway", bridge: `"isDefaultGateway":true,`, ipam: dualStack, gateway: true},
		{name: "routes", bridge: `"isGateway":true,`, gateway: true,
			ipam: dualStack +
				`,"routes":[{"dst":"0.0.0.0/0"},{"dst":"10.9.0.0/16","gw":"10.1.0.1"},{"dst":"10.8.0.0/16","priority":7},{"dst":"::/0"}]`},
		{name: "a range and a gateway of its own", bridge: `"isGateway":true,`, gateway: true,
			ipam: `"type":"host-local","dataDir":"DIR/leases","ranges":[[{"subnet":"10.1.0.0/24","rangeStart":"10.1.0.50","rangeEnd":"10.1.0.51","gateway":"10.1.0.254"}]]`},
		{name: "an MTU", bridge: `"mtu":1400,"isGateway":true,`, ipam: v4, gateway: true},
		{name: "hairpin", bridge: `"hairpinMode":true,"isGateway":true,`, ipam: v4, gateway: true},
		{name: "promiscuous", bridge: `"promiscMode":true,"isGateway":true,`, ipam: v4, gateway: true},
		{name: "a VLAN", bridge: `"vlan":7,"isGateway":true,`, ipam: v4, gateway: true, vlan: true},
		{name: "a VLAN, no gateway", bridge: `"vlan":7,`, ipam: v4, vlan: true},
		{
			name: "a VLAN trunk", bridge: `"vlan":7,"vlanTrunk":[{"minID":10,"maxID":12},{"id":20}],`,
			ipam: v4, vlan: true,
		},
		{name: "static addresses", bridge: `"isGateway":true,`, gateway: true,
			ipam:   `"type":"static","addresses":[{"address":"10.1.0.5/24","gateway":"10.1.0.1"},{"address":"fd00:1::5/64","gateway":"fd00:1::1"}],"routes":[{"dst":"0.0.0.0/0"}],"dns":{"nameservers":["10.1.0.1"]}`,
			second: `"type":"static","addresses":[{"address":"10.1.0.6/24","gateway":"10.1.0.1"},{"address":"fd00:1::6/64","gateway":"fd00:1::1"}]`},
		{
			name: "addresses asked for", bridge: `"capabilities":{"ips":true},`, ipam: v4,
			request: capability("ips", []string{"10.1.0.77"}, []string{"10.1.0.78"}),
		},
		{
			name: "MAC addresses asked for", bridge: `"capabilities":{"mac":true},`, ipam: v4,
			request: capability("mac", given+"00:00:01", given+"00:00:02"),
		},
		{name: "ranges asked for", bridge: `"isGateway":true,"capabilities":{"ipRanges":true},`,
			ipam: `"type":"host-local","dataDir":"DIR/leases"`, gateway: true,
			request: capability("ipRanges", [][]object{{{"subnet": "10.2.0.0/24"}}},
				[][]object{{{"subnet": "10.2.0.0/24"}}})},
		{name: "arguments", ipam: v4, request: [2]object{
			{"args": [][2]string{{"IgnoreUnknown", "1"}, {"IP", "10.1.0.9"}, {"MAC", given + "00:00:03"}}},
			{"args": [][2]string{{"IgnoreUnknown", "1"}, {"IP", "10.1.0.10"}}},
		}},
		{
			name:   "DNS of the network",
			bridge: `"dns":{"nameservers":["10.1.0.1"],"domain":"lan","search":["a","b"],"options":["ndots:1"]},`, ipam: v4,
		},
		{name: "no addresses", ipam: ""},
		{
			name: "a result of 0.2.0", version: "0.2.0", bridge: `"isDefaultGateway":true,`, ipam: v4,
			gateway: true,
		},
		{
			name: "a result of 0.3.1", version: "0.3.1", bridge: `"isDefaultGateway":true,`, ipam: dualStack,
			gateway: true,
		},
		{
			name: "a result of 0.4.0", version: "0.4.0", bridge: `"isDefaultGateway":true,`, ipam: dualStack,
			gateway: true,
		},
		{
			name: "a result of 1.0.0", version: "1.0.0", bridge: `"isDefaultGateway":true,`, ipam: dualStack,
			gateway: true,
		},
		{name: "ptp", ptp: true, ipam: v4, gateway: true},
		{name: "ptp, IPv6", ptp: true, ipam: v6, gateway: true},
		{
			name: "ptp, both families, routes and an MTU", ptp: true, bridge: `"mtu":1400,`, gateway: true,
			ipam: dualStack + `,"routes":[{"dst":"0.0.0.0/0"},` +
				`{"dst":"10.8.0.0/16","gw":"10.1.0.1"},{"dst":"::/0"}]`,
		},
		{
			name: "ptp, static addresses and DNS", ptp: true, gateway: true,
			ipam: `"type":"static","addresses":[{"address":"10.1.0.5/24","gateway":"10.1.0.1"}],` +
				`"dns":{"nameservers":["10.1.0.1"]}`,
			second: `"type":"static","addresses":[{"address":"10.1.0.6/24","gateway":"10.1.0.1"}]`,
		},
		{
			name: "ptp, DNS of the network", ptp: true, ipam: v4, gateway: true,
			bridge: `"dns":{"nameservers":["10.1.0.9"],"domain":"lan"},`,
		},
		{
			name: "ptp, masquerading", ptp: true, ipam: dualStack, gateway: true,
			bridge: `"ipMasq":true,"ipMasqBackend":"nftables",`,
		},
		{name: "ptp, a result of 0.2.0", version: "0.2.0", ptp: true, ipam: v4, gateway: true},
		{name: "ptp, a result of 0.4.0", version: "0.4.0", ptp: true, ipam: dualStack, gateway: true},
	}
}

// network returns the configuration of one of the containers.
func (c resultCase) network(h *host, container int) json.RawMessage {
	ipam, version := c.ipam, c.version
	if container == 1 && c.second != "" {
		ipam = c.second
	}
	if version == "" {
		version = "1.1.0"
	}
	if ipam == "" {
		ipam = `"x":0` // no IPAM
	} else {
		ipam = `"ipam":{` + ipam + `}`
	}
	plugin := fmt.Sprintf(`{"type":"bridge","bridge":"br0",%s%s}`, c.bridge, ipam)
	if c.ptp {
		plugin = fmt.Sprintf(`{"type":"ptp",%s%s}`, c.bridge, ipam)
	}
	return json.RawMessage(
		fill(fmt.Sprintf(`{"cniVersion":%q,"name":"net","plugins":[%s]}`, version, plugin), h.Dir))
}

// TestSameResultsAndConnectivity runs each network with Go's libcni and the executables, and with
// libcni.so and its built-in plugins.
func TestSameResultsAndConnectivity(t *testing.T) {
	ledger := newLedger(resultDifferences())
	all, ran := resultCases(), 0
	for _, test := range all {
		t.Run(test.name, func(t *testing.T) {
			ran++
			var reference, ours any
			for side, got := range map[string]*any{"reference": &reference, "ours": &ours} {
				if !t.Run(side, func(t *testing.T) { *got = test.play(newHost(t), side == "ours") }) {
					return
				}
			}
			ledger.check(t, compare("", reference, ours))
		})
	}
	if ran == len(all) {
		ledger.finish(t)
	}
}

// play attaches two containers, checks and detaches them, and returns their results.
func (c resultCase) play(h *host, isOurs bool) any {
	h.T.Helper()
	start := (*host).reference
	if isOurs {
		start = (*host).ours
	}
	d, names := start(h), newNormalizer(map[string]string{h.Dir: "DIR"})
	var requests [2]object
	var results []any
	var raw [2]json.RawMessage
	for i := range requests {
		requests[i] = with(h.request(isOurs), c.request[i], object{
			"network": c.network(h, i), "containerId": fmt.Sprint("c", i),
			"netns": h.container(fmt.Sprint("netns", i)),
		})
		if c.vlan && i == 0 {
			if a := d.call("add", requests[i]); a.rc != 0 &&
				strings.Contains(string(a.response), "operation not supported") {
				h.T.Skip("this kernel has no CONFIG_BRIDGE_VLAN_FILTERING; the other side has to say so, too")
			}
			d.must("del", requests[i])
		}
		raw[i] = d.must("add", requests[i])
		results = append(results, names.json(h.T, raw[i]))
		if c.checks() {
			d.must("check", requests[i])
		}
	}
	c.connect(h, raw, requests)
	for i := range requests {
		d.must("del", requests[i])
		if left := h.links(requests[i]["netns"].(string)); len(left) > 0 {
			h.T.Errorf("c%d still has %v", i, left)
		}
	}
	if left := h.files(h.Path("leases/net"), "lock", "last_reserved_ip.0",
		"last_reserved_ip.1"); len(left) > 0 {
		h.T.Errorf("leases left: %v", left)
	}
	return results
}

// checks reports whether there is a CHECK: not in old versions.
func (c resultCase) checks() bool { return c.version != "0.2.0" && c.version != "0.3.1" }

// request has the keys that say where things are. libcni.so uses its built-in plugins.
func (h *host) request(isOurs bool) object {
	options := object{"pluginDirs": []string{rig.Peers(h.T)}, "cacheDir": h.Path("cache")}
	if isOurs {
		options["pluginDirs"], options["stateDir"], options["builtins"] = []string{}, h.Path(
			"state"), "only"
	}
	return object{"ifName": "eth0", "options": options}
}

// connect shows that the containers reach each other, and the gateway if there is one, over TCP and
// UDP.
func (c resultCase) connect(h *host, results [2]json.RawMessage, requests [2]object) {
	h.T.Helper()
	first, second := requests[0]["netns"].(string), requests[1]["netns"].(string)
	for _, network := range []string{"tcp", "udp"} {
		for _, to := range addresses(h.T, results[1], "address", "ip") {
			if err := exchange(network, to, second, first); err != nil {
				h.T.Errorf("from container to container, %s %s: %v", network, to, err)
			}
		}
		if !c.gateway {
			continue
		}
		for _, to := range addresses(h.T, results[0], "gateway") {
			if err := exchange(network, to, "", first); err != nil {
				h.T.Errorf("from container to gateway, %s %s: %v", network, to, err)
			}
		}
	}
}

// addresses returns those in a result under any of the keys, whatever its version.
func addresses(t testing.TB, result json.RawMessage, keys ...string) []string {
	t.Helper()
	value := decode(t, result).(object)
	list, _ := value["ips"].([]any)
	for _, old := range []string{"ip4", "ip6"} {
		if value[old] != nil {
			list = append(list, value[old])
		}
	}
	var found []string
	for _, one := range list {
		for _, key := range keys {
			text, _ := one.(object)[key].(string)
			text, _, _ = strings.Cut(text, "/")
			if _, err := netip.ParseAddr(text); err == nil {
				found = append(found, text)
			}
		}
	}
	return found
}
