package core

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/libcni/libcni/core/internal/builtin"
	"github.com/libcni/libcni/core/internal/host/netns/netnstest"
)

// Each request is refused before any change, with a message that names the key and states what to
// do.
func TestBadRequestsAreRefused(t *testing.T) {
	h := newTestHost(t)
	ns := netnstest.New(t)
	file := filepath.Join(h.dir, "file")
	h.overwrite("file", "not a namespace")
	network := h.bridgeNet("web")
	with := func(key string, value any) object {
		request := object{"network": network, "containerId": "c1", "netns": ns}
		if value == nil {
			delete(request, key)
		} else {
			request[key] = value
		}
		return request
	}
	tests := []struct {
		name    string
		request object
		kind    string
		msg     string
	}{
		{"no container id", with("containerId", nil), "invalid-request", "containerId"},
		{"container id with a slash", with("containerId", "a/b"), "invalid-request", "containerId"},
		{"container id with dots only", with("containerId", ".."), "invalid-request", "containerId"},
		{"container id with NUL", with("containerId", "a\x00b"), "invalid-request", "containerId"},
		{"container id with a space", with("containerId", "a b"), "invalid-request", "containerId"},
		{"container id too long for a file name", with("containerId", strings.Repeat("x", 300)),
			"invalid-request", "240"},
		{"interface name with a slash", with("ifName", "a/b"), "invalid-request", "ifName"},
		{"interface name with a space", with("ifName", "a b"), "invalid-request", "ifName"},
		{"interface name too long", with("ifName", "sixteen-letters-"), "invalid-request", "ifName"},
		{"interface name all", with("ifName", "all"), "invalid-request", "ifName"},
		{"interface name ..", with("ifName", ".."), "invalid-request", "ifName"},
		{"no namespace", with("netns", nil), "invalid-request", "netns"},
		{"missing namespace", with("netns", "/nowhere"), "namespace-not-found", "/nowhere"},
		{"namespace below a file", with("netns", "/etc/passwd/ns"), "namespace-not-found",
			"/etc/passwd/ns"},
		{"a file that is not a namespace", with("netns", file), "not-a-namespace", file},
		{"a namespace of another kind", with("netns", "/proc/self/ns/mnt"), "not-a-namespace",
			"/ns/mnt is not a network namespace"},
		{"the caller's own namespace", with("netns", "/proc/thread-self/ns/net"), "not-a-namespace",
			"own"},
		{"no network", with("network", nil), "invalid-request", "network"},
		{"a path as network", with("network", "/etc/cni/net.d/a.conflist"), "invalid-request",
			"networkFile"},
		{"JSON text as network", with("network", "{}"), "invalid-request", "object"},
		{"a number as network", with("network", 7), "invalid-request", "network"},
		{"unknown network", with("network", "nowhere"), "network-not-found", h.conf},
		{"a missing file as network", object{"networkFile": "/nowhere.conflist", "containerId": "c1",
			"netns": ns}, "network-not-found", "/nowhere.conflist"},
		{"network and networkFile", with("networkFile", "/nowhere"), "invalid-request", "exclude"},
		{"a mistyped key", with("containerid", "c1"), "invalid-request", "containerId"},
		{"a wrong type", with("containerId", 7), "invalid-request", "containerId"},
		{"a mistyped option", with("options", object{"timeoutms": 7}), "invalid-request", "timeoutMs"},
		{"a negative timeout", with("options", object{"timeoutMs": -1}), "invalid-request", "timeoutMs"},
		{"a timeout that overflows", with("options", object{"timeoutMs": 9223372036855}),
			"invalid-request", "9223372036854"},
		{"an unknown builtins mode", with("options", object{"builtins": "maybe"}), "invalid-request",
			"prefer"},
		{"args with a semicolon", with("args", object{"K": "a;b"}), "invalid-request", "args"},
		{"args with = in a key", with("args", []any{[]any{"a=b", "c"}}), "invalid-request", "args"},
		{"args with a number", with("args", object{"K": 1}), "invalid-request", "args"},
		{"plugin type with a slash", with("network",
			object{"cniVersion": "1.1.0", "name": "n",
				"plugins": []any{object{"type": "../x"}}}), "invalid-config", "type"},
		{"plugin that does not exist", with("network", object{"cniVersion": "1.1.0", "name": "n",
			"plugins": []any{object{"type": "nowhere"}}}), "plugin-not-found", h.plugins},
		{"network name with a slash", with("network",
			object{"cniVersion": "1.1.0", "name": "a/b",
				"plugins": []any{object{"type": "bridge"}}}), "invalid-config", "name"},
		{"unknown version", with("network", object{"cniVersion": "9.0.0", "name": "n",
			"plugins": []any{object{"type": "bridge"}}}), "invalid-config", "9.0.0"},
		{"no plugins", with("network", object{"cniVersion": "1.1.0", "name": "n", "plugins": []any{}}),
			"invalid-config", "plugins"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h.t = t
			e := h.fails(tt.kind, "add", tt.request)
			if !strings.Contains(e["msg"].(string), tt.msg) {
				t.Errorf("msg %q does not mention %q", e["msg"], tt.msg)
			}
			if got := links(t) + linksIn(t, ns) + h.leases("web") + h.stateFiles(); got != "" {
				t.Errorf("changed: %s", got)
			}
		})
	}
}

func TestUnknownMethodNamesTheKnownOnes(t *testing.T) {
	rc, response := New(Options{}).Call(t.Context(), Caller{}, "ad", []byte(`{}`))
	if rc >= 0 || !strings.Contains(string(response), "add, ") {
		t.Errorf("rc %d: %s", rc, response)
	}
}

func TestUnknownKeysPassWhenAskedTo(t *testing.T) {
	h := newTestHost(t)
	h.must("networks", object{"x-mine": 1})
	h.must("networks", object{"wanted": 1, "options": object{"ignoreUnknown": true}})
	h.fails("invalid-request", "networks", object{"wanted": 1})
}

func TestFullRangeAndReadOnlyState(t *testing.T) {
	h := newTestHost(t)
	network := h.bridgeNet("web")
	ipam := network["plugins"].([]any)[0].(object)["ipam"].(object)
	ipam["ranges"] = []any{[]any{object{"subnet": "10.88.0.0/30"}}}
	h.attach(network, "c1", "libcni")
	ns := netnstest.New(t)
	e := h.fails("plugin-failed", "add", object{"network": network, "containerId": "c2", "netns": ns})
	if e["rolledBack"] != true || e["plugin"].(object)["type"] != "host-local" {
		t.Errorf("full range: %v", e)
	}
	if rc, e := h.call("status", object{"network": network}); rc != 50 {
		t.Errorf("status of a full range: rc %d, %v", rc, e)
	}
	if got := linksIn(t, ns); got != "" {
		t.Errorf("left behind: %s", got)
	}
	h.overwrite("flat", "")
	h.fails("state", "add", object{"network": network, "containerId": "c2", "netns": ns,
		"options": object{"cacheDir": h.dir + "/flat"}})
}

func TestNetworksPluginsValidateConvert(t *testing.T) {
	h := newTestHost(t)
	h.recorder("meta")
	network := h.bridgeNet("web", object{"type": "meta",
		"capabilities": object{"portMappings": true, "mac": false}})
	data, err := json.Marshal(network)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{"10-web.conflist": string(data),
		"20-bad.conflist": "{", "30-twin.conflist": string(data)} {
		if err := os.WriteFile(filepath.Join(h.conf, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	networks := h.must("networks", object{})
	if list := networks["networks"].([]any); len(list) != 1 || list[0].(object)["name"] != "web" {
		t.Errorf("networks: %v", networks)
	}
	if list := networks["errors"].([]any); len(list) != 2 {
		t.Errorf("errors: %v", networks["errors"])
	}
	valid := h.must("validate", object{"network": "web"})
	if list := valid["capabilities"].([]any); len(list) != 1 || list[0] != "portMappings" {
		t.Errorf("capabilities: %v", valid)
	}
	var types []string
	for _, p := range valid["plugins"].([]any) {
		types = append(types, p.(object)["type"].(string))
	}
	if got := strings.Join(types, " "); got != "bridge host-local meta" {
		t.Errorf("plugins: %s", got)
	}
	if info := h.must("plugin.info", object{"type": "meta"}); info["builtin"] != false ||
		len(info["supportedVersions"].([]any)) != 3 {
		t.Errorf("plugin.info: %v", info)
	}
	if list := h.must("plugins", object{})["plugins"].([]any); len(list) != len(builtin.Types())+1 {
		t.Errorf("plugins: %v", list)
	}
	old := h.must("convert", object{"cniVersion": "0.2.0",
		"result": object{"cniVersion": "1.1.0", "ips": []any{object{"address": "10.1.0.2/24"}}}})
	if old["ip4"].(object)["ip"] != "10.1.0.2/24" {
		t.Errorf("convert: %v", old)
	}
}
