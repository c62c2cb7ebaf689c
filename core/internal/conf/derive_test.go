package conf

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/libcni/libcni/core/internal/spec"
)

func mustParse(t testing.TB, text string) *List {
	t.Helper()
	list, err := Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestDerive(t *testing.T) {
	ports := jsontext.Value(`[{"hostPort":80, "containerPort":8080}]`)
	tests := []struct {
		name, plugin string
		in           Input
		want         string
	}{
		{"order and numbers stay",
			`{"type":"x","z":18446744073709551615, "a":{"q":1.50,"b":[ 1 ]},"m":9007199254740993}`, Input{},
			`{"cniVersion":"1.0.0","name":"web","type":"x","z":18446744073709551615,"a":{"q":1.50,"b":[ 1 ]},"m":9007199254740993}`},
		{"the list's name and version win", `{"name":"own","type":"x","cniVersion":"0.1.0"}`, Input{},
			`{"cniVersion":"1.0.0","name":"web","type":"x"}`},
		{"also over other spellings",
			`{"Name":"own","type":"x","CNIVERSION":"0.1.0","PrevResult":{"a":1},"RuntimeConfig":{"a":1}}`,
			Input{PrevResult: []byte(`{"b":2}`)},
			`{"cniVersion":"1.0.0","name":"web","type":"x","runtimeConfig":{"a":1},"prevResult":{"b":2}}`},
		{"a shadowed type is not passed on",
			`{"TYPE":"y","type":"x","IPAM":{"type":"q"},"ipam":{"type":"p"},"other":1,"Other":2}`, Input{},
			`{"cniVersion":"1.0.0","name":"web","type":"x","ipam":{"type":"p"},"other":1,"Other":2}`},
		{"a type spelt otherwise is", `{"Type":"x"}`, Input{},
			`{"cniVersion":"1.0.0","name":"web","Type":"x"}`},
		{"another version", `{"type":"x"}`, Input{CNIVersion: "0.4.0"},
			`{"cniVersion":"0.4.0","name":"web","type":"x"}`},

		{"capabilities are stripped", `{"type":"x","capabilities":{"mac":true}}`, Input{},
			`{"cniVersion":"1.0.0","name":"web","type":"x"}`},
		{"capabilities filter",
			`{"type":"x","capabilities":{"portMappings":true,"mac":true,"ips":false,"aliases":true},"y":1}`,
			Input{CapabilityArgs: map[string]jsontext.Value{"mac": jsontext.Value(`"0e:00:00:00:00:01"`),
				"portMappings": ports, "ips": jsontext.Value(`["10.0.0.2"]`),
				"bandwidth": jsontext.Value("{}")}},
			`{"cniVersion":"1.0.0","name":"web","type":"x","y":1,"runtimeConfig":{"portMappings":[{"hostPort":80, "containerPort":8080}],"mac":"0e:00:00:00:00:01"}}`},
		{"capabilities match in their case", `{"type":"x","capabilities":{"MAC":true}}`,
			Input{CapabilityArgs: map[string]jsontext.Value{"mac": jsontext.Value(`""`)}},
			`{"cniVersion":"1.0.0","name":"web","type":"x"}`},
		{"runtimeConfig replaces", `{"type":"x","runtimeConfig":{"own":1},"capabilities":{"mac":true}}`,
			Input{CapabilityArgs: map[string]jsontext.Value{"mac": jsontext.Value(`null`)}},
			`{"cniVersion":"1.0.0","name":"web","type":"x","runtimeConfig":{"mac":null}}`},
		{"the configuration's own stands",
			`{"runtimeConfig":{"own":1},"prevResult":{"p":1},"cni.dev/attachments":[],"type":"x"}`, Input{},
			`{"cniVersion":"1.0.0","name":"web","type":"x","runtimeConfig":{"own":1},"prevResult":{"p":1},"cni.dev/attachments":[]}`},
		{"args pass", `{"type":"x","args":{"cni":{"ips":["10.0.0.2"]}}}`, Input{},
			`{"cniVersion":"1.0.0","name":"web","type":"x","args":{"cni":{"ips":["10.0.0.2"]}}}`},

		{"valid attachments", `{"type":"x","cni.dev/valid-attachments":[{"old":1}]}`,
			Input{ValidAttachments: &[]spec.AttachmentID{{ContainerID: "c1", IfName: "eth0"},
				{ContainerID: "c2", IfName: `"`}}},
			`{"cniVersion":"1.0.0","name":"web","type":"x",` +
				`"cni.dev/valid-attachments":[{"containerID":"c1","ifname":"eth0"},{"containerID":"c2","ifname":"\""}],` +
				`"cni.dev/attachments":[{"containerID":"c1","ifname":"eth0"},{"containerID":"c2","ifname":"\""}]}`},
		{"no valid attachments", `{"type":"x"}`, Input{ValidAttachments: &[]spec.AttachmentID{}},
			`{"cniVersion":"1.0.0","name":"web","type":"x","cni.dev/valid-attachments":[],"cni.dev/attachments":[]}`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			list := mustParse(t, `{"cniVersion":"1.0.0","name":"web","plugins":[{"type":"first"},`+
				test.plugin+`]}`)
			got, err := list.Derive(1, test.in)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, string(got)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if !jsontext.Value(got).IsValid() {
				t.Errorf("%s is not valid", got)
			}
		})
	}
}

func TestDeriveOfASinglePlugin(t *testing.T) {
	list := mustParse(t, `{"type":"bridge","mtu":1400,"name":"web","bridge":"cni0"}`)
	got, err := list.Derive(0, Input{})
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"cniVersion":"0.2.0","name":"web","type":"bridge","mtu":1400,"bridge":"cni0"}`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestDeriveRefuses(t *testing.T) {
	list := mustParse(t, `{"name":"web","plugins":[{"type":"x"}]}`)
	for _, i := range []int{-1, 1} {
		if got, err := list.Derive(i, Input{}); err == nil {
			t.Errorf("plugin %d: got %s", i, got)
		}
	}
	if got, err := list.Derive(0, Input{PrevResult: []byte("null")}); err == nil {
		t.Errorf("a previous result of null: got %s", got)
	}
}

// FuzzDerive checks, for any configuration, that a plugin reads what the runtime writes and that no
// other key is lost.
func FuzzDerive(f *testing.F) {
	f.Add([]byte(`{"type":"bridge","capabilities":{"mac":true},"x":1}`),
		[]byte(`{"cniVersion":"1.0.0"}`), "mac", []byte(`"0e:00:00:00:00:01"`))
	f.Fuzz(func(t *testing.T, config, prevResult []byte, capability string, arg []byte) {
		list, err := Parse([]byte(`{"cniVersion":"1.0.0","name":"web","plugins":[` + string(config) +
			`]}`))
		if err != nil || list.Name != "web" || len(list.Plugins) != 1 ||
			!jsontext.Value(prevResult).IsValid() || !jsontext.Value(arg).IsValid() {
			return
		}
		in := Input{CapabilityArgs: map[string]jsontext.Value{capability: jsontext.Value(arg)}}
		if jsontext.Value(prevResult).Kind() == '{' {
			in.PrevResult = prevResult
		}
		derived, err := list.Derive(0, in)
		if err != nil {
			t.Fatal(err)
		}
		if !jsontext.Value(derived).IsValid() {
			t.Fatalf("%q is not valid", derived)
		}
		checkDerived(t, list, in, capability, derived)
		again, err := parse(derived, listOrPlugin)
		if again != nil && !again.single {
			return // it has a key "plugins" of its own
		}
		if err != nil {
			t.Fatal(err)
		}
		stable, err := again.Derive(0, in)
		if err != nil {
			t.Fatal(err)
		}
		if list.Plugins[0].enabled == nil && string(stable) != string(derived) {
			t.Fatalf("derived again: %s\nfirst: %s", stable, derived)
		}
	})
}

// checkDerived reads a request as plugins do: with encoding/json, which ignores the case of keys
// and uses the last one.
func checkDerived(t *testing.T, list *List, in Input, capability string, derived []byte) {
	t.Helper()
	var read struct {
		Name          string
		CNIVersion    string
		Type          string
		Capabilities  any
		RuntimeConfig map[string]json.RawMessage
		PrevResult    json.RawMessage
	}
	if err := json.Unmarshal(derived, &read); err != nil &&
		!strings.Contains(err.Error(), "untimeConfig") {
		t.Fatalf("%s: %v", derived, err)
	}
	if read.Name != "web" || read.CNIVersion != list.CNIVersion || read.Type != list.Plugins[0].Type ||
		read.Capabilities != nil {
		t.Fatalf("%s is read as %+v", derived, read)
	}
	if in.PrevResult != nil && string(read.PrevResult) != strings.TrimSpace(string(in.PrevResult)) {
		t.Fatalf("%s: prevResult is read as %s", derived, read.PrevResult)
	}
	if list.Plugins[0].Capabilities[capability] {
		if got := string(read.RuntimeConfig[capability]); got != strings.TrimSpace(
			string(in.CapabilityArgs[capability])) {
			t.Fatalf("%s: %s is read as %s", derived, capability, got)
		}
	}
}

// FuzzParseConfig checks that a text is refused with a kind, or is a usable list that does not
// change when it is parsed again.
func FuzzParseConfig(f *testing.F) {
	f.Add(
		[]byte(
			`{"cniVersion":"1.0.0","name":"web","plugins":[{"type":"bridge","ipam":{"type":"host-local"}}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		list, err := Parse(data)
		if err != nil {
			if err.Error() == "" {
				t.Fatal("refused without a word")
			}
			return
		}
		if ValidateNetworkName(list.Name) != nil || list.CNIVersion == "" || len(list.Plugins) == 0 {
			t.Fatalf("%q is %+v", data, list)
		}
		again := mustParse(t, string(list.Raw))
		if diff := cmp.Diff(describe(list), describe(again)); diff != "" {
			t.Fatalf("%s (-first +again)\n%s", list.Raw, diff)
		}
		for i := range list.Plugins {
			first, err := list.Derive(i, Input{})
			if err != nil {
				t.Fatal(err)
			}
			second, err := again.Derive(i, Input{})
			if err != nil {
				t.Fatal(err)
			}
			if string(first) != string(second) || !jsontext.Value(first).IsValid() {
				t.Fatalf("%s\nbecomes %s\nand     %s", data, first, second)
			}
		}
	})
}

func BenchmarkParse(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		mustParse(b, benchmarkList)
	}
}

func BenchmarkDerive(b *testing.B) {
	list := mustParse(b, benchmarkList)
	in := Input{PrevResult: []byte(`{"cniVersion":"1.0.0","ips":[{"address":"10.0.0.2/24"}]}`),
		CapabilityArgs: map[string]jsontext.Value{"portMappings": jsontext.Value(
			`[{"hostPort":80,"containerPort":80}]`)}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := list.Derive(1, in); err != nil {
			b.Fatal(err)
		}
	}
}

const benchmarkList = `{"cniVersion":"1.0.0","name":"web","plugins":[
	{"type":"bridge","bridge":"cni0","isGateway":true,"ipMasq":true,"ipam":{"type":"host-local","ranges":[[{"subnet":"10.0.0.0/24"}]],"routes":[{"dst":"0.0.0.0/0"}]}},
	{"type":"portmap","capabilities":{"portMappings":true},"snat":true},{"type":"firewall"}]}`
