package bridge

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/libcni/libcni/core/internal/fault"
)

func TestInvalidConfigurationsNameTheKey(t *testing.T) {
	for _, c := range []struct{ name, config, key string }{
		{"not an object", `[]`, ""},
		{"bridge of the wrong type", `{"bridge":5}`, "bridge"},
		{"bridge with a slash", `{"bridge":"a/b"}`, "bridge"},
		{"bridge too long", `{"bridge":"abcdefghijklmnop"}`, "bridge"},
		{"bridge is a directory", `{"bridge":".."}`, "bridge"},
		{"bridge with a pattern", `{"bridge":"br%d"}`, "bridge"},
		{"bridge that nft cannot quote", `{"bridge":"br\"q"}`, "bridge"},
		{"bridge that nft takes for a pattern", `{"bridge":"br*"}`, "bridge"},
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
		{
			"ipam without interface", `{"disableContainerInterface":true,"ipam":{"type":"static"}}`,
			"disableContainerInterface",
		},
		{
			"gateway of the vlan has too long a name",
			`{"bridge":"abcdefghijkl","vlan":100,"isGateway":true}`, "bridge",
		},
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
		{
			"upper case", `{"BRIDGE":"b","ISGATEWAY":true}`,
			func(c *config) any { return []any{c.Bridge, c.IsGateway} }, []any{"b", true},
		},
		{
			"default gateway is a gateway", `{"isDefaultGateway":true}`,
			func(c *config) any { return c.IsGateway }, true,
		},
		{
			"trunk", `{"vlanTrunk":[{"minID":5,"maxID":7,"id":3},{"id":6}]}`,
			func(c *config) any { return c.trunk }, []int{3, 5, 6, 7},
		},
		{"gateway link", `{"bridge":"b"}`, func(c *config) any { return c.gatewayLink() }, "b"},
		{
			"gateway link of a vlan", `{"bridge":"b","vlan":7}`,
			func(c *config) any { return c.gatewayLink() }, "b.7",
		},
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

func TestMasqueradeBackends(t *testing.T) {
	for _, c := range []struct{ config, want string }{
		{`{}`, "nftables"},
		{`{"ipMasq":true,"ipMasqBackend":"nftables"}`, "nftables"},
		{`{"ipMasq":true,"ipMasqBackend":"iptables"}`, "iptables"},
		{
			`{"ipMasq":true,"ipMasqBackend":"ipfw"}`,
			`ipMasqBackend: "ipfw" is neither nftables nor iptables`,
		},
		{`{"ipMasqBackend":""}`, `ipMasqBackend: "" is neither nftables nor iptables`},
	} {
		parsed, err := parse([]byte(c.config))
		got := ""
		if err != nil {
			got = err.Error()
		} else {
			got = string(parsed.Masquerade().Backend)
		}
		if got != c.want {
			t.Errorf("%s: got %q, want %q", c.config, got, c.want)
		}
	}
}
