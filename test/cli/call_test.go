package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// answer is what cni call prints.
type answer struct {
	RC       int
	Response map[string]any
}

func (h *host) call(method, request string) answer {
	h.T.Helper()
	o := h.start(request, []string{"call", method})
	if o.code != 0 || o.err != "" || strings.Count(o.out, "\n") != 1 {
		h.T.Fatalf("call %s: %+v", method, o)
	}
	var a answer
	decode(h.T, o.out, &a)
	return a
}

func TestCallServesTheAPI(t *testing.T) {
	h := newHost(t)
	h.bridge("web", "10.77.9.0/24", "", "")
	ns := h.Path("blue")
	t.Cleanup(func() { h.run("netns", "delete", ns) })
	options := fmt.Sprintf(`"options":{"confDir":%q,"cacheDir":%q,"stateDir":%q}`, h.Path("conf"),
		h.Path("cache"), h.Path("state"))
	attachment := fmt.Sprintf(`{"network":"web","containerId":"c1","netns":%q,%s}`, ns, options)
	must := func(method, request string) map[string]any {
		t.Helper()
		a := h.call(method, request)
		if a.RC != 0 {
			t.Fatalf("%s: %+v", method, a)
		}
		return a.Response
	}
	if got := must("netns.create", fmt.Sprintf(`{"path":%q}`, ns)); got["path"] != ns {
		t.Errorf("netns.create: %v", got)
	}
	if got := must("add", attachment); got["cniVersion"] != "1.1.0" {
		t.Errorf("add: %v", got)
	}
	must("check", attachment)
	if got := must("attachments", "{"+options+"}"); len(got["attachments"].([]any)) != 1 {
		t.Errorf("attachments: %v", got)
	}
	if got := must("del", attachment); got["found"] != true {
		t.Errorf("del: %v", got)
	}
	must("netns.delete", fmt.Sprintf(`{"path":%q}`, ns))
}

func TestCallAnswersErrorsWithStatusZero(t *testing.T) {
	h := newHost(t)
	const einval, enoent = -22, -2
	for _, test := range []struct {
		name, method, request, kind string
		rc                          int
	}{
		{"no request", "networks", "", "invalid-request", einval},
		{"not JSON", "networks", "{", "invalid-request", einval},
		{"not an object", "networks", "[]", "invalid-request", einval},
		{"not UTF-8", "networks", "{\"network\":\"\xff\"}", "invalid-request", einval},
		{"duplicate key", "networks", `{"network":"a","network":"b"}`, "invalid-request", einval},
		{"unknown key", "networks", `{"netwrok":"a"}`, "invalid-request", einval},
		{"wrong type", "networks", `{"options":{"confDir":1}}`, "invalid-request", einval},
		{
			"more than 16 MiB", "networks", `{"x-":"` + strings.Repeat("x", 16<<20) + `"}`,
			"invalid-request", einval,
		},
		{"no such method", "attach.everything", "{}", "invalid-request", einval},
		{
			"no such network", "status",
			fmt.Sprintf(`{"network":"nosuch","options":{"confDir":%q}}`, h.Path("conf")),
			"network-not-found", enoent,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := h.call(test.method, test.request)
			if a.RC != test.rc || a.Response["kind"] != test.kind || a.Response["msg"] == "" {
				t.Errorf("%+v, want return value %d and kind %s", a, test.rc, test.kind)
			}
		})
	}
}

func TestDescribeIsTheDescription(t *testing.T) {
	h := newHost(t)
	file, err := os.ReadFile("../../api/cni.api.json")
	if err != nil {
		t.Fatal(err)
	}
	var want map[string]any
	decode(t, string(file), &want)
	if diff := cmp.Diff(want, h.call("describe", "").Response); diff != "" {
		t.Errorf("describe (-want +got):\n%s", diff)
	}
	version := h.call("version", "").Response
	if version["version"] != want["version"] || version["abiVersion"] != want["abi"] {
		t.Errorf("version %v of a library %v, ABI %v", version, want["version"], want["abi"])
	}
	if out := h.ok(
		"version"); !strings.HasPrefix(out,
		fmt.Sprintf("cni %s\nABI %v\n", want["version"], want["abi"])) ||
		!strings.Contains(out, "1.1.0") {
		t.Errorf("version: %s", out)
	}
}

func TestVerbsPrintTheAPIsAnswerAsJSON(t *testing.T) {
	h := newHost(t)
	h.bridge("web", "10.77.10.0/24", "", "")
	options := fmt.Sprintf(`"options":{"confDir":%q,"pluginDirs":[%q],"cacheDir":%q,"stateDir":%q}`,
		h.Path("conf"), h.Path("plugins"), h.Path("cache"), h.Path("state"))
	for _, test := range []struct {
		method, request string
		args            []string
	}{
		{"networks", "", []string{"networks"}},
		{"validate", `"network":"web",`, []string{"validate", "web"}},
		{"plugins", "", []string{"plugins"}},
		{"plugin.info", `"type":"bridge",`, []string{"plugin", "bridge"}},
		{"status", `"network":"web",`, []string{"status", "web"}},
	} {
		var got map[string]any
		decode(t, h.ok(append(test.args, "--json")...), &got)
		if diff := cmp.Diff(h.call(test.method, "{"+test.request+options+"}").Response, got); diff != "" {
			t.Errorf("%s (-call +--json):\n%s", test.method, diff)
		}
	}
}

func TestEventsOfACallAreJSONLines(t *testing.T) {
	h := newHost(t)
	h.bridge("web", "10.77.11.0/24", "", "")
	request := fmt.Sprintf(`{"network":"web","options":{"confDir":%q,"cacheDir":%q,"stateDir":%q}}`,
		h.Path("conf"), h.Path("cache"), h.Path("state"))
	o := h.start(request, []string{"call", "status", "-v"})
	var plugins []string
	for _, line := range strings.Split(strings.TrimSpace(o.err), "\n") {
		var event struct{ Event, Plugin string }
		if err := json.Unmarshal([]byte(line), &event); err != nil {
			t.Fatalf("%v in %q", err, line)
		}
		plugins = append(plugins, event.Plugin)
	}
	if !slices.Contains(plugins, "bridge") {
		t.Errorf("plugins %v", plugins)
	}
}
