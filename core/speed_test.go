package core

import (
	"context"
	"encoding/json"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/libcni/libcni/core/internal/host/netns/netnstest"
)

// chain returns a request with the first plugins of the full chain: bridge with masquerade and
// host-local, portmap, firewall.
func chain(dir, netns string, plugins int) []byte {
	list := []any{
		object{"type": "bridge", "bridge": "speed0", "isGateway": true, "ipMasq": plugins > 1,
			"ipMasqBackend": "nftables", "ipam": object{
				"type": "host-local", "dataDir": filepath.Join(dir, "leases"),
				"ranges": []any{[]any{object{"subnet": "10.89.0.0/16"}}},
				"routes": []any{object{"dst": "0.0.0.0/0"}}}},
		object{"type": "portmap", "capabilities": object{"portMappings": true}},
		object{"type": "firewall"},
	}
	data, err := json.Marshal(object{
		"containerId": "c1", "netns": netns,
		"capabilityArgs": object{"portMappings": []any{object{"hostPort": 8080, "containerPort": 80,
			"protocol": "tcp"}}},
		"network": object{"cniVersion": "1.1.0", "name": "speed", "plugins": list[:plugins]},
		"options": object{"cacheDir": filepath.Join(dir, "cache"),
			"stateDir": filepath.Join(dir, "run"), "builtins": "only"},
	})
	if err != nil {
		panic(err) // strings and numbers can be encoded
	}
	return data
}

// The limits leave room for variations of maps and buffers. A commit that raises one states the
// reason.
func TestAllocationsOfAnAddAndADel(t *testing.T) {
	for _, c := range []struct {
		name           string
		plugins, limit int
	}{{"bridge", 1, 1110}, {"chain", 3, 5300}} {
		t.Run(c.name, func(t *testing.T) {
			netnstest.Host(t)
			request := chain(t.TempDir(), netnstest.New(t), c.plugins)
			engine := New(Options{})
			got := testing.AllocsPerRun(5, func() {
				for _, method := range []string{"add", "del"} {
					if rc, answer := engine.Call(context.Background(), Caller{}, method, request); rc != 0 {
						t.Fatalf("%s: %d %s", method, rc, answer)
					}
				}
			})
			if got > float64(c.limit) || got < float64(c.limit)/4 {
				t.Errorf("%.0f allocations, limit %d, and at least a quarter of that", got, c.limit)
			}
		})
	}
}

// After a DEL, up to eight goroutines wait for the kernel to remove links, and up to four threads
// are kept.
func TestCallsLeaveNoGoroutines(t *testing.T) {
	netnstest.Host(t)
	request := chain(t.TempDir(), netnstest.New(t), 3)
	engine := New(Options{})
	const calls, waiting = 50, 8 + 4
	before := runtime.NumGoroutine()
	for range calls {
		for _, method := range []string{"add", "del"} {
			if rc, answer := engine.Call(context.Background(), Caller{}, method, request); rc != 0 {
				t.Fatalf("%s: %d %s", method, rc, answer)
			}
		}
	}
	if after := runtime.NumGoroutine(); after > before+waiting {
		t.Errorf("%d goroutines after %d ADD and DEL, %d before", after, calls, before)
	}
}

func BenchmarkAddDel(b *testing.B) {
	for _, c := range []struct {
		name    string
		plugins int
	}{{"bridge", 1}, {"chain", 3}} {
		b.Run(c.name, func(b *testing.B) {
			netnstest.Host(b)
			request := chain(b.TempDir(), netnstest.New(b), c.plugins)
			engine := New(Options{})
			b.ReportAllocs()
			for b.Loop() {
				for _, method := range []string{"add", "del"} {
					if rc, answer := engine.Call(context.Background(), Caller{}, method, request); rc != 0 {
						b.Fatalf("%s: %d %s", method, rc, answer)
					}
				}
			}
		})
	}
}
