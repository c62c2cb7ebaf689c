package attachments

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/libcni/libcni/core/plugin"
)

// tagged is document for encoding/json, which Go's libcni reads and writes its files with.
type tagged struct {
	Kind           string                    `json:"kind"`
	ContainerID    string                    `json:"containerId"`
	Config         []byte                    `json:"config"`
	IfName         string                    `json:"ifName"`
	NetworkName    string                    `json:"networkName"`
	Netns          string                    `json:"netns,omitempty"`
	Args           [][2]string               `json:"cniArgs,omitempty"`
	CapabilityArgs map[string]jsontext.Value `json:"capabilityArgs,omitempty"`
	Result         jsontext.Value            `json:"result,omitempty"`
	Ours           jsontext.Value            `json:"libcni,omitempty"`
}

type taggedOurs struct {
	Owner      string        `json:"owner"`
	CNIVersion string        `json:"cniVersion"`
	Created    time.Duration `json:"created"`
	BootID     string        `json:"bootId"`
	Cookie     uint64        `json:"netnsCookie"`
	Inode      uint64        `json:"netnsInode,omitempty"`
	HostIfName string        `json:"hostIfName,omitempty"`
	HostCookie uint64        `json:"hostNetnsCookie,omitempty"`
	MAC        string        `json:"mac,omitempty"`
	IfIndex    int           `json:"ifIndex,omitempty"`
	Plugins    []taggedRan   `json:"plugins,omitempty"`
}

type taggedRan struct {
	Type    string         `json:"type"`
	Builtin bool           `json:"builtin"`
	Path    string         `json:"path,omitempty"`
	Result  jsontext.Value `json:"result,omitempty"`
}

func marshal(v any) ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(v)
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), err
}

func encodeTagged(e *Entry) ([]byte, error) {
	if len(e.Result) > 0 && e.Result.Kind() != '{' {
		return nil, errors.New("the result is not a JSON object")
	}
	o := taggedOurs{
		Owner: e.Owner, CNIVersion: e.CNIVersion, Created: e.Created, BootID: e.BootID, Cookie: e.Cookie,
		HostIfName: e.HostIfName, HostCookie: e.HostCookie, Inode: e.Inode,
		MAC: e.MAC, IfIndex: e.IfIndex,
	}
	for _, ran := range e.Plugins {
		o.Plugins = append(o.Plugins, taggedRan(ran))
	}
	extra, err := marshal(o)
	if err != nil {
		return nil, err
	}
	return marshal(tagged{
		Kind: cacheKind, ContainerID: e.ContainerID, Config: e.Config, IfName: e.IfName,
		NetworkName: e.Network,
		Netns:       e.Netns, Args: e.Args, CapabilityArgs: e.CapabilityArgs, Result: e.Result,
		Ours: extra,
	})
}

// decodeTagged is decode for files that are not a bare result.
func decodeTagged(data []byte) (*Entry, error) {
	var d tagged
	if err := json.Unmarshal(data, &d); err != nil {
		return nil, err
	}
	if d.Kind == "" {
		return bareResult(data)
	}
	e := &Entry{
		Key: Key{Network: d.NetworkName, ContainerID: d.ContainerID, IfName: d.IfName}, Netns: d.Netns,
		Args: d.Args, CapabilityArgs: d.CapabilityArgs,
	}
	if err := e.Validate(); err != nil || d.Kind != cacheKind {
		return nil, fmt.Errorf("kind %q: %v", d.Kind, err)
	}
	switch d.Result.Kind() {
	case '{':
		e.Result = d.Result
	case 'n', 0:
	default:
		return nil, errors.New("the result is not a JSON object")
	}
	if json.Valid(d.Config) {
		e.Config = d.Config
	}
	var o taggedOurs
	if d.Ours.Kind() != '{' || json.Unmarshal(d.Ours, &o) != nil {
		e.ByGoLibcni = true
		e.CNIVersion = firstVersion(e.Config, e.Result)
		return e, nil
	}
	e.Owner, e.CNIVersion, e.Created, e.BootID, e.Cookie = o.Owner, o.CNIVersion, o.Created, o.BootID,
		o.Cookie
	e.HostIfName, e.HostCookie, e.Inode = o.HostIfName, o.HostCookie, o.Inode
	e.MAC, e.IfIndex = o.MAC, o.IfIndex
	if o.Plugins != nil {
		e.Plugins = []Ran{}
	}
	for _, ran := range o.Plugins {
		e.Plugins = append(e.Plugins, Ran(ran))
	}
	return e, nil
}

// whole is an entry with everything in it, of the size one has.
func whole() *Entry {
	return &Entry{
		Key: Key{"web", "c1", "eth0"}, Netns: "/run/netns/c1", Cookie: 1<<64 - 1, Owner: "me <&>",
		CNIVersion: "1.1.0", Created: 1<<62 + 1, BootID: "b",
		Config: jsontext.Value(
			`{"cniVersion":"1.1.0","name":"web","plugins":[{"type":"bridge","bridge":"b0","isGateway":true,"ipMasq":true,"ipam":{"type":"host-local","ranges":[[{"subnet":"10.80.0.0/16"}]],"routes":[{"dst":"0.0.0.0/0"}]}},{"type":"portmap","capabilities":{"portMappings":true}},{"type":"firewall"}]}`),
		Args: plugin.Args{{"K", "V"}, {"K", "<\"&\u2028ü\xff"}},
		CapabilityArgs: map[string]jsontext.Value{"portMappings": jsontext.Value(
			`[ {"hostPort":8080, "containerPort":1.50e2}]`), "a": nil,
			"<": jsontext.Value("\"\u2028<\\u003c\xff\"")},
		Result: jsontext.Value(
			`{"cniVersion":"1.1.0","interfaces":[{"name":"b0","mac":"0e:00:00:00:00:01"},{"name":"veth1","mac":"0e:00:00:00:00:03"},{"name":"eth0","mac":"0e:00:00:00:00:02","sandbox":"/run/netns/c1"}],"ips":[{"interface":2,"address":"10.80.0.2/16","gateway":"10.80.0.1"}],"routes":[{"dst":"0.0.0.0/0"}],"dns":{}, "dns":{}}`),
		HostIfName: "veth1", MAC: "0e:00:00:00:00:02", IfIndex: 2,
		Plugins: []Ran{{Type: "bridge", Builtin: true},
			{Type: "x", Path: "/opt/cni/bin/x", Result: jsontext.Value(` {"a" : 1} `)}},
	}
}

func TestFilesAreWrittenAsEncodingJSONDoes(t *testing.T) {
	for name, e := range map[string]*Entry{
		"whole": whole(),
		"bare":  {Key: Key{"web", "c1", "eth0"}},
		"empty": {Config: jsontext.Value{}, Args: plugin.Args{},
			CapabilityArgs: map[string]jsontext.Value{}, Result: jsontext.Value{}, Plugins: []Ran{}},
		"no JSON for a result": {Result: jsontext.Value(`{"a"`)},
		"no JSON for a capability's argument": {
			CapabilityArgs: map[string]jsontext.Value{"a": jsontext.Value("x")},
		},
		"nothing for a capability's argument": {CapabilityArgs: map[string]jsontext.Value{"a": {}}},
		"no JSON for a plugin's result":       {Plugins: []Ran{{Result: jsontext.Value("{}{}")}}},
	} {
		t.Run(name, func(t *testing.T) { compareEncoded(t, e) })
	}
}

func compareEncoded(t *testing.T, e *Entry) {
	t.Helper()
	want, wantErr := encodeTagged(e)
	got, err := encode(e)
	if (err == nil) != (wantErr == nil) {
		t.Fatalf("error %v, of encoding/json %v", err, wantErr)
	}
	if diff := cmp.Diff(string(want), string(got)); err == nil && diff != "" {
		t.Errorf("(-encoding/json +got)\n%s", diff)
	}
}

// files are contents of cache files.
func files(t testing.TB) []string {
	text, err := encode(whole())
	if err != nil {
		t.Fatal(err)
	}
	const head = `{"kind":"cniCacheV1","containerId":"c1","ifName":"eth0","networkName":"web"`
	found := []string{
		string(text), strings.ToUpper(string(text)), strings.Replace(string(text), "cniCacheV1",
			"cniCacheV2", 1), string(text[:len(text)/2]),
		head + `}`,
		head +
			`,"result":null,"config":null,"cniArgs":null,"capabilityArgs":null,"netns":null,"libcni":null}`,
		head + `,"result":[]}`, head + `,"config":"eyJ"}`, head + `,"config":"e30="}`,
		head + `,"config":"Int7"}`, head + `,"config":{}}`,
		head + `,"cniArgs":[["a"],["a","b","c"],[],null,[null,"x"]]}`, head + `,"cniArgs":[["a",5]]}`,
		head + `,"cniArgs":{}}`,
		head + `,"capabilityArgs":{"a":null,"b":[ 1 ],"a":{}}}`, head + `,"capabilityArgs":[]}`,
		head + `,"IFNAME":"eth1","ifName":"eth2"}`,
		head + `,"libcni":{}}`, head + `,"libcni":{"owner":5}}`, head + `,"libcni":{"created":1.5}}`,
		head + `,"libcni":{"netnsCookie":-1}}`,
		head + `,"libcni":{"plugins":[{"type":"a","Builtin":true,"result":null},{},null]}}`,
		head + `,"libcni":{"ifIndex":"2"}}`, head + `,"libcni":[]}`,
		head + `,"libcni":{"owner":"a"},"result":{"cniVersion":"1.0.0"}}`,
		head + `,"result":{"cniVersion":"1.0.0"}}`, head + `}{}`, head + `,}`,
		`{"cniVersion":"0.3.1","ips":[]}`, `{"ip4":null}`, `{"cniVersion":5}`, `{}`, `null`, `[]`, `5`,
		` `, "{\"kind\":\"\xff\"}", `{"kind":null,"ip6":{}}`,
	}
	paths, err := filepath.Glob("testdata/go-libcni/results/*")
	if err != nil || len(paths) == 0 {
		t.Fatalf("recorded files: %v, %v", paths, err)
	}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, string(data))
	}
	return found
}

func TestFilesAreReadAsEncodingJSONDoes(t *testing.T) {
	for _, text := range files(t) {
		t.Run(text[:min(len(text), 120)], func(t *testing.T) { compareDecoded(t, []byte(text)) })
	}
}

func compareDecoded(t *testing.T, data []byte) {
	want, wantErr := decodeTagged(data)
	got, err := decode(data)
	if (err == nil) != (wantErr == nil) {
		t.Fatalf("%q: error %v, of encoding/json %v", data, err, wantErr)
	}
	var key struct{ ContainerID, IfName, NetworkName string }
	keyErr := json.Unmarshal(data, &key)
	if gotKey, err := decodeKey(data); (err == nil) != (keyErr == nil) || err == nil &&
		gotKey != (Key{key.NetworkName, key.ContainerID, key.IfName}) {
		t.Fatalf("%q: key %+v, error %v; of encoding/json %+v, %v", data, gotKey, err, key, keyErr)
	}
	if err != nil {
		return
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("%q (-encoding/json +got)\n%s", data, diff)
	}
	compareEncoded(t, got)
}

// FuzzFormat holds decode and encode against encoding/json. It takes bytes as an array of numbers,
// which is refused, and reads over what a list left behind that was longer.
func FuzzFormat(f *testing.F) {
	for _, text := range files(f) {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		lower := bytes.ToLower(data)
		for _, name := range []string{"config", "cniargs", "plugins"} {
			if bytes.Count(lower, []byte(name)) > 1 || bytes.Contains(lower, []byte(`\u00`)) {
				return
			}
		}
		if _, rest, _ := bytes.Cut(lower, []byte("config")); bytes.HasPrefix(bytes.TrimLeft(rest,
			"\": \t\r\n"), []byte("[")) {
			return
		}
		compareDecoded(t, data)
	})
}

func BenchmarkFormat(b *testing.B) {
	text, err := encode(whole())
	if err != nil {
		b.Fatal(err)
	}
	for name, do := range map[string]func() error{
		"encode":               func() error { _, err := encode(whole()); return err },
		"encode/encoding/json": func() error { _, err := encodeTagged(whole()); return err },
		"decode":               func() error { _, err := decode(text); return err },
		"decode/encoding/json": func() error { _, err := decodeTagged(text); return err },
		"key":                  func() error { _, err := decodeKey(text); return err },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := do(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
