package core

import (
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/libcni/libcni/core/internal/invoke"
	"github.com/libcni/libcni/core/internal/strictjson"
)

func TestRequestsAreRead(t *testing.T) {
	no, zero, large := false, int64(0), int64(1<<53+1)
	tests := []struct {
		name string
		text string
		want request
	}{
		{"common keys",
			`{"network":{"name":"web"},"networkFile":"f","containerId":"c1","netns":"/n","ifName":"eth1",
			"args":[["K","a"],["K","b"]],"capabilityArgs":{"mac":"x","n":1.50},"requestId":"r"}`,
			&AddRequest{Common{
				Network: jsontext.Value(`{"name":"web"}`), NetworkFile: "f", ContainerID: "c1", Netns: "/n",
				IfName: "eth1",
				Args:   Args{{"K", "a"}, {"K", "b"}}, RequestID: "r",
				CapabilityArgs: map[string]jsontext.Value{"mac": jsontext.Value(`"x"`),
					"n": jsontext.Value("1.50")},
			}}},
		{"options",
			`{"options":{"pluginDirs":["a","b"],"builtins":"only","timeoutMs":0,"rollbackTimeoutMs":9007199254740993,
			"env":{"A":"1"},"inheritEnv":false,"ignoreUnknown":true,"volumeTimeouts":{"connectMs":0}}}`,
			&NetworksRequest{Common{Options: RequestOptions{
				PluginDirs: []string{"a", "b"}, Builtins: invoke.Only, TimeoutMs: &zero,
				RollbackTimeoutMs: &large,
				Env:               map[string]string{"A": "1"}, InheritEnv: &no, IgnoreUnknown: true,
				VolumeTimeouts: VolumeTimeouts{ConnectMs: &zero},
			}}}},
		{"keys of a verb", `{"containerId":"c1","force":true}`,
			&DelRequest{Common: Common{ContainerID: "c1"}, Force: true}},
		{"a list of objects",
			`{"validAttachments":[{"containerId":"c1","ifName":"eth0"},{"containerId":"c2"}],"asOf":"now","dryRun":true}`,
			&GCRequest{ValidAttachments: &[]ValidAttachment{{"c1", "eth0"}, {ContainerID: "c2"}},
				AsOf: "now", DryRun: true}},
		{"an empty list is not an absent one", `{"validAttachments":[]}`,
			&GCRequest{ValidAttachments: &[]ValidAttachment{}}},
		{"raw values", `{"result":{"cniVersion":"1.0.0", "x":[]},"cniVersion":"1.1.0"}`,
			&ConvertRequest{Result: jsontext.Value(`{"cniVersion":"1.0.0", "x":[]}`), CNIVersion: "1.1.0"}},
		{"null counts as absent", `{"plugin":null,"name":null,"opts":null}`, &VolumeCreateRequest{}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := newRequest(test.want)
			if err := new(strictjson.Decoder).Decode([]byte(test.text), got.fields(),
				got.ignoreUnknown()); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// newRequest returns an empty request of the same type as another.
func newRequest(like request) request {
	switch like.(type) {
	case *AddRequest:
		return &AddRequest{}
	case *DelRequest:
		return &DelRequest{}
	case *GCRequest:
		return &GCRequest{}
	case *ConvertRequest:
		return &ConvertRequest{}
	case *VolumeCreateRequest:
		return &VolumeCreateRequest{}
	}
	return &NetworksRequest{}
}
