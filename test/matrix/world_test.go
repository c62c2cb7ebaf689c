package matrix

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/libcni/libcni/test/rig"
)

type object = rig.Object

// world is a host with a LAN and the containers of three networks.
type world struct {
	*rig.Host
	setting
	reference bool              // the plugins are the reference's
	netns     map[string]string // of sources; "" for the host
	all       []object          // the attachments
}

// Addresses by family. The host is the first of its network, the machine of the LAN the ninth.
const lan4, lan6 = "192.0.2.", "2001:db8:9::"

// dummy is the source of the host's connections to a port at 127.0.0.1 (RFC 7600).
const dummy = "192.0.0.8"

// newWorld makes the host and attaches the containers.
func newWorld(t testing.TB, s setting, reference bool) *world {
	t.Helper()
	w := &world{Host: rig.NewHost(t), setting: s, reference: reference, netns: map[string]string{}}
	rig.IsolateMounts(t)
	w.configureKernel()
	// The first, since Go looks once whether there is ::1.
	w.Serve("", "127.0.0.1:7001", "the host")
	w.Serve("", "[::1]:7001", "the host")
	w.netns[fromLAN] = rig.NewNamespace(t)
	w.Connect(w.netns[fromLAN], "lan0", []string{lan4 + "1/24", lan6 + "1/64"},
		[]string{lan4 + "9/24", lan6 + "9/64"})
	w.routeByHost(w.netns[fromLAN], lan4+"1", lan6+"1")
	if s.backend == firewalld {
		w.StartFirewalld("lan0")
	}
	s.foreignFirewall().install(t)
	for _, c := range []struct{ source, network, bridge string }{
		{fromItself, "a", "br-x"}, {fromSameNetwork, "a", "br-x"}, {fromOtherNetwork, "b", "br-x"},
		{fromOtherBridge, "c", "br-y"},
	} {
		w.attach(c.source, c.network, c.bridge)
	}
	w.Serve(w.netns[fromItself], ":80", "the container")
	w.Serve(w.netns[fromLAN], ":7000", "the LAN")
	return w
}

// configureKernel: no address waits for duplicates to be detected.
func (w *world) configureKernel() {
	for key, value := range map[string]string{
		"bridge/bridge-nf-call-iptables": w.bridgeNF, "bridge/bridge-nf-call-ip6tables": w.bridgeNF,
		"ipv4/ip_forward": "1", "ipv6/conf/all/forwarding": "1", "ipv6/conf/default/accept_dad": "0",
	} {
		rig.Must(w.T, sysctl(key, value))
	}
}

func sysctl(key, value string) error {
	return os.WriteFile("/proc/sys/net/"+key, []byte(value), 0)
}

// routeByHost makes a machine send everything to the host, even what is for a loopback address.
func (w *world) routeByHost(netns, gateway4, gateway6 string) {
	w.T.Helper()
	rig.Must(w.T, rig.Within(netns, func() error {
		if err := sysctl("ipv4/conf/all/route_localnet", "1"); err != nil {
			return err
		}
		lo, err := netlink.LinkByName("lo")
		if err != nil {
			return err
		}
		for _, own := range []string{"127.0.0.1/8", "::1/128"} {
			address, err := netlink.ParseAddr(own)
			if err != nil {
				return err
			}
			if err := netlink.AddrDel(lo, address); err != nil {
				return fmt.Errorf("lo: remove %s: %w", own, err)
			}
		}
		for dst, gateway := range map[string]string{
			"0.0.0.0/0": gateway4, "127.0.0.0/8": gateway4, "::/0": gateway6, "::1/128": gateway6,
		} {
			_, to, err := net.ParseCIDR(dst)
			if err != nil {
				return err
			}
			if err := netlink.RouteReplace(
				&netlink.Route{Dst: to, Gw: net.ParseIP(gateway)}); err != nil {
				return fmt.Errorf("route to %s: %w", dst, err)
			}
		}
		return nil
	}))
}

// attach attaches the container of a source to a network.
func (w *world) attach(source, network, bridge string) {
	w.T.Helper()
	netns := rig.NewNamespace(w.T)
	rig.Must(w.T,
		rig.Within(netns, func() error { return sysctl("ipv6/conf/default/accept_dad", "0") }))
	request := object{"network": w.network(network, bridge), "netns": netns,
		"containerId": strings.NewReplacer(" ", "-").Replace(source)}
	if source == fromItself {
		request["capabilityArgs"] = object{
			"portMappings": []object{{"hostPort": 8080, "containerPort": 80, "protocol": "tcp"}},
		}
	}
	w.must("add", request)
	if source == fromItself {
		w.addGateway(bridge)
	}
	w.netns[source] = netns
	w.all = append(w.all, request)
	n := number(network)
	w.routeByHost(netns, fmt.Sprintf("10.%d.0.1", n), fmt.Sprintf("fd00:%d::1", n))
}

// addGateway gives a bridge the address of its second network, as the plugin gives it but one of
// IPv4.
func (w *world) addGateway(bridge string) {
	w.T.Helper()
	link, err := netlink.LinkByName(bridge)
	rig.Must(w.T, err)
	for _, text := range []string{"10.2.0.1/24", "fd00:2::1/64"} {
		address, err := netlink.ParseAddr(text)
		rig.Must(w.T, err)
		rig.Must(w.T, netlink.AddrAdd(link, address))
	}
}

func number(network string) int { return int(network[0]-'a') + 1 }

// network is a configuration, with one range in 10.0.0.0/8 and one in fd00::/8.
func (w *world) network(name, bridge string) object {
	n := number(name)
	masquerade := nftables
	if w.backend == iptables || w.reference {
		masquerade = iptables
	}
	portmap := object{"type": "portmap", "capabilities": object{"portMappings": true}}
	if w.reference {
		portmap["backend"] = iptables
	}
	plugins := []object{
		{"type": "bridge", "bridge": bridge, "isGateway": name != "b", "ipMasq": true,
			"ipMasqBackend": masquerade,
			"ipam": object{
				"type": "host-local", "dataDir": w.Path("leases"),
				"routes": []object{{"dst": "0.0.0.0/0"}, {"dst": "::/0"}},
				"ranges": [][]object{
					{{"subnet": fmt.Sprintf("10.%d.0.0/24", n)}}, {{"subnet": fmt.Sprintf("fd00:%d::/64", n)}},
				},
			}},
		portmap,
	}
	policy := w.policy
	if name == "c" {
		policy = w.elsewhere
	}
	if policy != noFirewall {
		plugins = append(plugins,
			object{"type": "firewall", "backend": w.backend, "ingressPolicy": policy,
				"allowPublishedPorts": w.ports == portsPass})
	}
	return object{"cniVersion": "1.1.0", "name": name, "plugins": plugins}
}

// options select the built-in plugins or the reference's.
func (w *world) options() object {
	if w.reference {
		return object{"builtins": "never", "pluginDirs": []string{rig.Peers(w.T)}}
	}
	return object{"builtins": "only"}
}

func (w *world) must(method string, request object) rig.Answer {
	w.T.Helper()
	return w.MustCall(method, request, w.options())
}

// probes returns the probe of each cell that is selected.
func (w *world) probes(selected func(cell) bool) []*probe {
	var all []*probe
	for _, c := range cells() {
		if !selected(c) {
			continue
		}
		p := &probe{cell: c, netns: w.netns[c.source], to: w.address(c), wait: patience}
		if w.expected(c) == blocked {
			p.wait = impatience
		}
		if c.source == fromLoopback {
			p.from = netip.MustParseAddr(c.byFamily("127.0.0.1", "::1"))
		}
		all = append(all, p)
	}
	return all
}

func (c cell) byFamily(v4, v6 string) string {
	if c.family == "IPv4" {
		return v4
	}
	return v6
}

// address is the address and port of a cell's target.
func (w *world) address(c cell) netip.AddrPort {
	text, port := "", uint16(8080)
	switch c.target {
	case toContainer:
		text, port = c.byFamily("10.1.0.2", "fd00:1::2"), 80
	case toPortOnLAN:
		text = c.byFamily(lan4+"1", lan6+"1")
	case toPortOnBridge:
		text = c.byFamily("10.1.0.1", "fd00:1::1")
	case toPortOnOther:
		text = c.byFamily("10.3.0.1", "fd00:3::1")
	case toPortOnLoopback:
		text = c.byFamily("127.0.0.1", "::1")
	case toHostLoopback:
		text, port = c.byFamily("127.0.0.1", "::1"), 7001
	case toLAN:
		text, port = c.byFamily(lan4+"9", lan6+"9"), 7000
	}
	return netip.AddrPortFrom(netip.MustParseAddr(text), port)
}

// results probes the selected cells, and returns what became of each.
func (w *world) results(selected func(cell) bool) map[cell]string {
	w.T.Helper()
	began := time.Now()
	found := map[cell]string{}
	probes := w.probes(selected)
	rig.Must(w.T, run(probes))
	for _, p := range probes {
		found[p.cell] = describe(p)
	}
	// A translated connection may get the port of one that has just ended, and is reset.
	for range 3 {
		probes = slices.DeleteFunc(probes, func(p *probe) bool { return !p.failed })
		var again []*probe
		for _, p := range probes {
			again = append(again, w.probes(func(c cell) bool { return c == p.cell })...)
		}
		rig.Must(w.T, run(again))
		for _, p := range again {
			w.T.Logf("%s: tried again after: %s", p.cell, found[p.cell])
			found[p.cell] = describe(p)
		}
		probes = again
	}
	w.T.Logf("%d cells in %v", len(found), time.Since(began).Round(time.Millisecond))
	return found
}

// describe replaces the address that the answer has by who that is.
func describe(p *probe) string {
	i := strings.LastIndex(p.result, " ")
	seen, err := netip.ParseAddr(p.result[i+1:])
	if err != nil {
		return p.result
	}
	own := map[string][]string{
		"the host": {lan4 + "1", lan6 + "1", "10.1.0.1", "fd00:1::1", "10.3.0.1", "fd00:3::1",
			"10.2.0.1", "fd00:2::1", dummy},
		fromLAN:          {lan4 + "9", lan6 + "9"},
		fromItself:       {"10.1.0.2", "fd00:1::2"},
		fromSameNetwork:  {"10.1.0.3", "fd00:1::3"},
		fromOtherNetwork: {"10.2.0.2", "fd00:2::2"},
		fromOtherBridge:  {"10.3.0.2", "fd00:3::2"},
		fromLoopback:     {"127.0.0.1", "::1"},
	}
	for who, addresses := range own {
		for _, a := range addresses {
			if a != seen.String() {
				continue
			}
			if who == p.source {
				who = "itself"
			}
			return p.result[:i] + " as " + who
		}
	}
	return p.result
}
