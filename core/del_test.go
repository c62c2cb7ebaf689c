package core

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/libcni/libcni/core/internal/host/netns/netnstest"
	"github.com/libcni/libcni/core/internal/kit/kittest"
)

func TestDelWorksWhateverIsGone(t *testing.T) {
	type fixture struct {
		*testHost
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
		{"the network is only a name, and not in confDir",
			func(f *fixture) { f.request["network"] = "web" }},
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
		{"the cache entry is cut off", func(f *fixture) {
			f.overwrite("cache/results/web-c1-eth0", `{"kind":"cniCacheV1","conta`)
		}},
		{"the leases are gone", func(f *fixture) { f.remove("leases") }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := newTestHost(t)
			ns := netnstest.New(t)
			f := &fixture{h, ns, object{"network": h.bridgeNet("web"), "containerId": "c1", "netns": ns}}
			h.must("add", f.request)
			tt.damage(f)
			h.must("del", f.request)
			h.must("del", f.request)
			if got := links(t) + "|" + h.leases("web") + "|" + h.stateFiles(); got != "br-web||" {
				t.Errorf("left behind: %s", got)
			}
		})
	}
}

func (h *testHost) remove(name string) {
	h.t.Helper()
	if err := os.RemoveAll(filepath.Join(h.dir, name)); err != nil {
		h.t.Fatal(err)
	}
}

func (h *testHost) overwrite(name, content string) {
	h.t.Helper()
	if err := os.WriteFile(filepath.Join(h.dir, name), []byte(content), 0o600); err != nil {
		h.t.Fatal(err)
	}
}

// rewrite changes the content of a file.
func (h *testHost) rewrite(name string, change func(string) string) {
	h.t.Helper()
	data, err := os.ReadFile(filepath.Join(h.dir, name))
	if err != nil {
		h.t.Fatal(err)
	}
	changed := change(string(data))
	if changed == string(data) {
		h.t.Fatalf("%s has nothing to change: %s", name, data)
	}
	h.overwrite(name, changed)
}

func TestDelStopsAtAFailingPluginAndKeepsTheEntry(t *testing.T) {
	h := newTestHost(t)
	h.recorder("stubborn")
	ns := netnstest.New(t)
	add := object{"network": h.bridgeNet("web", object{"type": "stubborn", "fail": "DEL"}),
		"containerId": "c1", "netns": ns}
	h.must("add", add)
	e := h.fails("plugin-failed", "del", add)
	if e["plugin"].(object)["type"] != "stubborn" || e["code"] != 123.0 {
		t.Errorf("error: %v", e)
	}
	h.must("check", add)
	if h.leases("web") == "" {
		t.Error("the address was freed although a plugin after it failed")
	}
	add["force"] = true
	e = h.fails("plugin-failed", "del", add)
	if !strings.Contains(e["msg"].(string), "asked to fail") {
		t.Errorf("error: %v", e)
	}
	if got := linksIn(t, ns) + h.leases("web") + h.stateFiles(); got != "" {
		t.Errorf("left behind after force: %s", got)
	}
}

func TestDelGoesInReverseWithTheCachedResultAndCapabilityArgs(t *testing.T) {
	h := newTestHost(t)
	h.recorder("first")
	h.recorder("second")
	network := h.bridgeNet("web", object{"type": "first"},
		object{"type": "second", "capabilities": object{"portMappings": true}})
	h.must("add", object{
		"network": network, "containerId": "c1", "netns": netnstest.New(t),
		"capabilityArgs": object{"portMappings": []any{object{"hostPort": 8080, "containerPort": 80}}},
	})
	h.must("del", object{"containerId": "c1"})
	if got := strings.Join(h.recorded(), " "); got != "first.ADD second.ADD second.DEL first.DEL" {
		t.Errorf("requests: %s", got)
	}
	request, err := os.ReadFile(filepath.Join(h.dir, "record/2.second.DEL"))
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

func TestDelRemovesWhatARemovedPluginMade(t *testing.T) {
	h := newTestHost(t)
	h.recorder("first")
	h.recorder("second")
	ns := netnstest.New(t)
	h.must("add", object{"network": h.bridgeNet("web", object{"type": "first"},
		object{"type": "second"}), "containerId": "c1", "netns": ns})
	h.must("del", object{"network": h.bridgeNet("web", object{"type": "first"}), "containerId": "c1",
		"netns": ns})
	if got := strings.Join(h.recorded(), " "); got != "first.ADD second.ADD second.DEL first.DEL" {
		t.Errorf("requests: %s", got)
	}
}

func TestDelUsesTheImplementationThatAdded(t *testing.T) {
	h := newTestHost(t)
	h.recorder("loopback") // an executable, which builtins "fallback" would prefer
	ns := netnstest.New(t)
	network := object{"cniVersion": "1.1.0", "name": "lo",
		"plugins": []any{object{"type": "loopback"}}}
	h.must("add", object{"network": network, "containerId": "c1", "netns": ns, "ifName": "lo",
		"options": object{"builtins": "fallback"}})
	h.must("del", object{"containerId": "c1"})
	if got := strings.Join(h.recorded(), " "); got != "loopback.ADD loopback.DEL" {
		t.Errorf("requests to the executable: %s", got)
	}
}

func TestDelNeverEntersTheCallersOwnNamespace(t *testing.T) {
	h := newTestHost(t)
	h.fails("not-a-namespace", "del", object{"network": h.bridgeNet("web"), "containerId": "c1",
		"netns": "/proc/thread-self/ns/net"})
}

// When a DEL is repeated after its entry was removed, the path may lead to another container.
func TestRepeatedDelLeavesTheNewOwnerOfThePathAlone(t *testing.T) {
	for _, test := range []struct{ name, network, containerID string }{
		{"another container", "web", "new"},
		{"another network of the same container", "other", "old"},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := newTestHost(t)
			ns := netnstest.New(t)
			old := object{"network": h.bridgeNet("web"), "containerId": "old", "netns": ns}
			h.must("add", old)
			h.must("del", old)
			second := object{"network": h.bridgeNet(test.network), "containerId": test.containerID,
				"netns": ns}
			h.must("add", second)
			h.must("del", old)
			h.must("check", second)
		})
	}
}

// The link is removed at the same time as the rules of portmap and firewall, but not while a plugin
// process runs.
func TestDelRemovesTheLinkEarlyIfNoPluginNeedsIt(t *testing.T) {
	attached := func(t *testing.T, last object) (h *testHost, request object) {
		h = newTestHost(t)
		h.recorder("stubborn")
		ns := netnstest.New(t)
		request = object{"network": h.bridgeNet("web", object{"type": "firewall"}, last),
			"containerId": "c1", "netns": ns}
		h.must("add", request)
		return h, request
	}
	t.Run("a process fails", func(t *testing.T) {
		h, request := attached(t, object{"type": "stubborn", "fail": "DEL"})
		before := links(t)
		h.fails("plugin-failed", "del", request)
		if got := links(t); got != before {
			t.Errorf("links: %s, before %s", got, before)
		}
	})
	t.Run("a built-in fails", func(t *testing.T) {
		h, request := attached(t, object{"type": "portmap", "capabilities": object{"portMappings": true}})
		h.remove("run/locks/nft")
		if err := os.MkdirAll(filepath.Join(h.dir, "run/locks/nft"), 0o700); err != nil {
			t.Fatal(err)
		}
		h.fails("state", "del", request)
		if got := links(t) + "|" + h.leases("web"); got != "br-web|10.88.0.2" {
			t.Errorf("%s, want no link of the container, and the lease kept", got)
		}
		h.remove("run/locks/nft")
		h.must("del", request)
		if got := links(t) + "|" + h.leases("web") + "|" + h.stateFiles(); got != "br-web||" {
			t.Errorf("left behind: %s", got)
		}
	})
}

// The chain of iptables is the container's: interfaces of one network share it.
func TestDelOfWhatNeverWasLeavesTheContainersChain(t *testing.T) {
	for _, makes := range []object{{"type": "ptp"}, {"type": "bridge", "bridge": "br0",
		"isGateway": true}} {
		for _, lost := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, state lost: %v", makes["type"], lost), func(t *testing.T) {
				h := newTestHost(t)
				ns := netnstest.New(t)
				makes["ipMasq"], makes["ipMasqBackend"] = true, "iptables"
				makes["ipam"] = object{"type": "host-local", "dataDir": filepath.Join(h.dir, "leases"),
					"subnet": "10.88.0.0/24"}
				attachment := func(ifName string) object {
					return object{"network": object{"cniVersion": "1.1.0", "name": "web",
						"plugins": []any{makes}}, "containerId": "c1", "netns": ns, "ifName": ifName}
				}
				h.must("add", attachment("eth0"))
				made := kittest.Saved(t, "iptables-save")
				if lost {
					h.remove("cache")
				}
				never := attachment("eth1")
				if !lost {
					delete(never, "netns")
				}
				if answer := h.must("del", never); answer["found"] != false {
					t.Errorf("DEL: %v", answer)
				}
				kittest.Same(t, "rules", made, kittest.Saved(t, "iptables-save"))
				if !lost {
					h.must("check", attachment("eth0"))
				}
				h.must("del", attachment("eth0"))
				if left := kittest.Saved(t, "iptables-save"); strings.Contains(left, "10.88") ||
					regexp.MustCompile(`CNI-[0-9a-f]{24}`).MatchString(left) {
					t.Errorf("left:\n%s", left)
				}
			})
		}
	}
}
