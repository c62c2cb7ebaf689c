package core

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/libcni/libcni/core/internal/host/netns/netnstest"
	"github.com/libcni/libcni/core/internal/kit/kittest"
)

// only limits a recorder to one version of the specification.
func (h *testHost) only(pluginType, version string) {
	h.t.Helper()
	h.recorder(pluginType)
	kittest.Must(h.t, os.WriteFile(filepath.Join(h.plugins, pluginType+".only"), []byte(version),
		0o644))
}

// versions lists the versions of the requests of a command, in order.
func (h *testHost) versions(command string) string {
	h.t.Helper()
	var versions []string
	for n, name := range h.recorded() {
		if strings.HasSuffix(name, "."+command) {
			request := h.request(fmt.Sprintf("%d.%s", n, name))
			versions = append(versions, request["cniVersion"].(string))
		}
	}
	return strings.Join(versions, " ")
}

// A plugin that does not know the version of the network is run with a version that all know, by
// every verb, with and without memory of the ADD.
func TestEveryVerbNegotiatesTheVersion(t *testing.T) {
	h := newTestHost(t)
	h.only("old", "0.4.0")
	network := object{"cniVersion": "1.1.0", "name": "web", "plugins": []any{object{"type": "old"}}}
	ns := netnstest.New(t)
	attachment := object{"network": network, "containerId": "c1", "netns": ns}
	asOf := func() any { return h.must("attachments", object{})["asOf"] }
	gc := func(valid ...any) object {
		return object{"network": network, "validAttachments": append([]any{}, valid...), "asOf": asOf()}
	}

	for _, step := range []struct {
		name, verb string
		request    object
	}{
		{"validate", "validate", object{"network": network}},
		{"status", "status", object{"network": network}},
		{"add", "add", attachment},
		{"check", "check", attachment},
		{"gc", "gc", gc(object{"containerId": "c1"})},
		{"del", "del", attachment},
		{"second del", "del", attachment},
		{"del of an unknown container", "del", object{"network": network, "containerId": "c9"}},
		{"forced del", "del", object{"network": network, "containerId": "c1", "force": true}},
	} {
		if rc, e := h.call(step.verb, step.request); rc != 0 {
			t.Errorf("%s: rc %d: %v", step.name, rc, e)
		}
	}
	for command, want := range map[string]string{
		// DEL of what is attached, three without memory, each refused and repeated.
		"ADD": "1.1.0 0.4.0", "CHECK": "0.4.0", "DEL": "0.4.0 1.1.0 0.4.0 1.1.0 0.4.0 1.1.0 0.4.0",
	} {
		if got := h.versions(command); got != want {
			t.Errorf("%s was sent in %s, want %s", command, got, want)
		}
	}
}

// What cannot be negotiated is refused by every verb but DEL, which removes what it can.
func TestPluginsWithoutASharedVersion(t *testing.T) {
	h := newTestHost(t)
	h.only("old", "0.4.0")
	network := object{"cniVersion": "1.0.0", "name": "web",
		"plugins": []any{object{"type": "old"}, object{"type": "ancient"}}}
	h.only("ancient", "0.2.0")
	for _, plugin := range []string{"old", "ancient"} {
		path := filepath.Join(h.plugins, plugin)
		script, err := os.ReadFile(path)
		kittest.Must(t, err)
		alone := strings.ReplaceAll(string(script), `\"0.3.1\",`, "")
		kittest.Must(t, os.WriteFile(path, []byte(alone), 0o755))
	}

	request := object{"network": network, "containerId": "c1", "netns": netnstest.New(t)}
	e := h.fails("unsupported", "validate", object{"network": network})
	if msg := e["msg"].(string); !strings.Contains(msg, "old knows 0.4.0") ||
		!strings.Contains(msg, "ancient knows") {
		t.Errorf("validate: %s", msg)
	}
	h.fails("plugin-failed", "add", request)
	h.must("del", request)
}

// CHECK does not exist before 0.4.0.
func TestCheckOfPluginsThatAreTooOld(t *testing.T) {
	h := newTestHost(t)
	h.only("old", "0.3.1")
	request := object{"containerId": "c1", "netns": netnstest.New(t), "network": object{
		"cniVersion": "1.0.0", "name": "web", "plugins": []any{object{"type": "old"}}}}
	h.must("add", request)
	if e := h.fails("unsupported", "check", request); !strings.Contains(e["msg"].(string), "0.3.1") {
		t.Errorf("check: %v", e)
	}
	h.must("del", request)
}

// What Go's libcni attached is handled in the version that it used: the highest of cniVersions.
func TestAttachmentsOfGoLibcniKeepTheirVersion(t *testing.T) {
	const versions = `"cniVersion":"0.4.0","cniVersions":["0.4.0","1.0.0"]`
	config := `{` + versions + `,"name":"web","plugins":[{"type":"any"}]}`
	entry := `{"kind":"cniCacheV1","containerId":"c1","ifName":"eth0","networkName":"web",` +
		`"config":"` + base64.StdEncoding.EncodeToString([]byte(config)) + `","result":{"cniVersion":"1.0.0"}}`
	for _, test := range []struct{ name, cached, network, want string }{
		{"an entry", entry, `"web"`, "1.0.0"},
		{"an entry, and its configuration", entry, config, "1.0.0"},
		{"a bare result", `{"cniVersion":"0.3.1","ips":[]}`, config, "1.0.0"},
		{"a bare result of 0.1.0", `{"ip4":{"ip":"10.0.0.2/24"}}`, config, "1.0.0"},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := newTestHost(t)
			h.recorder("any")
			results := filepath.Join(h.dir, "cache/results")
			kittest.Must(t, os.MkdirAll(results, 0o755))
			kittest.Must(t, os.WriteFile(filepath.Join(results, "web-c1-eth0"), []byte(test.cached),
				0o600))
			request := object{"network": json.RawMessage(test.network), "containerId": "c1",
				"netns": netnstest.New(t)}
			h.must("check", request)
			h.must("del", request)
			if got := h.versions("CHECK") + " " + h.versions("DEL"); got != test.want+" "+test.want {
				t.Errorf("CHECK and DEL in %s, want %s", got, test.want)
			}
		})
	}
}
