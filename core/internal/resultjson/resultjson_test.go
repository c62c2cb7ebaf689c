package resultjson_test

import (
	"encoding/json"
	"net"
	"testing"

	"github.com/containernetworking/cni/pkg/types"
	types100 "github.com/containernetworking/cni/pkg/types/100"
	"github.com/google/go-cmp/cmp"

	"github.com/libcni/libcni/core/internal/jsonobject"
	"github.com/libcni/libcni/core/internal/resultjson"
)

// results are texts that must be read as the decoders of the types do.
var results = []string{
	`{"cniVersion":"1.1.0","interfaces":[{"name":"cni0","mac":"0e:00:00:00:00:01"},{"name":"eth0","mac":"0e:00:00:00:00:02","mtu":1400,"sandbox":"/run/netns/c1","socketPath":"/s","pciID":"0000:00:1f.6"}],"ips":[{"interface":1,"address":"10.1.2.3/24","gateway":"10.1.2.1"},{"address":"fd00::3/64"}],"routes":[{"dst":"0.0.0.0/0","gw":"10.1.2.1","mtu":1400,"advmss":1360,"priority":9007199254740993,"table":0,"scope":253},{"dst":"::/0"}],"dns":{"nameservers":["10.1.2.1"],"domain":"a","search":["b"],"options":["c"]}}`,
	`{"CNIVersion":"1.0.0","IPS":[{"ADDRESS":"10.1.2.3/24"}],"Interfaces":[{"NAME":"a","Mac":"b","socketpath":"c"}]}`,
	`{}`, `null`, `{"cniVersion":null,"interfaces":null,"ips":null,"routes":null,"dns":null}`,
	`{"interfaces":[],"ips":[],"routes":[],"dns":{}}`,
	`{"interfaces":[null,{}],"ips":[null],"routes":[null]}`, `{"ips":[{}],"routes":[{}]}`,
	`{"ips":[{"interface":null,"gateway":""}]}`, `{"ips":[{"gateway":null}]}`,
	`{"ips":[{"address":null}]}`, `{"ips":[{"address":""}]}`,
	`{"ips":[{"address":"10.1.2.3"}]}`, `{"ips":[{"address":"10.1.2.3/33"}]}`,
	`{"ips":[{"address":5}]}`, `{"ips":[{"gateway":"x"}]}`, `{"ips":[{"gateway":[]}]}`,
	`{"ips":[{"address":"::ffff:10.1.2.3/120","gateway":"::ffff:10.1.2.1"}]}`,
	`{"ips":[{"interface":1.5}]}`, `{"ips":[{"interface":"1"}]}`, `{"ips":[5]}`, `{"ips":{}}`,
	`{"routes":[{"dst":"10.0.0.5/8","gw":"fd00::1"}]}`, `{"routes":[{"dst":null}]}`,
	`{"routes":[{"gw":null}]}`, `{"routes":[{"table":null,"scope":-1,"priority":-5}]}`,
	`{"routes":[{"mtu":9223372036854775808}]}`, `{"routes":[{"table":"x"}]}`, `{"routes":"x"}`,
	`{"dns":{"nameservers":"x"}}`, `{"dns":[]}`, `{"interfaces":[{"mtu":"5"}]}`,
	`{"ips":[{"address":"10.1.2.3/24","gateway":"10.1.2.1"}],"IPs":[{"address":"10.1.2.4/24"}]}`,
	`{"routes":[{"dst":"10.0.0.0/8","mtu":5}],"Routes":[{"dst":"10.0.0.0/8"}]}`,
	`{"interfaces":[{"name":"a","mac":"b"}],"Interfaces":[{"name":"c"}]}`,
	"{\"interfaces\":[{\"name\":\"<a>&\u2028\xff\\u0001\\ud800\"}],\"unknown\":{\"ips\":5}}",
	`[]`, `"x"`, `{"ips":[}`, ``, `{"cniVersion":5}`, `{"x":"\ud83d\ude00"}`,
}

func TestReadAndWriteAreWhatEncodingJSONDoes(t *testing.T) {
	for _, text := range results {
		t.Run(text, func(t *testing.T) { compare(t, []byte(text)) })
	}
}

func FuzzReadAndWrite(f *testing.F) {
	for _, text := range results {
		f.Add([]byte(text))
	}
	f.Fuzz(compare)
}

func compare(t *testing.T, text []byte) {
	// as results are
	text, err := jsonobject.Normalize(text, jsonobject.Duplicates|jsonobject.InvalidUTF8)
	if err != nil {
		return
	}
	want := new(types100.Result)
	wantErr := json.Unmarshal(text, want)
	got, err := resultjson.Read(text)
	if (err == nil) != (wantErr == nil) {
		t.Fatalf("%q: error %v, of encoding/json %v", text, err, wantErr)
	}
	if err != nil {
		return
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("%q (-encoding/json +got)\n%s", text, diff)
	}
	compareWritten(t, got)
}

func compareWritten(t *testing.T, r *types100.Result) {
	t.Helper()
	dns := &r.DNS
	if dns.IsEmpty() {
		dns = nil
	}
	want, err := json.Marshal(struct {
		CNIVersion string                `json:"cniVersion"`
		Interfaces []*types100.Interface `json:"interfaces,omitempty"`
		IPs        []*types100.IPConfig  `json:"ips,omitempty"`
		Routes     []*types.Route        `json:"routes,omitempty"`
		DNS        *types.DNS            `json:"dns,omitempty"`
	}{r.CNIVersion, r.Interfaces, r.IPs, r.Routes, dns})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(resultjson.Write(r))); diff != "" {
		t.Fatalf("written (-encoding/json +got)\n%s", diff)
	}
}

func TestWriteWhatBuiltinsMake(t *testing.T) {
	_, network, err := net.ParseCIDR("10.1.0.0/16")
	if err != nil {
		t.Fatal(err)
	}
	four := *network
	four.IP = net.IPv4(10, 1, 0, 2).To4()
	compareWritten(t, &types100.Result{
		CNIVersion: "1.1.0", Interfaces: []*types100.Interface{{Name: "ü\u2029\x7f\t"}},
		IPs: []*types100.IPConfig{{Interface: types100.Int(0), Address: four,
			Gateway: net.IPv4(10, 1, 0, 1).To4()}},
		Routes: []*types.Route{{Dst: *network, GW: net.IP{}}},
		DNS:    types.DNS{Search: []string{"", "a\"b\\"}},
	})
}

func TestRoute(t *testing.T) {
	for _, text := range []string{
		`{"dst":"0.0.0.0/0","gw":"10.1.0.1","MTU":1400,"table":100}`, `{}`, `null`, `{"dst":"x"}`,
		`{"gw":"x"}`, `{"mtu":"5"}`, `[]`, `{"dst":5}`, `{"scope":null}`,
	} {
		want := new(types.Route)
		wantErr := json.Unmarshal([]byte(text), want)
		got, err := resultjson.ReadRoute([]byte(text))
		if (err == nil) != (wantErr == nil) || err != nil && err.Error() != wantErr.Error() {
			t.Errorf("%s: error %v, of encoding/json %v", text, err, wantErr)
		} else if diff := cmp.Diff(want, got); err == nil && diff != "" {
			t.Errorf("%s (-encoding/json +got)\n%s", text, diff)
		}
	}
}

func BenchmarkRead(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := resultjson.Read([]byte(results[0])); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkWrite(b *testing.B) {
	r, err := resultjson.Read([]byte(results[0]))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		resultjson.Write(r)
	}
}
