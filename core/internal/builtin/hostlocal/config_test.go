package hostlocal

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/plugin"
)

// describe writes a configuration as a line.
func (c *config) describe() string {
	var parts []string
	for i, set := range c.sets {
		text := set.String()
		if c.requested[i].IsValid() {
			text += "=" + c.requested[i].String()
		}
		parts = append(parts, text)
	}
	for _, r := range c.routes {
		text := "route " + r.Dst.String()
		if r.GW != nil {
			text += " via " + r.GW.String()
		}
		if r.MTU != 0 || r.AdvMSS != 0 || r.Priority != 0 {
			text += fmt.Sprintf(" mtu %d advmss %d priority %d", r.MTU, r.AdvMSS, r.Priority)
		}
		if r.Table != nil && r.Scope != nil {
			text += fmt.Sprintf(" table %d scope %d", *r.Table, *r.Scope)
		}
		parts = append(parts, text)
	}
	for _, text := range []string{c.dataDir, c.resolvConf} {
		if text != "" {
			parts = append(parts, text)
		}
	}
	return strings.Join(parts, "; ")
}

func TestParseConfig(t *testing.T) {
	tests := []struct {
		name    string
		config  string
		args    plugin.Args
		version string // 1.1.0 if empty
		want    string // the configuration, or the error
	}{
		{
			name:   "ranges",
			config: `{"ipam":{"ranges":[[{"subnet":"10.1.0.0/24"},{"subnet":"10.2.0.0/24"}],[{"subnet":"fd00::/64"}]]}}`,
			want:   "10.1.0.1-10.1.0.254,10.2.0.1-10.2.0.254; fd00::1-fd00::ffff:ffff:ffff:ffff",
		},
		{name: "order of the sets",
			config: `{"ipam":{"subnet":"10.1.0.0/24","rangeStart":"10.1.0.9","ranges":[[{"subnet":"10.2.0.0/24"}]]},
				"runtimeConfig":{"ipRanges":[[{"subnet":"10.3.0.0/24"}]]}}`,
			want: "10.3.0.1-10.3.0.254; 10.1.0.9-10.1.0.254; 10.2.0.1-10.2.0.254"},
		{name: "keys as Go's structs have them",
			config: `{"IPAM":{"Ranges":[[{"Subnet":"10.2.0.0/24","RangeStart":"10.2.0.7","RangeEnd":"10.2.0.8","Gateway":"10.2.0.254"}]],"DataDir":"/d"},
				"runtimeConfig":{"ipRanges":[[{"Subnet":"10.3.0.0/24","RangeStart":"","RangeEnd":"","Gateway":""}]]}}`,
			want: "10.3.0.1-10.3.0.254; 10.2.0.7-10.2.0.8; /d"},
		{name: "everything else",
			config: `{"ipam":{"subnet":"10.1.0.0/24","dataDir":"/d","resolvConf":"/r","unknown":1,
				"routes":[{"dst":"0.0.0.0/0"},{"dst":"10.9.0.0/16","gw":"10.1.0.9","mtu":1400,"advmss":1300,"priority":5,"table":100,"scope":253}]}}`,
			want: "10.1.0.1-10.1.0.254; route 0.0.0.0/0; route 10.9.0.0/16 via 10.1.0.9 mtu 1400 advmss " +
				"1300 priority 5 table 100 scope 253; /d; /r"},
		{name: "requested addresses add up",
			config: `{"ipam":{"ranges":[[{"subnet":"10.1.0.0/24"}],[{"subnet":"10.2.0.0/24"}],[{"subnet":"fd00::/64"}]]},
				"args":{"cni":{"ips":["10.2.0.5/16"]}},"runtimeConfig":{"ips":["fd00::5","10.1.0.5"]}}`,
			args: plugin.Args{{"IP", "10.1.0.5/24"}},
			want: "10.1.0.1-10.1.0.254=10.1.0.5; 10.2.0.1-10.2.0.254=10.2.0.5; " +
				"fd00::1-fd00::ffff:ffff:ffff:ffff=fd00::5"},
		{
			name:   "empty IP argument",
			config: `{"ipam":{"subnet":"10.1.0.0/24"}}`,
			args:   plugin.Args{{"IP", ""}},
			want:   "10.1.0.1-10.1.0.254",
		},
		{name: "two addresses of a family in an old version", version: "0.2.0",
			config: `{"ipam":{"ranges":[[{"subnet":"10.1.0.0/24"}],[{"subnet":"10.2.0.0/24"}]]}}`,
			want:   `cniVersion: cniVersion "0.2.0" does not support more than 1 address per family (2 IPv4, 0 IPv6); 0.3.0 does`},
		{name: "one of each family in an old version", version: "0.2.0",
			config: `{"ipam":{"ranges":[[{"subnet":"10.1.0.0/24"}],[{"subnet":"fd00::/126"}]]}}`,
			want:   "10.1.0.1-10.1.0.254; fd00::1-fd00::3"},

		{name: "no ipam", config: `{}`, want: `ipam: host-local: the configuration has no "ipam"`},
		{
			name:   "no ranges",
			config: `{"ipam":{"gateway":"10.1.0.1"}}`,
			want:   "ipam.ranges: host-local: no IP ranges specified: set ipam.ranges or ipam.subnet",
		},
		{
			name:   "a range with nothing but the gateway",
			config: `{"ipam":{"ranges":[[{"subnet":"10.1.0.0/24","rangeEnd":"10.1.0.1"}]]}}`,
			want: "ipam.ranges[0]: host-local: ipam.ranges[0]: no address to allocate: the range " +
				"10.1.0.1-10.1.0.1 has only the gateway; enlarge the range, or set another gateway",
		},
		{
			name:   "a subnet with nothing but the gateway",
			config: `{"ipam":{"subnet":"10.1.0.0/31","rangeStart":"10.1.0.1","gateway":"10.1.0.1"}}`,
			want: "ipam: host-local: ipam: no address to allocate: the range 10.1.0.1-10.1.0.1 has only " +
				"the gateway; enlarge the range, or set another gateway",
		},
		{
			name: "a set with nothing but the gateway in one range",
			config: `{"ipam":{"ranges":[[{"subnet":"10.1.0.0/24","rangeEnd":"10.1.0.1"},` +
				`{"subnet":"10.2.0.0/31"}]]}}`,
			want: "10.1.0.1-10.1.0.1,10.2.0.0-10.2.0.1",
		},
		{
			name:   "empty set",
			config: `{"ipam":{"ranges":[[]]}}`,
			want:   "ipam.ranges[0]: host-local: ipam.ranges[0]: empty range set",
		},
		{
			name:   "no JSON",
			config: `{`,
			want:   ": network configuration: unexpected end of JSON input",
		},
		{
			name:   "wrong type",
			config: `{"ipam":{"ranges":[[{"subnet":5}]]}}`,
			want:   "ipam.ranges.subnet: ipam.ranges.subnet: expected a string, got a number",
		},
		{
			name:   "mixed families",
			config: `{"ipam":{"ranges":[[{"subnet":"10.1.0.0/24"},{"subnet":"fd00::/64"}]]}}`,
			want:   "ipam.ranges[0]: host-local: ipam.ranges[0]: mixed address families",
		},
		{
			name:   "overlap in a set",
			config: `{"ipam":{"ranges":[[{"subnet":"10.1.0.0/24"},{"subnet":"10.1.0.0/16"}]]}}`,
			want: "ipam.ranges[0]: host-local: ipam.ranges[0]: subnets 10.1.0.1-10.1.0.254 and " +
				"10.1.0.1-10.1.255.254 overlap",
		},
		{
			name:   "overlap of sets",
			config: `{"ipam":{"subnet":"10.1.0.0/16","ranges":[[{"subnet":"10.1.7.0/24"}]]}}`,
			want: "ipam.ranges: host-local: range set 0 (10.1.0.1-10.1.255.254) overlaps with 1 " +
				"(10.1.7.1-10.1.7.254)",
		},
		{
			name:   "broken route",
			config: `{"ipam":{"subnet":"10.1.0.0/24","routes":[{"dst":"10.0.0.0/8"},{"dst":"x"}]}}`,
			want:   "ipam.routes[1]: ipam.routes[1]: invalid CIDR address: x",
		},
		{
			name:   "route to nowhere",
			config: `{"ipam":{"subnet":"10.1.0.0/24","routes":[{"gw":"10.1.0.1"}]}}`,
			want:   "ipam.routes[0].dst: ipam.routes[0].dst: a route needs a destination",
		},
		{
			name:   "requested gateway",
			config: `{"ipam":{"subnet":"10.1.0.0/24"},"runtimeConfig":{"ips":["10.1.0.1"]}}`,
			want:   "ips: host-local: requested ip 10.1.0.1 is subnet's gateway",
		},
		{
			name:   "requested address of no range",
			config: `{"ipam":{"subnet":"10.1.0.0/24"},"runtimeConfig":{"ips":["10.1.0.7","10.1.0.8","10.5.0.1"]}}`,
			want: "ips: host-local: failed to allocate all requested IPs: 10.1.0.8, 10.5.0.1: each needs " +
				"a range set of its own (10.1.0.1-10.1.0.254)",
		},
		{
			name:   "requested null",
			config: `{"ipam":{"subnet":"10.1.0.0/24"},"runtimeConfig":{"ips":[null]}}`,
			want:   `runtimeConfig.ips: runtimeConfig.ips: "" is not an IP address`,
		},
		{
			name:   "requested nonsense",
			config: `{"ipam":{"subnet":"10.1.0.0/24"}}`,
			args:   plugin.Args{{"IP", "ten"}},
			want:   `CNI_ARGS IP: CNI_ARGS IP: "ten" is not an IP address`,
		},
		{
			name:   "unknown argument",
			config: `{"ipam":{"subnet":"10.1.0.0/24"}}`,
			args:   plugin.Args{{"K8S_POD_NAME", "p"}},
			want: "args: args (CNI_ARGS): unknown key K8S_POD_NAME; known keys: IP; IgnoreUnknown=1 " +
				"ignores unknown keys",
		},
		{name: "unknown argument, ignored", config: `{"ipam":{"subnet":"10.1.0.0/24"}}`,
			args: plugin.Args{
				{"IgnoreUnknown", "1"},
				{"K8S_POD_NAME", "p"},
			}, want: "10.1.0.1-10.1.0.254"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			version := test.version
			if version == "" {
				version = "1.1.0"
			}
			conf, err := parseConfig([]byte(test.config), test.args, version)
			var got string
			if err != nil {
				got = refusal(t, err)
			} else {
				got = conf.describe()
			}
			if got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

// refusal is an error of a configuration as a line.
func refusal(t *testing.T, err error) string {
	t.Helper()
	var e *fault.Error
	if !errors.As(err, &e) {
		t.Fatalf("error is %v, want an *fault.Error", err)
	}
	return e.Details + ": " + e.Msg
}

func TestDirectoryOfANetwork(t *testing.T) {
	for network, want := range map[string]string{"web": "/var/lib/cni/networks/web",
		"a.b": "/var/lib/cni/networks/a.b",
		"":    "", ".": "", "..": "", "../web": "", "a/b": "", "a\x00": ""} {
		got, err := directory("", network)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("directory of %q is %q, %v; want %q", network, got, err, want)
		}
	}
}

func TestParseResolvConf(t *testing.T) {
	dns := parseResolvConf(
		"# c\n; c\n\nnameserver 10.0.0.1\nnameserver fd00::1\n domain example.org\nsearch a.org " +
			"b.org\noptions ndots:2 rotate\nnameserver\nsortlist x\n",
	)
	got := fmt.Sprintf("%q %q %q %q", dns.Nameservers, dns.Domain, dns.Search, dns.Options)
	want := `["10.0.0.1" "fd00::1"] "example.org" ["a.org" "b.org"] ["ndots:2" "rotate"]`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("DNS (-want +got):\n%s", diff)
	}
}

// FuzzConfig reads any configuration. One that is accepted keeps the rules.
func FuzzConfig(f *testing.F) {
	f.Add(
		[]byte(
			`{"ipam":{"subnet":"10.1.0.0/24","rangeStart":"10.1.0.9","ranges":[[{"subnet":"fd00::/64"}]],"routes":[{"dst":"0.0.0.0/0","gw":"10.1.0.1"}]}}`,
		),
	)
	f.Add(
		[]byte(
			`{"ipam":{"Ranges":[[{"Subnet":"10.2.0.0/24","RangeEnd":"10.2.0.8"}]]},"runtimeConfig":{"ips":["10.2.0.5/24"]}}`,
		),
	)
	f.Add(
		[]byte(
			`{"ipam":{"ranges":[[{"subnet":"::/0"},{"subnet":"::ffff:1.2.3.0/120"}]]},"args":{"cni":{"ips":[null]}}}`,
		),
	)
	f.Fuzz(func(t *testing.T, data []byte) {
		_, _ = parseDataDir(data)
		conf, err := parseConfig(data, nil, "1.1.0")
		if err != nil {
			var e *fault.Error
			if !errors.As(err, &e) {
				t.Errorf("error is %v, want an *fault.Error", err)
			}
			return
		}
		if len(conf.requested) != len(conf.sets) || len(conf.sets) == 0 {
			t.Errorf("%d range sets, %d requested", len(conf.sets), len(conf.requested))
		}
		for i, set := range conf.sets {
			for _, r := range set {
				if r.end.Less(r.start) || !r.subnet.Contains(r.start) || !r.subnet.Contains(r.end) {
					t.Errorf("range %v is not in %v", r, r.subnet)
				}
			}
			if addr := conf.requested[i]; addr != (netip.Addr{}) && !set.contains(addr) {
				t.Errorf("%v is not in %v", addr, set)
			}
		}
	})
}
