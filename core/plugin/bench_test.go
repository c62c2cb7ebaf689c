package plugin_test

import (
	"testing"

	"github.com/libcni/libcni/core/plugin"
)

func BenchmarkConvert(b *testing.B) {
	const result = `{"cniVersion":"1.1.0","interfaces":[{"name":"cni0","mac":"0e:00:00:00:00:01"},{"name":"eth0","mac":"0e:00:00:00:00:02","sandbox":"/run/netns/c1"}],
		"ips":[{"interface":1,"address":"10.88.0.2/16","gateway":"10.88.0.1"}],"routes":[{"dst":"0.0.0.0/0"}],"dns":{}}`
	b.ReportAllocs()
	for b.Loop() {
		parsed, err := plugin.ParseResult([]byte(result), "1.1.0")
		if err != nil {
			b.Fatal(err)
		}
		if _, err := parsed.JSON("0.4.0"); err != nil {
			b.Fatal(err)
		}
	}
}
