package volumes

import (
	"strings"
	"testing"
	"time"
)

func TestEveryFaultHasItsKindAndSaysWhatThePluginSaid(t *testing.T) {
	tests := []struct {
		method, fault string
		rc            int
		kind          string
		says          string // in msg
	}{
		// The plugin's own error, in both forms, and what plugins write instead of JSON.
		{"create", "err200", 999, "volume-plugin-failed", "disk full"},
		{"create", "err500", 999, "volume-plugin-failed", "disk full (HTTP 500)"},
		{"create", "err404", 999, "volume-plugin-failed", "no such endpoint here (HTTP 404)"},
		{"create", "text500", 999, "volume-plugin-failed", "out of order (HTTP 500)"},
		{"create", "html404", 999, "volume-plugin-failed", "nothing here"},
		{"create", "empty500", 999, "volume-plugin-failed", "HTTP 500, empty"},
		{"create", "status201", 999, "volume-plugin-failed", "HTTP 201, empty"},
		{"create", "redirect", 999, "volume-plugin-failed", "HTTP 302, empty"},
		{"mount", "mounterr200", 999, "volume-plugin-failed", "cannot mount"},
		{"get", "errtrailing", 999, "volume-plugin-failed", "no such volume"},

		// What is no answer of the protocol.
		{"create", "empty200", -71, "plugin-protocol", "not JSON: empty"},
		{"create", "text200", -71, "plugin-protocol", `not JSON: "fine, thanks"`},
		{"create", "array", -71, "plugin-protocol", "not a JSON object"},
		{"mount", "truncated", -71, "plugin-protocol", "not JSON"},
		{"list", "truncatedlist", -71, "plugin-protocol", "not JSON"},
		{
			"list", "short", -71, "plugin-protocol",
			"closed the connection before its response was complete",
		},
		{
			"list", "shortend", -71, "plugin-protocol",
			"closed the connection before its response was complete",
		},
		{"list", "shorthead", -71, "plugin-protocol", "not HTTP"},
		{"create", "trailing", -71, "plugin-protocol", "data follows the JSON object"},
		{"mount", "trailing", -71, "plugin-protocol", "data follows the JSON object"},
		{"get", "trailing", -71, "plugin-protocol", "data follows the JSON object"},
		{"list", "trailing", -71, "plugin-protocol", "data follows the JSON object"},
		{"get", "volumestring", -71, "plugin-protocol", "does not conform to the protocol"},
		{"mount", "mountnumber", -71, "plugin-protocol", "does not conform to the protocol"},
		{"list", "null", -71, "plugin-protocol", "not a list of volumes"},
		{"list", "listnamed", -71, "plugin-protocol", "has no name"},
		{"list", "huge", -71, "plugin-protocol", "longer than 8 MiB"},
		{"list", "endless", -71, "plugin-protocol", "longer than 8 MiB"},
		{"list", "chunks", -71, "plugin-protocol", "longer than 8 MiB"},
		{"list", "headers", -71, "plugin-protocol", "header is longer"},
		{"list", "line", -71, "plugin-protocol", "header is longer"},
		{"create", "nothttp", -71, "plugin-protocol", "not HTTP"},
		{"create", "close", -71, "plugin-protocol", "whether the plugin carried it out is unknown"},
		{"create", "done-close", -71, "plugin-protocol", "whether the plugin carried it out is unknown"},
		{"remove", "reset", -71, "plugin-protocol", "whether the plugin carried it out is unknown"},

		// Answers without what they are for.
		{"get", "object", -2, "volume-not-found", "no such volume"},
		{"get", "null", -2, "volume-not-found", "no such volume"},
		{"get", "volumenull", -2, "volume-not-found", "no such volume"},
		{"mount", "mountempty", -71, "volume-no-mountpoint", "without a mountpoint"},
		{"mount", "mountnull", -71, "volume-no-mountpoint", "without a mountpoint"},
		{"mount", "object", -71, "volume-no-mountpoint", "without a mountpoint"},
		{"mount", "mountrelative", -71, "volume-no-mountpoint", `"var/lib/x" is not an absolute path`},
		{"path", "mountrelative", -71, "volume-no-mountpoint", `"var/lib/x" is not an absolute path`},

		// The handshake.
		{
			"activate", "networkdriver", -91, "wrong-plugin-kind",
			"implements NetworkDriver and not VolumeDriver",
		},
		{"activate", "implementsnothing", -91, "wrong-plugin-kind", "not VolumeDriver"},
		{"activate", "html404", -71, "not-a-plugin", "HTTP 404"},
		{"activate", "err500", -71, "not-a-plugin", "disk full"},
		{"activate", "object", -71, "not-a-plugin", "does not list what the plugin implements"},
		{"activate", "text200", -71, "not-a-plugin", "fine, thanks"},
		{"activate", "nothttp", -71, "not-a-plugin", "mail.example.com"},
		{"activate", "close", -71, "plugin-protocol", "closed the connection before it responded"},

		// Time.
		{"create", "hang", -110, "timeout", "whether the plugin carried it out is unknown"},
		{"list", "slow", -110, "timeout", "the deadline of the call passed"},
		{"activate", "hang", -110, "timeout", "Plugin.Activate"},
	}
	for _, test := range tests {
		t.Run(test.method+" "+test.fault, func(t *testing.T) {
			t.Parallel()
			method, endpoint := test.method, strings.ToUpper(test.method[:1])+test.method[1:]
			if method == "activate" {
				method = "create"
			}
			p := started(t, "-fault", endpoint+"="+test.fault)
			request := object{"plugin": p.address, "options": object{"timeoutMs": 5000, "rollback": false}}
			if test.kind == "timeout" {
				request["options"] = object{"timeoutMs": 300, "rollback": false}
			}
			if method != "list" {
				request["name"], request["id"] = "v1", "m1"
			}
			if method != "mount" {
				delete(request, "id")
			}
			began := time.Now()
			a := ask(t, newEngine(), "volume."+method, request)
			if a.rc != test.rc || a.Kind != test.kind || !strings.Contains(a.Msg, test.says) {
				t.Errorf("%d %s\nwant %d, %s that says %q", a.rc, a.raw, test.rc, test.kind, test.says)
			}
			if !strings.Contains(a.Msg, p.address) || a.VolumePlugin.Address != p.address ||
				a.VolumePlugin.Endpoint == "" {
				t.Errorf("the error does not tell the plugin's address and the endpoint: %s", a.raw)
			}
			if took := time.Since(began); took > 4*time.Second {
				t.Errorf("took %v", took)
			}
			for path, n := range map[string]int{
				"Create": p.count("Create"), "Mount": p.count("Mount"), "Remove": p.count("Remove"),
			} {
				if n > 1 {
					t.Errorf("%s was sent %d times", path, n)
				}
			}
		})
	}
}

// Unusual, and well.
func TestAnswersThatAreWell(t *testing.T) {
	for _, test := range []struct{ method, fault, want string }{
		{"create", "ok", "{}"}, {"create", "object", "{}"}, {"create", "null", "{}"},
		{"create", "chunked", "{}"},
		{"create", "http10", "{}"}, {"create", "interim", "{}"},
		{"path", "mountempty", `{"mountpoint":""}`}, {"path", "object", `{"mountpoint":""}`},
		{"list", "listnull", `{"errors":[],"volumes":[]}`},
		{"list", "object", `{"errors":[],"volumes":[]}`},
		{
			"get", "statusdouble",
			`{"volume":{"plugin":"ADDRESS","name":"a","status":{"k":2,"n":18446744073709551615}}}`,
		},
		{"capabilities", "err500", `{"scope":"local"}`}, {"capabilities", "html404", `{"scope":"local"}`},
		{"capabilities", "object", `{"scope":"local"}`},
		{"capabilities", "scopestrange", `{"scope":"local"}`},
		{"capabilities", "scopenumber", `{"scope":"local"}`},
		{"capabilities", "text200", `{"scope":"local"}`},
	} {
		t.Run(test.method+" "+test.fault, func(t *testing.T) {
			t.Parallel()
			p := started(t, "-fault", strings.ToUpper(test.method[:1])+test.method[1:]+"="+test.fault)
			request := object{"plugin": p.address}
			if test.method != "list" && test.method != "capabilities" {
				request["name"] = "a"
			}
			a := done(t, newEngine(), "volume."+test.method, request)
			if got := sorted(t, a.raw); got != sorted(t,
				strings.ReplaceAll(test.want, "ADDRESS", p.address)) {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}
