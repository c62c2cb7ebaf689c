package conformance

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/libcni/libcni/test/rig"
)

// TestSameRequestsToPlugins runs both over the reference executables, with a recorder before each.
func TestSameRequestsToPlugins(t *testing.T) {
	ledger := newLedger(requestDifferences())
	all := requestCases()
	ran := 0
	for _, test := range all {
		t.Run(test.name, func(t *testing.T) {
			ran++
			plugins := recorders(t, "bridge", "host-local", "static", "loopback", "tuning", "firewall")
			reference := test.play(t, "reference", plugins, (*host).reference)
			ours := test.play(t, "ours", plugins, (*host).ours)
			ledger.check(t, compareTranscripts(reference, ours))
		})
	}
	if ran == len(all) { // not with -run
		ledger.finish(t)
	}
}

// step is what one call gave.
type step struct {
	method   string
	response any
	calls    []call
}

// call is what one plugin process was given, without what differs by chance.
type call struct {
	name  string // such as "ADD bridge"
	given any
}

// play takes one side through a case, on a host of its own.
func (c requestCase) play(
	t *testing.T, side, plugins string, start func(*host, ...string) *driver,
) (transcript []step) {
	t.Helper()
	if !t.Run(side, func(t *testing.T) { transcript = c.playOn(newHost(t), plugins, start) }) {
		t.FailNow()
	}
	return transcript
}

func (c requestCase) playOn(h *host, plugins string, start func(*host, ...string) *driver) []step {
	log := h.Path("recorded")
	d := start(h, recordTo+"="+log, recordReal+"="+rig.Peers(h.T))
	for name, content := range c.files {
		writeFile(h.T, h.Path("net.d/"+name), fill(content, h.Dir))
	}
	base := object{
		"containerId": "c1", "ifName": "eth0", "netns": h.container("netns"),
		"options": object{
			"pluginDirs": []string{plugins}, "cacheDir": h.Path("cache"), "confDir": h.Path("net.d"),
		},
	}
	if d.ours {
		options := base["options"].(object)
		options["stateDir"], options["builtins"] = h.Path("state"), "never"
	}
	if c.network != "" {
		base["network"] = json.RawMessage(fill(c.network, h.Dir))
	}
	if c.networkFile != "" {
		base["networkFile"] = h.Path("net.d/" + c.networkFile)
	}
	names := newNormalizer(map[string]string{h.Dir: "DIR", plugins: "PLUGINS"})
	transcript := []step{}
	before := 0
	for _, action := range c.actions() {
		request := with(base, c.request, action.request)
		if action.before != nil {
			action.before(h)
		}
		if action.prepare != nil && d.ours {
			request = with(request, action.prepare(h, d))
		}
		a := d.call(action.method, request)
		s := step{method: action.method, response: response(h.T, names, action.method, a)}
		made := recorded(h.T, log)
		for _, i := range made[before:] {
			s.calls = append(s.calls, i.normal(h.T, names))
		}
		before = len(made)
		transcript = append(transcript, s)
	}
	return transcript
}

// fill puts the host's directory into a text.
func fill(content, dir string) string { return strings.ReplaceAll(content, "DIR", dir) }

// response is what of an answer is compared: the code, and the result of those methods that have
// one. Go's libcni answers validate with the capabilities alone.
func response(t testing.TB, names *normalizer, method string, a answer) any {
	t.Helper()
	got := object{"rc": json.Number(fmt.Sprint(a.rc))}
	value := names.json(t, a.response)
	switch {
	case a.rc != 0:
		if a.rc > 0 && value.(object)["details"] != nil {
			got["details"] = value.(object)["details"]
		}
	case method == "add":
		got["result"] = value
	case method == "validate":
		if answer, ok := value.(object); ok {
			value = answer["capabilities"]
		}
		capabilities := []string{}
		for _, name := range value.([]any) {
			capabilities = append(capabilities, name.(string))
		}
		slices.Sort(capabilities)
		got["capabilities"] = capabilities
	}
	return got
}

func (i *invocation) normal(t testing.TB, names *normalizer) call {
	t.Helper()
	env := object{}
	for key, value := range i.Env {
		if !strings.HasPrefix(key, "CONFORMANCE_") {
			env[key] = names.text(value)
		}
	}
	argv := []any{}
	for _, arg := range i.Argv {
		argv = append(argv, names.text(arg))
	}
	return call{i.Env["CNI_COMMAND"] + " " + i.Plugin, object{
		"argv": argv, "env": env, "dir": names.text(i.Dir), "stdin": names.json(t, i.Stdin),
	}}
}

func compareTranscripts(reference, ours []step) []difference {
	var found []difference
	for i := range reference {
		r, o := reference[i], ours[i]
		at := fmt.Sprint(r.method, " answer")
		found = append(found, compare(at, r.response, o.response)...)
		if a, b := r.order(), o.order(); a != b {
			found = append(found, difference{r.method + " calls", a, b})
		}
		calls, others := r.byName(), o.byName()
		for _, name := range slices.Sorted(maps.Keys(calls)) {
			for n := range min(len(calls[name]), len(others[name])) {
				found = append(found, compare(name, calls[name][n].given, others[name][n].given)...)
			}
		}
	}
	return found
}

// order is what was called, such as "ADD bridge, ADD host-local".
func (s step) order() string {
	names := []string{}
	for _, c := range s.calls {
		names = append(names, c.name)
	}
	return strings.Join(names, ", ")
}

func (s step) byName() map[string][]call {
	calls := map[string][]call{}
	for _, c := range s.calls {
		calls[c.name] = append(calls[c.name], c)
	}
	return calls
}

func writeFile(t testing.TB, path, content string) {
	t.Helper()
	if err := os.MkdirAll(path[:strings.LastIndex(path, "/")], 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}
