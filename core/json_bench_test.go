package core

import (
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/strictjson"
)

func BenchmarkReadRequest(b *testing.B) {
	text := []byte(
		`{"network":"web","containerId":"c1","netns":"/run/netns/c1","ifName":"eth0","args":{"K":"V"},
		"capabilityArgs":{"portMappings":[{"hostPort":8080,"containerPort":80}]},
		"options":{"confDir":"/etc/cni/net.d","pluginDirs":["/opt/cni/bin"],"timeoutMs":1000}}`)
	var decoder strictjson.Decoder
	b.ReportAllocs()
	for b.Loop() {
		r := new(AddRequest)
		if err := decoder.Decode(text, r.fields(), r.ignoreUnknown()); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkWriteAnswer(b *testing.B) {
	answer := &AttachmentsAnswer{AsOf: "now", Attachments: []Attachment{{
		Network: "web", ContainerID: "c1", IfName: "eth0", Netns: "/run/netns/c1", Owner: "libcni",
		State:  "attached",
		Args:   [][2]string{{"K", "V"}},
		Result: jsontext.Value(`{"cniVersion":"1.1.0","ips":[{"address":"10.1.0.2/16"}]}`),
	}}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := encode(answer); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkWriteError(b *testing.B) {
	err := fault.New(fault.KindPluginFailed, nil, "no address left")
	err.CNIVersion, err.Command, err.Plugin = "1.1.0", "ADD", &fault.Plugin{Type: "bridge",
		Builtin: true}
	b.ReportAllocs()
	for b.Loop() {
		if _, failed := encodeError(err); failed != nil {
			b.Fatal(failed)
		}
	}
}
