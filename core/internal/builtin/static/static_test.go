package static

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
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

// An address given at run time gets gateway and prefix length of the configured network that
// contains it, wherever it is given.
func TestAddressAtRunTimeIsCompleted(t *testing.T) {
	const configured = `{"address":"10.1.0.5/24","gateway":"10.1.0.1"},{"address":"10.1.0.9/16"},` +
		`{"address":"fd00::5/64","gateway":"fd00::1"},{"address":"10.2.0.5/24"},` +
		`{"address":"10.2.0.6/24","gateway":"10.2.0.1"}`
	ways := map[string]func(ip string) (more string, args plugin.Args){
		"runtimeConfig": func(ip string) (string, plugin.Args) {
			return `,"runtimeConfig":{"ips":["` + ip + `"]}`, nil
		},
		"args.cni": func(ip string) (string, plugin.Args) {
			return `,"args":{"cni":{"ips":["` + ip + `"]}}`, nil
		},
		"CNI_ARGS": func(ip string) (string, plugin.Args) { return "", plugin.Args{{"IP", ip}} },
	}
	for way, give := range ways {
		for ip, want := range map[string]string{
			"10.1.0.7":    "10.1.0.7/24 10.1.0.1",
			"10.1.0.7/24": "10.1.0.7/24 10.1.0.1",
			"10.1.0.7/16": "10.1.0.7/16 10.1.0.1", // the prefix length given is kept
			"10.1.7.7":    "10.1.7.7/16 -",
			"10.2.0.7":    "10.2.0.7/24 10.2.0.1", // the network with a gateway
			"10.9.0.7/24": "10.9.0.7/24 -",
			"fd00::7":     "fd00::7/64 fd00::1",
			"fd00::7/64":  "fd00::7/64 fd00::1",
			"fd00:1::7":   "",
			"10.9.0.7":    "",
			"10.1.0.1":    "",
		} {
			more, args := give(ip)
			inv := invocation(plugin.Add, `"ipam":{"addresses":[`+configured+`]}`+more, "1.1.0", args)
			conf, err := parseConfig(inv.Config, inv.Args, inv.CNIVersion)
			got := ""
			if err == nil {
				got = (&config{addresses: conf.addresses[len(conf.addresses)-1:]}).describe()
			}
			if got != want {
				t.Errorf("%s in %s: got %q, %v; want %q", ip, way, got, err, want)
			}
		}
	}
}

// An address that no interface can have is refused with its key, wherever it is given.
func TestNonsenseIsRefused(t *testing.T) {
	for text, want := range map[string]string{
		"0.0.0.0/0":          "0.0.0.0 is not a unicast address (reserved)",
		"0.1.2.3/8":          "0.1.2.3 is not a unicast address (reserved)",
		"127.0.0.1/8":        "127.0.0.1 is not a unicast address (loopback)",
		"224.0.5.1/24":       "224.0.5.1 is not a unicast address (multicast)",
		"239.255.255.255/32": "239.255.255.255 is not a unicast address (multicast)",
		"255.255.255.255/32": "255.255.255.255 is not a unicast address (broadcast)",
		"::/0":               ":: is not a unicast address (unspecified)",
		"::1/128":            "::1 is not a unicast address (loopback)",
		"ff02::1/64":         "ff02::1 is not a unicast address (multicast)",
		"10.1.0.5/0":         "10.1.0.5/0 has the prefix length 0",
		"10.1.0.0/24":        "10.1.0.0/24 is the address of the network itself",
		"10.1.0.255/24":      "10.1.0.255/24 is the broadcast address of network 10.1.0.0/24",
	} {
		for key, config := range map[string]string{
			"ipam.addresses[0].address": `"ipam":{"addresses":[{"address":"%s"}]}`,
			"args.cni.ips[0]":           `"ipam":{},"args":{"cni":{"ips":["%s"]}}`,
			"runtimeConfig.ips[0]":      `"ipam":{},"runtimeConfig":{"ips":["%s"]}`,
		} {
			inv := invocation(plugin.Add, fmt.Sprintf(config, text), "1.1.0", nil)
			_, err := New().Add(context.Background(), inv)
			var e *fault.Error
			if !errors.As(err, &e) || e.Details != key || e.Msg != key+": "+want {
				t.Errorf("%s: got %v, want %s: %s", text, err, key, want)
			}
		}
		inv := invocation(plugin.Add, `"ipam":{}`, "1.1.0", plugin.Args{{"IP", text}})
		if _, err := New().Add(context.Background(), inv); err == nil ||
			!strings.Contains(err.Error(), "CNI_ARGS: IP: "+want) {
			t.Errorf("%s in CNI_ARGS: %v", text, err)
		}
	}
	for _, text := range []string{"10.1.0.0/31", "10.1.0.1/31", "10.1.0.0/32", "fd00::/127",
		"fd00::1/128", "fe80::5/64", "169.254.3.4/16", "240.0.0.1/8"} {
		inv := invocation(plugin.Add, `"ipam":{"addresses":[{"address":"`+text+`"}]}`, "1.1.0", nil)
		if _, err := New().Add(context.Background(), inv); err != nil {
			t.Errorf("%s: %v", text, err)
		}
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
			`CNI_ARGS: IP: "10.1.0.5" has no prefix length, and no network of ipam.addresses contains it; ` +
				`add the prefix length, as in 10.1.0.5/16`},
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
			`args.cni.ips[0]: "10.1.0.5" has no prefix length, and no network of ipam.addresses contains ` +
				`it; add the prefix length, as in 10.1.0.5/16`,
		},
		{
			"runtimeConfig.ips",
			"1.1.0",
			`"ipam":{},"runtimeConfig":{"ips":["10.1.0.5/24",null]}`,
			nil,
			"runtimeConfig.ips[1]",
			`runtimeConfig.ips[1]: "" is not an IP address, such as 10.1.0.5/16`,
		},
		{
			"gateway of the network as an address", "1.1.0",
			`"ipam":{"addresses":[{"address":"10.1.0.5/24","gateway":"10.1.0.1"}]},
			"runtimeConfig":{"ips":["10.1.0.1"]}`,
			nil, "runtimeConfig.ips[0]",
			"runtimeConfig.ips[0]: 10.1.0.1 is the gateway of network 10.1.0.0/24",
		},
		{
			"gateway of another family", "1.1.0",
			`"ipam":{"addresses":[{"address":"10.1.0.5/24","gateway":"fd00::1"}]}`,
			nil, "ipam.addresses[0].gateway",
			"ipam.addresses[0].gateway: fd00::1 is of the other family than address 10.1.0.5/24",
		},
		{
			"gateway that is not a unicast address", "1.1.0",
			`"ipam":{"addresses":[{"address":"10.1.0.5/24","gateway":"0.0.0.0"}]}`,
			nil, "ipam.addresses[0].gateway",
			"ipam.addresses[0].gateway: 0.0.0.0 is not a unicast address (reserved)",
		},
		{"GATEWAY that is not a unicast address", "1.1.0", `"ipam":{}`,
			plugin.Args{{"GATEWAY", "224.0.0.1"}}, "args",
			"CNI_ARGS: GATEWAY: 224.0.0.1 is not a unicast address (multicast)"},
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
			inv.PrevResult = result(t, test.ips)
			err := New().Check(context.Background(), inv)
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
	// 0.1.0 gave no gateway to an address that was given at run time.
	inv := invocation(plugin.Check, config+`,"runtimeConfig":{"ips":["10.1.0.7/24"]}`, "1.1.0", nil)
	inv.PrevResult = result(t, `[{"address":"10.1.0.7/24"}]`)
	kittest.Must(t, New().Check(context.Background(), inv))
	inv.PrevResult = result(t, `[{"address":"10.1.0.7/24","gateway":"10.1.0.9"}]`)
	if err := New().Check(context.Background(), inv); err == nil {
		t.Error("CHECK accepts another gateway of an address given at run time")
	}
	if err := New().Check(context.Background(),
		invocation(plugin.Check, config, "1.1.0", nil)); err == nil {
		t.Error("CHECK without prevResult succeeds")
	}
}

func result(t *testing.T, ips string) *plugin.Result {
	t.Helper()
	r, err := plugin.ParseResult(fmt.Appendf(nil, `{"cniVersion":"1.1.0","ips":%s}`, ips), "1.1.0")
	kittest.Must(t, err)
	return r
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
