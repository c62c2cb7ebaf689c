package bridge

import (
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"

	types100 "github.com/containernetworking/cni/pkg/types/100"
	"github.com/google/go-cmp/cmp"

	"github.com/libcni/libcni/core/internal/host/rtnl"
)

func TestPlan(t *testing.T) {
	base := func() *plan {
		return &plan{bridge: rtnl.NewBridge{Name: "cni0"}, up: true}
	}
	for _, c := range []struct {
		name, config string
		want         func(*plan)
	}{
		{"plain", `{}`, func(*plan) {}},
		{"mtu", `{"mtu":1400}`, func(p *plan) { p.mtu = 1400 }},
		{
			"mac", `{"runtimeConfig":{"mac":"02:00:00:00:00:09"}}`,
			func(p *plan) { p.mac = net.HardwareAddr{2, 0, 0, 0, 0, 9} },
		},
		{
			"hairpin, isolated", `{"hairpinMode":true,"portIsolation":true}`,
			func(p *plan) { p.port = rtnl.Port{Hairpin: true, Isolated: true} },
		},
		{"promiscuous", `{"promiscMode":true}`, func(p *plan) { p.bridge.Promiscuous = true }},
		{"interface left down", `{"disableContainerInterface":true}`, func(p *plan) { p.up = false }},
		{"duplicate detection", `{"enabledad":true}`, func(p *plan) { p.dad = true }},
		{"vlan", `{"vlan":7}`, func(p *plan) {
			p.bridge.VLANFiltering, p.dropDefault = true, true
			p.vlans = []rtnl.VLAN{{ID: 7, PVID: true, Untagged: true}}
		}},
		{"vlan beside the default", `{"vlan":7,"preserveDefaultVlan":true}`, func(p *plan) {
			p.bridge.VLANFiltering = true
			p.vlans = []rtnl.VLAN{{ID: 7, PVID: true, Untagged: true}}
		}},
		{"trunk", `{"vlanTrunk":[{"minID":1,"maxID":3}]}`, func(p *plan) {
			p.bridge.VLANFiltering, p.dropDefault = true, true
			p.vlans = []rtnl.VLAN{{ID: 1, PVID: true, Untagged: true}, {ID: 2}, {ID: 3}}
		}},
		{"vlan and trunk", `{"vlan":3,"vlanTrunk":[{"minID":2,"maxID":3}]}`, func(p *plan) {
			p.bridge.VLANFiltering, p.dropDefault = true, true
			p.vlans = []rtnl.VLAN{{ID: 3, PVID: true, Untagged: true}, {ID: 2}}
		}},
		{"empty trunk", `{"vlanTrunk":[]}`, func(p *plan) { p.bridge.VLANFiltering = true }},
	} {
		t.Run(c.name, func(t *testing.T) {
			conf, err := parse([]byte(c.config))
			if err != nil {
				t.Fatal(err)
			}
			got, err := newPlan(conf, nil)
			if err != nil {
				t.Fatal(err)
			}
			want := base()
			c.want(want)
			want.config = conf
			if diff := cmp.Diff(want, got, cmp.AllowUnexported(plan{}, config{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// describe writes an addressing as lines.
func (a *addressing) describe(t *testing.T) string {
	t.Helper()
	var lines []string
	for _, ip := range a.ips {
		lines = append(lines,
			fmt.Sprintf("ip %s gw %v if %d", ip.Address.String(), ip.Gateway, *ip.Interface))
	}
	for _, r := range a.routes {
		text, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, "result "+string(text))
	}
	for _, r := range a.via {
		lines = append(lines, "route "+r.String())
	}
	for _, g := range a.gateways {
		lines = append(lines, "gateway "+g.String())
	}
	return strings.Join(lines, "\n")
}

func TestAddressing(t *testing.T) {
	for _, c := range []struct{ name, config, ipam, want, wantErr string }{
		{name: "as given", config: `{}`,
			ipam: `{"ips":[{"address":"10.1.0.5/16"}],"routes":[{"dst":"10.2.0.0/16"}]}`,
			want: `ip 10.1.0.5/16 gw <nil> if 2
result {"dst":"10.2.0.0/16"}
route 10.2.0.0/16`},
		{name: "gateway is the first address", config: `{"isGateway":true}`,
			ipam: `{"ips":[{"address":"10.1.0.5/16"},{"address":"fd01::5/64"}]}`,
			want: `ip 10.1.0.5/16 gw 10.1.0.1 if 2
ip fd01::5/64 gw fd01::1 if 2
gateway 10.1.0.1/16
gateway fd01::1/64`},
		{name: "default gateway for both families", config: `{"isDefaultGateway":true}`,
			ipam: `{"ips":[{"address":"10.1.0.5/16","gateway":"10.1.0.9"},{"address":"fd01::5/64"},{"address":"10.1.0.6/16","gateway":"10.1.0.9"}]}`,
			want: `ip 10.1.0.5/16 gw 10.1.0.9 if 2
ip fd01::5/64 gw fd01::1 if 2
ip 10.1.0.6/16 gw 10.1.0.9 if 2
result {"dst":"0.0.0.0/0","gw":"10.1.0.9"}
result {"dst":"::/0","gw":"fd01::1"}
route 0.0.0.0/0 via 10.1.0.9
route ::/0 via fd01::1
gateway 10.1.0.9/16
gateway fd01::1/64`},
		{name: "default route of ipam is kept", config: `{"isDefaultGateway":true}`,
			ipam: `{"ips":[{"address":"10.1.0.5/16"}],"routes":[{"dst":"0.0.0.0/0","gw":"10.1.0.7"}]}`,
			want: `ip 10.1.0.5/16 gw 10.1.0.1 if 2
result {"dst":"0.0.0.0/0","gw":"10.1.0.7"}
route 0.0.0.0/0 via 10.1.0.7
gateway 10.1.0.1/16`},
		{name: "default route of ipam without gateway is kept", config: `{"isDefaultGateway":true}`,
			ipam: `{"ips":[{"address":"10.1.0.5/16"}],"routes":[{"dst":"0.0.0.0/0"}]}`,
			want: `ip 10.1.0.5/16 gw 10.1.0.1 if 2
result {"dst":"0.0.0.0/0"}
route 0.0.0.0/0 via 10.1.0.1
gateway 10.1.0.1/16`},
		{name: "route attributes", config: `{}`,
			ipam: `{"ips":[{"address":"10.1.0.5/16","gateway":"10.1.0.1"}],
				"routes":[{"dst":"10.2.3.4/16","mtu":1300,"advmss":1200,"priority":5,"table":99,"scope":253}]}`,
			want: `ip 10.1.0.5/16 gw 10.1.0.1 if 2
result {"dst":"10.2.3.4/16","mtu":1300,"advmss":1200,"priority":5,"table":99,"scope":253}
route 10.2.0.0/16 via 10.1.0.1 mtu 1300 advmss 1200 priority 5 table 99 scope link`},
		{
			name: "no address", config: `{"ipam":{"type":"x"}}`, ipam: `{}`,
			wantErr: "ipam: the result has no address",
		},
		{name: "no room for a gateway", config: `{"isGateway":true}`,
			ipam:    `{"ips":[{"address":"10.1.0.5/32"}]}`,
			wantErr: "network 10.1.0.5/32 has no address for a gateway; set the gateway in ipam"},
		{name: "the gateway's address", config: `{"isGateway":true}`,
			ipam: `{"ips":[{"address":"10.1.0.1/16"}]}`,
			wantErr: "address 10.1.0.1/16 is the gateway address; set another gateway or other addresses " +
				"in ipam"},
	} {
		t.Run(c.name, func(t *testing.T) {
			conf, err := parse([]byte(c.config))
			if err != nil {
				t.Fatal(err)
			}
			answer := new(types100.Result)
			if err := json.Unmarshal([]byte(c.ipam), answer); err != nil {
				t.Fatal(err)
			}
			before := fmt.Sprint(answer.IPs, answer.Routes)
			got, err := newAddressing(conf, answer)
			if c.wantErr != "" {
				if err == nil || err.Error() != c.wantErr {
					t.Fatalf("got %v, want %s", err, c.wantErr)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got.describe(t)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if fmt.Sprint(answer.IPs, answer.Routes) != before {
				t.Error("the address plugin's result was changed")
			}
		})
	}
}

func TestGatewayAddressChanges(t *testing.T) {
	for _, c := range []struct {
		name                string
		have, want          []string
		force               bool
		wantRemove, wantAdd []string
		wantErr             bool
	}{
		{name: "none there", want: []string{"10.1.0.1/16"}, wantAdd: []string{"10.1.0.1/16"}},
		{name: "there already", have: []string{"10.1.0.1/16"}, want: []string{"10.1.0.1/16"}},
		{
			name: "another IPv4 network", have: []string{"10.2.0.1/16"}, want: []string{"10.1.0.1/16"},
			wantErr: true,
		},
		{name: "another IPv4 network, forced", have: []string{"10.2.0.1/16"},
			want: []string{"10.1.0.1/16"}, force: true,
			wantRemove: []string{"10.2.0.1/16"}, wantAdd: []string{"10.1.0.1/16"}},
		{
			name: "another prefix length", have: []string{"10.1.0.1/24"}, want: []string{"10.1.0.1/16"},
			wantErr: true,
		},
		{
			name: "another IPv6 network", have: []string{"fd02::1/64"}, want: []string{"fd01::1/64"},
			wantAdd: []string{"fd01::1/64"},
		},
		{
			name: "overlapping IPv6 network", have: []string{"fd01::1/48"}, want: []string{"fd01::1/64"},
			wantErr: true,
		},
		{
			name: "link-local beside", have: []string{"fe80::1/64"}, want: []string{"fd01::1/64"},
			wantAdd: []string{"fd01::1/64"},
		},
		{
			name: "both families", have: []string{"10.1.0.1/16"},
			want: []string{"10.1.0.1/16", "fd01::1/64"}, wantAdd: []string{"fd01::1/64"},
		},
		{
			name: "several wanted of a family", have: []string{"10.1.0.1/16"},
			want: []string{"10.1.0.1/16", "10.2.0.1/16"}, wantAdd: []string{"10.2.0.1/16"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			var have []rtnl.Address
			for _, p := range prefixes(c.have) {
				have = append(have, rtnl.Address{Prefix: p})
			}
			remove, add, err := addressChanges("br", have, prefixes(c.want), c.force)
			if (err != nil) != c.wantErr {
				t.Fatalf("got %v", err)
			}
			if diff := cmp.Diff([2]string{
				fmt.Sprint(prefixes(c.wantRemove)), fmt.Sprint(prefixes(c.wantAdd)),
			},
				[2]string{fmt.Sprint(remove), fmt.Sprint(add)}); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func prefixes(texts []string) (p []netip.Prefix) {
	for _, t := range texts {
		p = append(p, netip.MustParsePrefix(t))
	}
	return p
}

func TestMTU(t *testing.T) {
	for _, c := range []struct {
		name                            string
		configured, route, bridge, want int
	}{
		{"configured", 9000, 1400, 1500, 9000},
		{"of the default route", 0, 1400, 0, 1400},
		{"not more than the default route's", 0, 1400, 1500, 1400},
		{"not more than the bridge's", 0, 9000, 1500, 1500},
		{"no default route", 0, 0, 1450, 1450},
		{"nothing known", 0, 0, 0, 0},
		{"a tunnel without limit", 0, 70000, 0, 65535},
	} {
		if got := chooseMTU(c.configured, c.route, c.bridge); got != c.want {
			t.Errorf("%s: got %d, want %d", c.name, got, c.want)
		}
	}
}

func TestBridgeChanges(t *testing.T) {
	right := func() *rtnl.Link { return &rtnl.Link{Name: "br", Up: true, Bridge: &rtnl.Bridge{}} }
	for _, c := range []struct {
		name string
		want rtnl.NewBridge
		link func(*rtnl.Link)
		do   bridgeChange
	}{
		{"right", rtnl.NewBridge{}, func(*rtnl.Link) {}, bridgeChange{}},
		{
			"down", rtnl.NewBridge{}, func(l *rtnl.Link) { l.Up = false },
			bridgeChange{set: true, change: rtnl.Change{Up: true}},
		},
		{
			"not promiscuous", rtnl.NewBridge{Promiscuous: true}, func(*rtnl.Link) {},
			bridgeChange{set: true, change: rtnl.Change{Promiscuous: true}},
		},
		{
			"promiscuous for another network", rtnl.NewBridge{}, func(l *rtnl.Link) { l.Promiscuous = true },
			bridgeChange{},
		},
		{
			"no vlan filtering", rtnl.NewBridge{VLANFiltering: true}, func(*rtnl.Link) {},
			bridgeChange{vlanFiltering: true},
		},
		{
			"vlan filtering for another network", rtnl.NewBridge{},
			func(l *rtnl.Link) { l.Bridge.VLANFiltering = true }, bridgeChange{},
		},
		{
			"ours listens to advertisements", rtnl.NewBridge{},
			func(l *rtnl.Link) { l.AcceptRA, l.Alias = 1, "libcni" }, bridgeChange{acceptRA: true},
		},
		{
			"another's listens to advertisements", rtnl.NewBridge{},
			func(l *rtnl.Link) { l.AcceptRA = 1 }, bridgeChange{},
		},
		{"without IPv6", rtnl.NewBridge{}, func(l *rtnl.Link) { l.AcceptRA = -1 }, bridgeChange{}},
	} {
		link := right()
		c.link(link)
		got, err := bridgeChanges(c.want, link)
		if diff := cmp.Diff(c.do, got, cmp.AllowUnexported(bridgeChange{})); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", c.name, err, diff)
		}
	}
	if got, err := bridgeChanges(rtnl.NewBridge{}, nil); err != nil || !got.create {
		t.Errorf("none there: %+v, %v", got, err)
	}
	if _, err := bridgeChanges(rtnl.NewBridge{Name: "br"}, &rtnl.Link{Kind: "veth"}); err == nil {
		t.Error("a veth was taken for a bridge")
	}
}

func TestUnusedGateway(t *testing.T) {
	gateway := &rtnl.Link{Kind: "veth", Index: 5, Peer: 6}
	in := func(index, master, vlan int) rtnl.PortVLANs {
		return rtnl.PortVLANs{Index: index, Master: master, VLANs: []rtnl.VLAN{{ID: vlan}}}
	}
	for _, c := range []struct {
		name  string
		ports []rtnl.PortVLANs
		link  *rtnl.Link
		want  bool
	}{
		{"alone", []rtnl.PortVLANs{in(1, 0, 7), in(6, 1, 7)}, gateway, true},
		{"ports of other vlans", []rtnl.PortVLANs{in(6, 1, 7), in(8, 1, 8)}, gateway, true},
		{"ports of other bridges", []rtnl.PortVLANs{in(6, 1, 7), in(8, 2, 7)}, gateway, true},
		{"a port in use", []rtnl.PortVLANs{in(8, 1, 7), in(6, 1, 7)}, gateway, false},
		{"its peer is not a port", []rtnl.PortVLANs{in(8, 1, 7)}, gateway, false},
		{"its port is in another vlan", []rtnl.PortVLANs{in(6, 1, 8)}, gateway, false},
		{"no veth", []rtnl.PortVLANs{in(6, 1, 7)}, &rtnl.Link{Kind: "vlan", Index: 5, Peer: 6}, false},
	} {
		if got := unused(c.ports, c.link, 7); got != c.want {
			t.Errorf("%s: got %v", c.name, got)
		}
	}
}
