package hostlocal

import (
	"encoding/json"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/libcni/libcni/core/internal/builtin/ipamconfig"
	"github.com/libcni/libcni/core/internal/kit/kittest"
)

// taggedIPAM are the keys of rawIPAM for encoding/json, which the executable reads its
// configuration with.
type taggedIPAM struct {
	Subnet     string           `json:"subnet"`
	RangeStart string           `json:"rangeStart"`
	RangeEnd   string           `json:"rangeEnd"`
	Gateway    string           `json:"gateway"`
	Ranges     [][]rawRange     `json:"ranges"` // their keys differ in nothing but case
	Routes     []jsontext.Value `json:"routes"`
	DataDir    string           `json:"dataDir"`
	ResolvConf string           `json:"resolvConf"`
}

type tagged struct {
	IPAM          *taggedIPAM `json:"ipam"`
	RuntimeConfig struct {
		IPRanges [][]rawRange `json:"ipRanges"`
		IPs      []string     `json:"ips"`
	} `json:"runtimeConfig"`
	Args struct {
		CNI struct {
			IPs []string `json:"ips"`
		} `json:"cni"`
	} `json:"args"`
}

func TestConfigurationIsReadAsEncodingJSONDoes(t *testing.T) {
	for _, text := range []string{
		`{"ipam":{"type":"host-local","subnet":"a","rangeStart":"b","rangeEnd":"c","gateway":"d","ranges":[[{"subnet":"e","rangeStart":"f","rangeEnd":"g","gateway":"h"},{}],[]],"routes":[{"dst":"0.0.0.0/0" }, null],"dataDir":"i","resolvConf":"j"}}`,
		`{"runtimeConfig":{"ipRanges":[[{"subnet":"a"}]],"ips":["b",null]},"args":{"cni":{"ips":["c"]}}}`,
		`{"IPAM":{"SUBNET":"a","RangeStart":"b","Ranges":[[{"Subnet":"c","RANGEEND":"d"}]],"datadir":"e"},"RuntimeConfig":{"IPs":["f"]}}`,
		`{"ipam":{}}`, `{"ipam":null,"args":null,"runtimeConfig":null}`,
		`{"ipam":{"ranges":[],"routes":[]},"args":{"cni":null}}`, `{}`,
	} {
		var want tagged
		kittest.Must(t, json.Unmarshal([]byte(text), &want))
		var raw rawConfig
		if err := ipamconfig.Decode([]byte(text), raw.fields()); err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		got := tagged{RuntimeConfig: want.RuntimeConfig, Args: want.Args}
		got.RuntimeConfig.IPRanges = raw.RuntimeConfig.IPRanges
		got.RuntimeConfig.IPs = raw.RuntimeConfig.IPs
		got.Args.CNI.IPs = raw.Args.CNI.IPs
		if c := raw.IPAM; c != nil {
			got.IPAM = &taggedIPAM{
				c.Subnet,
				c.RangeStart,
				c.RangeEnd,
				c.Gateway,
				c.Ranges,
				c.Routes,
				c.DataDir,
				c.ResolvConf,
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-encoding/json +got)\n%s", text, diff)
		}
	}
}
