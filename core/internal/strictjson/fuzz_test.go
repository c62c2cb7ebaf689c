package strictjson

import (
	"bytes"
	"errors"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/libcni/libcni/core/internal/fault"
)

// FuzzRequest: whatever the text, it is taken or refused with a kind and a message; what is taken
// is valid JSON without repeated keys, and raw values are the bytes that were written.
func FuzzRequest(f *testing.F) {
	f.Add(
		[]byte(`{"network":"web","containerId":"c1","netns":"/run/netns/c1","options":{"timeoutMs":0}}`))
	var d Decoder // one for all: nothing of a text may be left when the next is read
	f.Fuzz(func(t *testing.T, data []byte) {
		given := bytes.Clone(data)
		var got request
		err := d.Decode(data, got.fields(), &got.Options.IgnoreUnknown)
		if !bytes.Equal(given, data) {
			t.Fatalf("the request was changed to %q", data)
		}
		if err != nil {
			var e *fault.Error
			if !errors.As(err, &e) || e.Kind != fault.KindInvalidRequest || e.Msg == "" {
				t.Fatalf("not an invalid-request: %#v", err)
			}
			return
		}
		if !jsontext.Value(data).IsValid() {
			t.Fatalf("took %q", data)
		}
		if got.Network != nil && !bytes.Contains(data, got.Network) {
			t.Fatalf("network is %q, which is not part of %q", got.Network, data)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	text := []byte(
		`{"network":{"cniVersion":"1.0.0","name":"n","plugins":[{"type":"bridge","ipam":{"type":"host-local","ranges":[[{"subnet":"10.0.0.0/24"}]]}}]},
		"containerId":"c1","netns":"/run/netns/c1","values":{"portMappings":[{"hostPort":80,"containerPort":80}]},
		"options":{"confDir":"/etc/cni/net.d","pluginDirs":["/opt/cni/bin"],"timeoutMs":1000}}`)
	var d Decoder
	b.ReportAllocs()
	for b.Loop() {
		var got request
		if err := d.Decode(text, got.fields(), &got.Options.IgnoreUnknown); err != nil {
			b.Fatal(err)
		}
	}
}
