package bridge

import (
	"encoding/json"
	"testing"

	"github.com/containernetworking/cni/pkg/types"
	"github.com/google/go-cmp/cmp"

	"github.com/libcni/libcni/core/internal/builtin/ipamconfig"
)

// tagged are the keys of config for encoding/json, which plugins of the CNI project read theirs
// with.
type tagged struct {
	Bridge                    string       `json:"bridge"`
	IsGateway                 bool         `json:"isGateway"`
	IsDefaultGateway          bool         `json:"isDefaultGateway"`
	ForceAddress              bool         `json:"forceAddress"`
	IPMasq                    bool         `json:"ipMasq"`
	IPMasqBackend             *string      `json:"ipMasqBackend"`
	MTU                       int          `json:"mtu"`
	HairpinMode               bool         `json:"hairpinMode"`
	PromiscMode               bool         `json:"promiscMode"`
	VLAN                      int          `json:"vlan"`
	VLANTrunk                 []*trunkItem `json:"vlanTrunk"` // its keys differ in nothing but case
	PreserveDefaultVLAN       bool         `json:"preserveDefaultVlan"`
	MACSpoofCheck             bool         `json:"macspoofchk"`
	EnableDAD                 bool         `json:"enabledad"`
	DisableContainerInterface bool         `json:"disableContainerInterface"`
	PortIsolation             bool         `json:"portIsolation"`
	IPAM                      types.IPAM   `json:"ipam"`
	DNS                       types.DNS    `json:"dns"`
	Args                      struct {
		CNI struct {
			MAC string `json:"mac"`
		} `json:"cni"`
	} `json:"args"`
	RuntimeConfig struct {
		MAC string `json:"mac"`
	} `json:"runtimeConfig"`
}

func TestConfigurationIsReadAsEncodingJSONDoes(t *testing.T) {
	for _, text := range []string{
		`{"bridge":"b","isGateway":true,"isDefaultGateway":true,"forceAddress":true,"ipMasq":true,"ipMasqBackend":"iptables","mtu":1400,"hairpinMode":true,"promiscMode":true,"vlan":5}`,
		`{"vlanTrunk":[{"minID":1,"maxID":4},{"id":7},{}],"preserveDefaultVlan":true,"macspoofchk":true,"enabledad":true,"disableContainerInterface":true,"portIsolation":true}`,
		`{"ipam":{"type":"host-local","subnet":"x"},"dns":{"nameservers":["1.1.1.1"],"domain":"d","search":["s"],"options":["o"]},"args":{"cni":{"mac":"m"}},"runtimeConfig":{"mac":"n","ips":[]}}`,
		`{"BRIDGE":"b","isgateway":true,"VlanTrunk":[{"MINid":2}],"IPAM":{"Type":"x"},"MacSpoofChk":true}`,
		`{"bridge":"b","vlanTrunk":[],"ipMasqBackend":"","dns":{"search":[]}}`,
		`{"bridge":"b","vlanTrunk":null,"ipMasqBackend":null,"dns":null,"ipam":null,"args":null,"mtu":null,"name":"n","type":"bridge","prevResult":{"mtu":5}}`,
	} {
		var want tagged
		if err := json.Unmarshal([]byte(text), &want); err != nil {
			t.Fatal(err)
		}
		var c config
		if err := ipamconfig.Decode([]byte(text), c.fields()); err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		got := tagged{
			c.Bridge, c.IsGateway, c.IsDefaultGateway, c.ForceAddress, c.IPMasq, c.IPMasqBackend, c.MTU,
			c.HairpinMode, c.PromiscMode, c.VLAN,
			nil, c.PreserveDefaultVLAN, c.MACSpoofCheck, c.EnableDAD, c.DisableContainerInterface,
			c.PortIsolation,
			types.IPAM{Type: c.IPAM.Type}, c.DNS, want.Args, want.RuntimeConfig,
		}
		got.Args.CNI.MAC, got.RuntimeConfig.MAC = c.Args.CNI.MAC, c.RuntimeConfig.MAC
		if c.VLANTrunk != nil {
			got.VLANTrunk = []*trunkItem{}
		}
		for i := range c.VLANTrunk {
			got.VLANTrunk = append(got.VLANTrunk, &c.VLANTrunk[i])
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-encoding/json +got)\n%s", text, diff)
		}
	}
}

func BenchmarkReadConfiguration(b *testing.B) {
	text := []byte(
		`{"cniVersion":"1.1.0","name":"n","type":"bridge","bridge":"b0","isGateway":true,"ipMasq":true,"ipMasqBackend":"nftables","ipam":{"type":"host-local","dataDir":"/leases","ranges":[[{"subnet":"10.80.0.0/16"}]],"routes":[{"dst":"0.0.0.0/0"}]}}`)
	b.Run("Decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := read(text); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("encoding/json", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := json.Unmarshal(text, new(tagged)); err != nil {
				b.Fatal(err)
			}
		}
	})
}
