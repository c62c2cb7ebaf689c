package static

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/kit/kittest"
	"github.com/libcni/libcni/core/plugin"
)

func invocation(command, config, version string, args plugin.Args) *plugin.Invocation {
	inv := kittest.Invocation("web", "c1",
		fmt.Appendf(nil, `{"name":"web","cniVersion":%q,"type":"bridge",%s}`, version, config))
	inv.Command, inv.CNIVersion, inv.Args = command, version, args
	return inv
}

// cases are configurations both implementations accept, and what they answer, one address or
// gateway after the other.
var cases = []struct {
	name, version, config string
	args                  plugin.Args
	want                  string
}{
	{
		"configured",
		"1.1.0",
		`"ipam":{"type":"static","addresses":[{"address":"10.1.0.5/24","gateway":"10.1.0.1"},{"address":"fd00::5/64"}]}`,
		nil,
		"10.1.0.5/24 10.1.0.1, fd00::5/64 -",
	},
	{
		"routes and DNS",
		"1.1.0",
		`"ipam":{"type":"static","addresses":[{"address":"10.1.0.5/24"}],"dns":{"nameservers":["10.1.0.1"],"domain":"d","search":["s"],"options":["o"]},
		"routes":[{"dst":"0.0.0.0/0"},{"dst":"10.9.0.0/16","gw":"10.1.0.9","mtu":1400,"advmss":1300,"priority":5,"table":100,"scope":253}]}`,
		nil,
		"10.1.0.5/24 -",
	},
	{"nothing", "1.1.0", `"ipam":{"type":"static"}`, nil, ""},
	{
		"keys as Go has them",
		"1.1.0",
		`"IPAM":{"Type":"static","Addresses":[{"address":"10.1.0.5/24","Gateway":"10.1.0.1"}]}`,
		nil,
		"10.1.0.5/24 10.1.0.1",
	},
	{"arguments add", "1.1.0", `"ipam":{"type":"static","addresses":[{"address":"10.1.0.5/24"}]}`,
		plugin.Args{
			{"IP", "10.2.0.5/24, fd00::7/64"},
			{"GATEWAY", "10.2.0.1,fd00::1,10.1.0.1"},
		}, "10.1.0.5/24 -, 10.2.0.5/24 10.2.0.1, fd00::7/64 fd00::1"},
	{
		"args replace",
		"1.1.0",
		`"ipam":{"type":"static","addresses":[{"address":"10.1.0.5/24"}]},"args":{"cni":{"ips":["10.3.0.5/24"]}}`,
		plugin.Args{{"IP", "10.2.0.5/24"}},
		"10.3.0.5/24 -",
	},
	{
		"runtimeConfig replaces",
		"1.1.0",
		`"ipam":{"type":"static","addresses":[{"address":"10.1.0.5/24"}]},"args":{"cni":{"ips":["10.3.0.5/24"]}},
		"runtimeConfig":{"ips":["10.4.0.5/24","fd00::9/64"]}`,
		nil,
		"10.4.0.5/24 -, fd00::9/64 -",
	},
	{
		"one of each family in an old version",
		"0.2.0",
		`"ipam":{"type":"static","addresses":[{"address":"10.1.0.5/24"},{"address":"fd00::5/64"}]}`,
		nil,
		"10.1.0.5/24 -, fd00::5/64 -",
	},
	{
		"other arguments ignored",
		"1.1.0",
		`"ipam":{"type":"static","addresses":[{"address":"10.1.0.5/24"}]}`,
		plugin.Args{{"IgnoreUnknown", "true"}, {"K8S_POD_NAME", "p"}},
		"10.1.0.5/24 -",
	},
}

func (c *config) describe() string {
	text := ""
	for i, a := range c.addresses {
		if i > 0 {
			text += ", "
		}
		text += a.prefix.String() + " "
		if a.gateway.IsValid() {
			text += a.gateway.String()
		} else {
			text += "-"
		}
	}
	return text
}

func TestAddresses(t *testing.T) {
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			inv := invocation(plugin.Add, test.config, test.version, test.args)
			conf, err := parseConfig(inv.Config, inv.Args, inv.CNIVersion)
			kittest.Must(t, err)
			if got := conf.describe(); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

func TestReplacedAddressKeepsItsGateway(t *testing.T) {
	conf, err := parseConfig(
		[]byte(
			`{"ipam":{"addresses":[{"address":"10.1.0.5/24","gateway":"10.1.0.1"}]},"runtimeConfig":{"ips":["10.1.0.5/24"]}}`,
		),
		nil,
		"1.1.0",
	)
	kittest.Must(t, err)
	if got, want := conf.describe(), "10.1.0.5/24 10.1.0.1"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestRefused(t *testing.T) {
	tests := []struct {
		name, version, config string
		args                  plugin.Args
		key, want             string
	}{
		{"no ipam", "1.1.0", `"x":1`, nil, "ipam", `static: the configuration has no "ipam"`},
		{
			"no prefix length",
			"1.1.0",
			`"ipam":{"addresses":[{"address":"10.1.0.5"}]}`,
			nil,
			"ipam.addresses[0].address",
			`ipam.addresses[0].address: "10.1.0.5" is not an address with a prefix length, such as 10.1.0.0/16`,
		},
		{
			"table of a route: 4294967396", "1.1.0",
			`"ipam":{"addresses":[],"routes":[{"dst":"10.9.0.0/16","table":4294967396}]}`,
			nil,
			"ipam.routes[0]",
			"ipam.routes[0].table: 4294967396 is not a number from 0 to 4294967295",
		},
		{
			"table of a route: -1", "1.1.0",
			`"ipam":{"addresses":[],"routes":[{"dst":"10.9.0.0/16","table":-1}]}`,
			nil,
			"ipam.routes[0]",
			"ipam.routes[0].table: -1 is not a number from 0 to 4294967295",
		},
		{
			"mtu of a route: 1099511627776", "1.1.0",
			`"ipam":{"addresses":[],"routes":[{"dst":"10.9.0.0/16","mtu":1099511627776}]}`,
			nil,
			"ipam.routes[0]",
			"ipam.routes[0].mtu: 1099511627776 is not a number from 0 to 4294967295",
		},
		{
			"advmss of a route: -5", "1.1.0",
			`"ipam":{"addresses":[],"routes":[{"dst":"10.9.0.0/16","advmss":-5}]}`,
			nil,
			"ipam.routes[0]",
			"ipam.routes[0].advmss: -5 is not a number from 0 to 4294967295",
		},
		{
			"priority of a route: 1099511627776", "1.1.0",
			`"ipam":{"addresses":[],"routes":[{"dst":"10.9.0.0/16","priority":1099511627776}]}`,
			nil,
			"ipam.routes[0]",
			"ipam.routes[0].priority: 1099511627776 is not a number from 0 to 4294967295",
		},
		{
			"scope of a route: 256", "1.1.0",
			`"ipam":{"addresses":[],"routes":[{"dst":"10.9.0.0/16","scope":256}]}`,
			nil,
			"ipam.routes[0]",
			"ipam.routes[0].scope: 256 is not a number from 0 to 255",
		},
		{
			"gateway",
			"1.1.0",
			`"ipam":{"addresses":[{"address":"10.1.0.5/24","gateway":"x"}]}`,
			nil,
			"ipam.addresses[0].gateway",
			`ipam.addresses[0].gateway: "x" is not an IP address`,
		},
		{"IP argument", "1.1.0", `"ipam":{}`, plugin.Args{{"IP", "10.1.0.5"}}, "args",
			`CNI_ARGS: IP: "10.1.0.5" is not an address with a prefix length, such as 10.1.0.5/16`},
		{
			"GATEWAY argument",
			"1.1.0",
			`"ipam":{}`,
			plugin.Args{{"GATEWAY", "x"}},
			"args",
			`CNI_ARGS: GATEWAY: "x" is not an IP address`,
		},
		{"unknown argument", "1.1.0", `"ipam":{}`, plugin.Args{{"MAC", "x"}}, "args",
			"args (CNI_ARGS): unknown key MAC; known keys: IP, GATEWAY; IgnoreUnknown=1 ignores " +
				"unknown keys"},
		{
			"args.cni.ips",
			"1.1.0",
			`"ipam":{},"args":{"cni":{"ips":["10.1.0.5"]}}`,
			nil,
			"args.cni.ips[0]",
			`args.cni.ips[0]: "10.1.0.5" is not an address with a prefix length, such as 10.1.0.0/16`,
		},
		{
			"runtimeConfig.ips",
			"1.1.0",
			`"ipam":{},"runtimeConfig":{"ips":["10.1.0.5/24",null]}`,
			nil,
			"runtimeConfig.ips[1]",
			`runtimeConfig.ips[1]: "" is not an address with a prefix length, such as 10.1.0.0/16`,
		},
		{
			"two of a family in an old version",
			"0.2.0",
			`"ipam":{"addresses":[{"address":"10.1.0.5/24"},{"address":"10.1.0.6/24"}]}`,
			nil,
			"cniVersion",
			`cniVersion "0.2.0" does not support more than 1 address per family (2 IPv4, 0 IPv6); 0.3.0 does`,
		},
		{
			"wrong type",
			"1.1.0",
			`"ipam":{"addresses":{}}`,
			nil,
			"ipam.addresses",
			"ipam.addresses: expected an array, got an object",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			inv := invocation(plugin.Add, test.config, test.version, test.args)
			_, err := New().Add(context.Background(), inv)
			var e *fault.Error
			if !errors.As(err, &e) {
				t.Fatalf("error is %v, want an *fault.Error", err)
			}
			if e.Details != test.key || e.Msg != test.want {
				t.Errorf("got  %s: %s\nwant %s: %s", e.Details, e.Msg, test.key, test.want)
			}
			if err := New().Status(context.Background(), inv); err == nil {
				t.Error("STATUS accepts it")
			}
		})
	}
}

func TestCheckComparesAddresses(t *testing.T) {
	const config = `"ipam":{"addresses":[{"address":"10.1.0.5/24","gateway":"10.1.0.1"},{"address":"fd00::5/64"}]}`
	tests := []struct {
		name, ips string
		want      []fault.Drift
	}{
		{
			"as configured",
			`[{"address":"10.1.0.5/24","gateway":"10.1.0.1"},{"address":"fd00::5/64"}]`,
			nil,
		},
		{
			"others beside, gateway filled in",
			`[{"address":"192.168.0.2/24"},{"address":"fd00::5/64","gateway":"fd00::1"},{"address":"10.1.0.5/24","gateway":"10.1.0.1"}]`,
			nil,
		},
		{
			"missing",
			`[{"address":"10.1.0.5/24","gateway":"10.1.0.1"}]`,
			[]fault.Drift{
				{
					Plugin:   name,
					Object:   "address fd00::5/64",
					Expected: "fd00::5/64",
					Actual:   "missing",
				},
			},
		},
		{
			"another gateway",
			`[{"address":"10.1.0.5/24","gateway":"10.1.0.9"},{"address":"fd00::5/64"}]`,
			[]fault.Drift{
				{
					Plugin:   name,
					Object:   "gateway of address 10.1.0.5/24",
					Expected: "10.1.0.1",
					Actual:   "10.1.0.9",
				}},
		},
		{"all wrong", `[{"address":"10.1.0.5/16"},{"address":"fd00::6/64"}]`, []fault.Drift{
			{
				Plugin:   name,
				Object:   "address 10.1.0.5/24",
				Expected: "10.1.0.5/24",
				Actual:   "10.1.0.5/16",
			},
			{
				Plugin:   name,
				Object:   "gateway of address 10.1.0.5/24",
				Expected: "10.1.0.1",
				Actual:   "missing",
			},
			{
				Plugin:   name,
				Object:   "address fd00::5/64",
				Expected: "fd00::5/64",
				Actual:   "missing",
			}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			inv := invocation(plugin.Check, config, "1.1.0", nil)
			var err error
			inv.PrevResult, err = plugin.ParseResult(
				fmt.Appendf(nil, `{"cniVersion":"1.1.0","ips":%s}`, test.ips),
				"1.1.0",
			)
			kittest.Must(t, err)
			err = New().Check(context.Background(), inv)
			var e *fault.Error
			if errors.As(err, &e); e == nil {
				e = &fault.Error{}
			}
			if diff := cmp.Diff(test.want, e.Drift); diff != "" ||
				(err == nil) != (test.want == nil) {
				t.Errorf("%v; drift (-want +got):\n%s", err, diff)
			}
		})
	}
	if err := New().Check(context.Background(),
		invocation(plugin.Check, config, "1.1.0", nil)); err == nil {
		t.Error("CHECK without prevResult succeeds")
	}
}

func TestNothingToUndo(t *testing.T) {
	inv := invocation(plugin.Del, `"ipam":{}`, "1.1.0", nil)
	if err := errors.Join(New().Del(context.Background(), inv), New().GC(context.Background(), inv),
		New().Status(context.Background(), inv)); err != nil {
		t.Error(err)
	}
}

func TestInteropSameResults(t *testing.T) {
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			inv := invocation(plugin.Add, test.config, test.version, test.args)
			theirs, err := kittest.Executable(t, "static", plugin.Add, inv)
			kittest.Must(t, err)
			r, err := New().Add(context.Background(), inv)
			kittest.Must(t, err)
			ours, err := r.JSON(test.version)
			kittest.Must(t, err)
			if diff := cmp.Diff(decode(t, theirs), decode(t, ours)); diff != "" {
				t.Errorf("result (-executable +built-in):\n%s", diff)
			}
		})
	}
}

// decode reads a result. Old versions write DNS settings that are empty, which says the same as
// none.
func decode(t *testing.T, raw []byte) map[string]any {
	t.Helper()
	var value map[string]any
	kittest.Must(t, json.Unmarshal(raw, &value))
	if dns, _ := value["dns"].(map[string]any); len(dns) == 0 {
		delete(value, "dns")
	}
	return value
}

// FuzzConfig reads any configuration. Whatever is accepted can be answered and passes its own
// CHECK.
func FuzzConfig(f *testing.F) {
	for _, test := range cases {
		f.Add([]byte("{"+test.config+"}"), test.args.String())
	}
	f.Fuzz(func(t *testing.T, data []byte, ip string) {
		inv := &plugin.Invocation{
			CNIVersion: "1.1.0",
			Network:    "web",
			Config:     data,
			Args:       plugin.Args{{"IP", ip}},
		}
		r, err := New().Add(context.Background(), inv)
		if err != nil {
			var e *fault.Error
			if !errors.As(err, &e) {
				t.Errorf("error is %v, want an *fault.Error", err)
			}
			return
		}
		raw, err := r.JSON("1.1.0")
		if err != nil {
			t.Fatalf("the answer cannot be written: %v", err)
		}
		if inv.PrevResult, err = plugin.ParseResult(raw, "1.1.0"); err != nil {
			t.Fatalf("the answer %s cannot be read: %v", raw, err)
		}
		conf, _ := parseConfig(inv.Config, inv.Args, inv.CNIVersion)
		seen := map[string]bool{}
		for _, addr := range conf.all() {
			if seen[addr.String()] {
				return // the same address twice cannot pass
			}
			seen[addr.String()] = true
		}
		if err := New().Check(context.Background(), inv); err != nil {
			t.Errorf("CHECK of the answer %s: %v", raw, err)
		}
	})
}
