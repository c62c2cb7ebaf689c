package bridge

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/plugin"
)

func TestInvalidConfigurationsNameTheKey(t *testing.T) {
	for _, c := range []struct{ name, config, key string }{
		{"not an object", `[]`, ""},
		{"bridge of the wrong type", `{"bridge":5}`, "bridge"},
		{"bridge with a slash", `{"bridge":"a/b"}`, "bridge"},
		{"bridge too long", `{"bridge":"abcdefghijklmnop"}`, "bridge"},
		{"bridge is a directory", `{"bridge":".."}`, "bridge"},
		{"bridge with a pattern", `{"bridge":"br%d"}`, "bridge"},
		{"negative mtu", `{"mtu":-1}`, "mtu"},
		{"huge mtu", `{"mtu":65536}`, "mtu"},
		{"mtu of the wrong type", `{"mtu":"1500"}`, "mtu"},
		{"promiscuous hairpin", `{"promiscMode":true,"hairpinMode":true}`, "promiscMode"},
		{"vlan too large", `{"vlan":4095}`, "vlan"},
		{"vlan negative", `{"vlan":-1}`, "vlan"},
		{"trunk half a range", `{"vlanTrunk":[{"id":5},{"minID":5}]}`, "vlanTrunk[1]"},
		{"trunk upside down", `{"vlanTrunk":[{"minID":5,"maxID":4}]}`, "vlanTrunk[0]"},
		{"trunk id 0", `{"vlanTrunk":[{"id":0}]}`, "vlanTrunk[0]"},
		{"trunk id too large", `{"vlanTrunk":[{"minID":1,"maxID":4095}]}`, "vlanTrunk[0]"},
		{"ipam without interface", `{"disableContainerInterface":true,"ipam":{"type":"static"}}`, "disableContainerInterface"},
		{"gateway of the vlan has too long a name", `{"bridge":"abcdefghijkl","vlan":100,"isGateway":true}`, "bridge"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := parse([]byte(c.config))
			var f *fault.Error
			if !errors.As(err, &f) || f.Kind != fault.KindInvalidConfig || f.Details != c.key {
				t.Errorf("got %#v, want invalid-config of %q", err, c.key)
			}
		})
	}
}

func TestKeysMatchInAnyCaseAndHaveDefaults(t *testing.T) {
	for _, c := range []struct {
		name, config string
		check        func(*config) any
		want         any
	}{
		{"default bridge", `{}`, func(c *config) any { return c.Bridge }, "cni0"},
		{"empty bridge", `{"bridge":""}`, func(c *config) any { return c.Bridge }, "cni0"},
		{"upper case", `{"BRIDGE":"b","ISGATEWAY":true}`, func(c *config) any { return []any{c.Bridge, c.IsGateway} }, []any{"b", true}},
		{"default gateway is a gateway", `{"isDefaultGateway":true}`, func(c *config) any { return c.IsGateway }, true},
		{"trunk", `{"vlanTrunk":[{"minID":5,"maxID":7,"id":3},{"id":6}]}`, func(c *config) any { return c.trunk }, []int{3, 5, 6, 7}},
		{"gateway link", `{"bridge":"b"}`, func(c *config) any { return c.gatewayLink() }, "b"},
		{"gateway link of a vlan", `{"bridge":"b","vlan":7}`, func(c *config) any { return c.gatewayLink() }, "b.7"},
	} {
		t.Run(c.name, func(t *testing.T) {
			conf, err := parse([]byte(c.config))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, c.check(conf)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestMACPrecedence(t *testing.T) {
	const args, cni, runtime = "02:00:00:00:00:01", "02:00:00:00:00:02", "02:00:00:00:00:03"
	both := `{"args":{"cni":{"mac":"` + cni + `"}},"runtimeConfig":{"mac":"` + runtime + `"}}`
	for _, c := range []struct {
		name, config string
		args         plugin.Args
		want, key    string
		kind         fault.Kind
	}{
		{name: "none", config: `{}`},
		{name: "CNI_ARGS", config: `{}`, args: plugin.Args{{"MAC", args}}, want: args},
		{name: "args.cni over CNI_ARGS", config: `{"args":{"cni":{"mac":"` + cni + `"}}}`, args: plugin.Args{{"MAC", args}}, want: cni},
		{name: "capability over all", config: both, args: plugin.Args{{"MAC", args}}, want: runtime},
		{name: "unknown argument", config: `{}`, args: plugin.Args{{"K8S", "x"}}, kind: fault.KindInvalidRequest, key: "args"},
		{name: "argument in another case is unknown", config: `{}`, args: plugin.Args{{"mac", args}}, kind: fault.KindInvalidRequest, key: "args"},
		{name: "unknown argument allowed", config: `{}`, args: plugin.Args{{"K8S", "x"}, {"IgnoreUnknown", "True"}, {"MAC", args}}, want: args},
		{name: "unknown argument disallowed", config: `{}`, args: plugin.Args{{"K8S", "x"}, {"IgnoreUnknown", "0"}}, kind: fault.KindInvalidRequest, key: "args"},
		{name: "IgnoreUnknown is no boolean", config: `{}`, args: plugin.Args{{"IgnoreUnknown", "maybe"}}, kind: fault.KindInvalidRequest, key: "args"},
		{name: "no address", config: `{"runtimeConfig":{"mac":"x"}}`, kind: fault.KindInvalidConfig, key: "runtimeConfig.mac"},
		{name: "multicast", config: `{"args":{"cni":{"mac":"01:00:00:00:00:00"}}}`, kind: fault.KindInvalidConfig, key: "args.cni.mac"},
		{name: "all zero", config: `{}`, args: plugin.Args{{"MAC", "00:00:00:00:00:00"}}, kind: fault.KindInvalidConfig, key: "args"},
		{name: "eight bytes", config: `{}`, args: plugin.Args{{"MAC", "02:00:00:00:00:00:00:01"}}, kind: fault.KindInvalidConfig, key: "args"},
	} {
		t.Run(c.name, func(t *testing.T) {
			conf, err := parse([]byte(c.config))
			if err != nil {
				t.Fatal(err)
			}
			mac, err := requestedMAC(conf, c.args)
			var f *fault.Error
			if c.kind != "" {
				if !errors.As(err, &f) || f.Kind != c.kind || f.Details != c.key {
					t.Errorf("got %#v, want %s of %q", err, c.kind, c.key)
				}
				return
			}
			if err != nil || mac.String() != c.want {
				t.Errorf("got %s, %v; want %s", mac, err, c.want)
			}
		})
	}
}

func TestMasqueradeBackends(t *testing.T) {
	for _, c := range []struct{ config, want string }{
		{`{}`, "nftables"},
		{`{"ipMasq":true,"ipMasqBackend":"nftables"}`, "nftables"},
		{`{"ipMasq":true,"ipMasqBackend":"iptables"}`, "iptables"},
		{`{"ipMasq":true,"ipMasqBackend":"ipfw"}`, `ipMasqBackend: "ipfw" is neither nftables nor iptables`},
		{`{"ipMasqBackend":""}`, `ipMasqBackend: "" is neither nftables nor iptables`},
	} {
		parsed, err := parse([]byte(c.config))
		got := ""
		if err != nil {
			got = err.Error()
		} else {
			got = string(parsed.backend)
		}
		if got != c.want {
			t.Errorf("%s: got %q, want %q", c.config, got, c.want)
		}
	}
}
