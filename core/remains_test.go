package core

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/libcni/libcni/core/internal/host/netns/netnstest"
	"github.com/libcni/libcni/core/internal/kit/kittest"
)

// picky installs an executable that refuses ADD and DEL if its request or CNI_ARGS contain "bad".
func (h *testHost) picky() {
	h.t.Helper()
	const script = `#!/bin/sh
request="$(cat) $CNI_ARGS"
case "$request" in
*bad*) echo '{"cniVersion":"1.0.0","code":7,"msg":"that is bad"}'; exit 1;;
esac
[ "$CNI_COMMAND" != ADD ] || echo '{"cniVersion":"1.0.0"}'
`
	kittest.Must(h.t, os.WriteFile(filepath.Join(h.plugins, "picky"), []byte(script), 0o755))
}

// configure writes the configuration of the network "web".
func (h *testHost) configure(plugins ...any) {
	h.t.Helper()
	text, err := json.Marshal(object{"cniVersion": "1.0.0", "name": "web", "plugins": plugins})
	kittest.Must(h.t, err)
	kittest.Must(h.t, os.WriteFile(filepath.Join(h.conf, "web.conflist"), text, 0o644))
}

// A plugin may refuse ADD and DEL for the same reason. The remembered request then must not block a
// corrected one.
func TestRemainsOfAFailedAddGiveWay(t *testing.T) {
	bad, good := object{"type": "picky", "range": "bad"}, object{"type": "picky", "range": "fine"}
	badArgs, goodArgs := object{"K": "bad"}, object{"K": "fine"}
	for _, test := range []struct {
		name, verb   string
		first, later object // configurations
		args         object // of the ADD
		more         object // of the later request
	}{
		{"ADD with a corrected configuration", "add", bad, good, nil, nil},
		{"ADD with other arguments", "add", good, good, badArgs, object{"args": goodArgs}},
		{"ADD without arguments", "add", good, good, badArgs, nil},
		{"DEL with a corrected configuration", "del", bad, good, nil, nil},
		{"DEL with the configuration as an object", "del", bad, good, nil, object{"network": object{
			"cniVersion": "1.0.0", "name": "web", "plugins": []any{good}}}},
		{"DEL with other arguments", "del", good, good, badArgs, object{"args": goodArgs}},
		{"DEL without arguments", "del", good, good, badArgs, nil},
		{"DEL by the container alone", "del", bad, good, nil, object{"network": nil}},
		{"GC with a corrected configuration", "gc", bad, good, nil, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := newTestHost(t)
			h.picky()
			h.configure(test.first)
			ns := netnstest.New(t)
			add := object{"network": "web", "containerId": "c1", "netns": ns}
			if test.args != nil {
				add["args"] = test.args
			}
			e := h.fails("plugin-failed", "add", add)
			if e["rolledBack"] != false || !strings.Contains(e["details"].(string), "force") {
				t.Errorf("the failed ADD: %v", e)
			}

			h.configure(test.later)
			request := object{"network": "web", "containerId": "c1", "netns": ns}
			if test.verb == "gc" {
				request = object{"network": "web", "validAttachments": []any{},
					"asOf": h.must("attachments", object{})["asOf"]}
			}
			for key, value := range test.more {
				request[key] = value
			}
			h.must(test.verb, request)

			want := "cache/results/web-c1-eth0"
			if test.verb != "add" {
				want = ""
			}
			if got := h.stateFiles(); got != want {
				t.Errorf("state: %s, want %s", got, want)
			}
			// What the request gives takes precedence anyway.
			gaveWay := test.more["args"] == nil && test.more["network"] == nil
			events := strings.Join(h.events, "\n")
			if strings.Contains(events, "with those of the ADD") != gaveWay {
				t.Errorf("the events do not say what gave way:\n%s", events)
			}
		})
	}
}

// As long as nothing is corrected, every message says how to get on.
func TestMessagesOfRemainsNameForce(t *testing.T) {
	h := newTestHost(t)
	h.picky()
	h.configure(object{"type": "picky", "range": "bad"})
	request := object{"network": "web", "containerId": "c1", "netns": netnstest.New(t)}
	for _, verb := range []string{"add", "add", "del"} {
		e := h.fails("plugin-failed", verb, request)
		if text := e["msg"].(string) + e["details"].(string); !strings.Contains(text, "force") {
			t.Errorf("%s: %v", verb, e)
		}
	}
	request["force"] = true
	if rc, e := h.call("del", request); rc == 0 || h.stateFiles() != "" {
		t.Errorf("forced del: rc %d: %v; state %s", rc, e, h.stateFiles())
	}
}

// The remains of an attachment that was complete do not give way: its configuration made them.
func TestCompleteAttachmentsKeepTheirConfiguration(t *testing.T) {
	h := newTestHost(t)
	h.recorder("rec")
	h.configure(object{"type": "rec", "fail": "DEL", "was": "first"})
	request := object{"network": "web", "containerId": "c1", "netns": netnstest.New(t)}
	h.must("add", request)
	h.configure(object{"type": "rec", "was": "second"})
	if e := h.fails("plugin-failed", "del", request); e["code"] != 123.0 {
		t.Errorf("del: %v", e)
	}
	if got := h.stateFiles(); got != "cache/results/web-c1-eth0" {
		t.Errorf("state: %s", got)
	}
}

// A plugin that never ran is not asked to undo: it could not be started then, and cannot be now.
func TestDelLeavesOutPluginsThatNeverRan(t *testing.T) {
	h := newTestHost(t)
	h.recorder("rec")
	kittest.Must(t, os.WriteFile(filepath.Join(h.plugins, "broken"), []byte("no program"), 0o755))
	request := object{"containerId": "c1", "netns": netnstest.New(t), "network": object{
		"cniVersion": "1.0.0", "name": "web",
		"plugins": []any{object{"type": "rec"}, object{"type": "broken"}}}}
	request["options"] = object{"rollback": false}
	h.fails("plugin-failed", "add", request)
	h.must("del", request)
	if got := strings.Join(h.recorded(), " ") + "|" + h.stateFiles(); got != "rec.ADD rec.DEL|" {
		t.Errorf("ran %s", got)
	}
}
