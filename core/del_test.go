package core

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/libcni/libcni/core/internal/host/netns/netnstest"
)

func TestDelWorksWhateverIsGone(t *testing.T) {
	type fixture struct {
		*bench
		ns      string
		request object
	}
	tests := []struct {
		name   string
		damage func(f *fixture)
	}{
		{"nothing", func(*fixture) {}},
		{"the network is left out", func(f *fixture) { delete(f.request, "network") }},
		{"only the container is named", func(f *fixture) { f.request = object{"containerId": "c1"} }},
		{"the network is only a name, and not in confDir", func(f *fixture) { f.request["network"] = "web" }},
		{"the namespace is gone", func(f *fixture) { f.must("netns.delete", object{"path": f.ns}) }},
		{"the namespace is gone and not named", func(f *fixture) {
			f.must("netns.delete", object{"path": f.ns})
			delete(f.request, "netns")
		}},
		{"the namespace's path is an ordinary file now", func(f *fixture) {
			f.must("netns.delete", object{"path": f.ns})
			if err := os.WriteFile(f.ns, nil, 0o644); err != nil {
				f.t.Fatal(err)
			}
			f.t.Cleanup(func() { os.Remove(f.ns) })
		}},
		{"the state directory is gone", func(f *fixture) { f.remove("run") }},
		{"the cache is gone", func(f *fixture) { f.remove("cache") }},
		{"the cache entry is empty", func(f *fixture) { f.overwrite("cache/results/web-c1-eth0", "") }},
		{"the cache entry is cut off", func(f *fixture) { f.overwrite("cache/results/web-c1-eth0", `{"kind":"cniCacheV1","conta`) }},
		{"the leases are gone", func(f *fixture) { f.remove("leases") }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t)
			ns := netnstest.New(t)
			f := &fixture{b, ns, object{"network": b.bridgeNet("web"), "containerId": "c1", "netns": ns}}
			b.must("add", f.request)
			tt.damage(f)
			b.must("del", f.request)
			b.must("del", f.request)
			if got := links(t) + "|" + b.leases("web") + "|" + b.stateFiles(); got != "br-web||" {
				t.Errorf("left behind: %s", got)
			}
		})
	}
}

func (b *bench) remove(name string) {
	b.t.Helper()
	if err := os.RemoveAll(filepath.Join(b.dir, name)); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) overwrite(name, content string) {
	b.t.Helper()
	if err := os.WriteFile(filepath.Join(b.dir, name), []byte(content), 0o600); err != nil {
		b.t.Fatal(err)
	}
}

// rewrite changes what is in a file.
func (b *bench) rewrite(name string, change func(string) string) {
	b.t.Helper()
	data, err := os.ReadFile(filepath.Join(b.dir, name))
	if err != nil {
		b.t.Fatal(err)
	}
	changed := change(string(data))
	if changed == string(data) {
		b.t.Fatalf("%s has nothing to change: %s", name, data)
	}
	b.overwrite(name, changed)
}

func TestDelStopsAtAFailingPluginAndKeepsTheEntry(t *testing.T) {
	b := newBench(t)
	b.recorder("stubborn")
	ns := netnstest.New(t)
	add := object{"network": b.bridgeNet("web", object{"type": "stubborn", "fail": "DEL"}), "containerId": "c1", "netns": ns}
	b.must("add", add)
	e := b.fails("plugin-failed", "del", add)
	if e["plugin"].(object)["type"] != "stubborn" || e["code"] != 123.0 {
		t.Errorf("error: %v", e)
	}
	b.must("check", add)
	if b.leases("web") == "" {
		t.Error("the address was freed although a plugin after it failed")
	}
	add["force"] = true
	e = b.fails("plugin-failed", "del", add)
	if !strings.Contains(e["msg"].(string), "told to fail") {
		t.Errorf("error: %v", e)
	}
	if got := linksIn(t, ns) + b.leases("web") + b.stateFiles(); got != "" {
		t.Errorf("left behind after force: %s", got)
	}
}

func TestDelGoesInReverseWithTheCachedResultAndCapabilityArgs(t *testing.T) {
	b := newBench(t)
	b.recorder("first")
	b.recorder("second")
	network := b.bridgeNet("web", object{"type": "first"}, object{"type": "second", "capabilities": object{"portMappings": true}})
	b.must("add", object{
		"network": network, "containerId": "c1", "netns": netnstest.New(t),
		"capabilityArgs": object{"portMappings": []any{object{"hostPort": 8080, "containerPort": 80}}},
	})
	b.must("del", object{"containerId": "c1"})
	if got := strings.Join(b.recorded(), " "); got != "first.ADD second.ADD second.DEL first.DEL" {
		t.Errorf("requests: %s", got)
	}
	request, err := os.ReadFile(filepath.Join(b.dir, "record/2.second.DEL"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"prevResult":{`, `"runtimeConfig":{"portMappings":[{`} {
		if !strings.Contains(string(request), want) {
			t.Errorf("the request to second lacks %s:\n%s", want, request)
		}
	}
	if strings.Contains(string(request), `"capabilities"`) {
		t.Errorf("capabilities was passed on:\n%s", request)
	}
}

func TestDelRemovesWhatALostPluginMade(t *testing.T) {
	b := newBench(t)
	b.recorder("first")
	b.recorder("second")
	ns := netnstest.New(t)
	b.must("add", object{"network": b.bridgeNet("web", object{"type": "first"}, object{"type": "second"}), "containerId": "c1", "netns": ns})
	b.must("del", object{"network": b.bridgeNet("web", object{"type": "first"}), "containerId": "c1", "netns": ns})
	if got := strings.Join(b.recorded(), " "); got != "first.ADD second.ADD second.DEL first.DEL" {
		t.Errorf("requests: %s", got)
	}
}

func TestDelUsesTheImplementationThatAdded(t *testing.T) {
	b := newBench(t)
	b.recorder("loopback") // an executable that would be preferred with builtins "fallback"
	ns := netnstest.New(t)
	network := object{"cniVersion": "1.1.0", "name": "lo", "plugins": []any{object{"type": "loopback"}}}
	b.must("add", object{"network": network, "containerId": "c1", "netns": ns, "ifName": "lo", "options": object{"builtins": "fallback"}})
	b.must("del", object{"containerId": "c1"})
	if got := strings.Join(b.recorded(), " "); got != "loopback.ADD loopback.DEL" {
		t.Errorf("requests to the executable: %s", got)
	}
}

func TestDelNeverEntersTheCallersOwnNamespace(t *testing.T) {
	b := newBench(t)
	b.fails("not-a-namespace", "del", object{"network": b.bridgeNet("web"), "containerId": "c1", "netns": "/proc/thread-self/ns/net"})
}

// The path of a DEL that is repeated, with the attachment forgotten, may lead to another container by then.
func TestRepeatedDelLeavesWhoeverHasThePathNow(t *testing.T) {
	for _, test := range []struct{ name, network, containerID string }{
		{"another container", "web", "new"},
		{"another network of the same container", "other", "old"},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := newBench(t)
			ns := netnstest.New(t)
			old := object{"network": b.bridgeNet("web"), "containerId": "old", "netns": ns}
			b.must("add", old)
			b.must("del", old)
			second := object{"network": b.bridgeNet(test.network), "containerId": test.containerID, "netns": ns}
			b.must("add", second)
			b.must("del", old)
			b.must("check", second)
		})
	}
}

// The link may go while the rules of portmap and firewall do. It may not while a plugin is at work that is a process.
func TestDelTakesTheLinkAwayWhenNobodyNeedsIt(t *testing.T) {
	attached := func(t *testing.T, last object) (b *bench, request object) {
		b = newBench(t)
		b.recorder("stubborn")
		ns := netnstest.New(t)
		request = object{"network": b.bridgeNet("web", object{"type": "firewall"}, last), "containerId": "c1", "netns": ns}
		b.must("add", request)
		return b, request
	}
	t.Run("a process fails", func(t *testing.T) {
		b, request := attached(t, object{"type": "stubborn", "fail": "DEL"})
		before := links(t)
		b.fails("plugin-failed", "del", request)
		if got := links(t); got != before {
			t.Errorf("links: %s, before %s", got, before)
		}
	})
	t.Run("a built-in fails", func(t *testing.T) {
		b, request := attached(t, object{"type": "portmap", "capabilities": object{"portMappings": true}})
		b.remove("run/locks/nft")
		if err := os.MkdirAll(filepath.Join(b.dir, "run/locks/nft"), 0o700); err != nil {
			t.Fatal(err)
		}
		b.fails("state", "del", request)
		if got := links(t) + "|" + b.leases("web"); got != "br-web|10.88.0.2" {
			t.Errorf("%s, want no link of the container, and the lease kept", got)
		}
		b.remove("run/locks/nft")
		b.must("del", request)
		if got := links(t) + "|" + b.leases("web") + "|" + b.stateFiles(); got != "br-web||" {
			t.Errorf("left behind: %s", got)
		}
	})
}
