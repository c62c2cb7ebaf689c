package portmap

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// tagged are the keys of config for encoding/json, which the reference plugin reads its
// configuration with.
type tagged struct {
	Backend              *string   `json:"backend"`
	SNAT                 *bool     `json:"snat"`
	MasqAll              bool      `json:"masqAll"`
	MarkMasqBit          *int      `json:"markMasqBit"`
	ExternalSetMarkChain *string   `json:"externalSetMarkChain"`
	ConditionsV4         *[]string `json:"conditionsV4"`
	ConditionsV6         *[]string `json:"conditionsV6"`
	RuntimeConfig        struct {
		PortMappings []mappingEntry `json:"portMappings"` // their keys differ in nothing but case
	} `json:"runtimeConfig"`
}

func TestConfigurationIsReadAsEncodingJSONDoes(t *testing.T) {
	for _, text := range []string{
		`{"backend":"nftables","snat":false,"masqAll":true,"markMasqBit":0,"externalSetMarkChain":"c","conditionsV4":["a","b"],"conditionsV6":[]}`,
		`{"runtimeConfig":{"portMappings":[{"hostPort":1,"containerPort":2,"protocol":"udp","hostIP":"::","range":3},{},null]}}`,
		`{"SNAT":true,"RuntimeConfig":{"PortMappings":[{"HostPort":1,"containerport":2,"hostip":"x"}]},"conditionsv4":["c"]}`,
		`{"backend":null,"snat":null,"masqAll":null,"markMasqBit":null,"conditionsV4":null,"runtimeConfig":null,"type":"portmap","capabilities":{"snat":true}}`,
		`{"runtimeConfig":{"portMappings":null}}`, `{"runtimeConfig":{"portMappings":[]}}`, `{}`,
	} {
		var want tagged
		if err := json.Unmarshal([]byte(text), &want); err != nil {
			t.Fatal(err)
		}
		c, err := read([]byte(text))
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		got := tagged{
			c.Backend,
			c.SNAT,
			c.MasqAll,
			c.MarkMasqBit,
			c.ExternalSetMarkChain,
			c.ConditionsV4,
			c.ConditionsV6,
			want.RuntimeConfig,
		}
		got.RuntimeConfig.PortMappings = c.RuntimeConfig.PortMappings
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-encoding/json +got)\n%s", text, diff)
		}
	}
}
