package released

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/libcni/libcni/api/model"
)

func load(t *testing.T, text string) *model.API {
	t.Helper()
	loaded, err := model.Load([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return loaded
}

// description returns the description as it is written, and not the compressed copy in the library,
// so that a change is refused before "make generate" as well.
func description(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../cni.api.json")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestTheDescriptionBreaksNoRelease(t *testing.T) {
	files, err := filepath.Glob("*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("%v %v", files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, broken := range Breaks(load(t, string(text)), load(t, description(t))) {
			t.Errorf("%s: %s", file, broken)
		}
	}
}

// Each of these changes a copy of the description in one place.
func TestBreakingChangesAreFound(t *testing.T) {
	tests := []struct {
		name, within string // within: the line after which the change is made
		old, new     string
		want         string
	}{
		{"the soname changes", `"abi": 0`,
			`"soname": "libcni.so.0"`,
			`"soname": "libcni.so.1"`,
			"the soname changed from libcni.so.0 to libcni.so.1, but abi did not"},
		{"a function is removed", `"functions": [`,
			`"name": "cni_strerror"`,
			`"name": "cni_describe_code"`,
			"cni_strerror is gone"},
		{"a prototype changes", `"name": "cni_cancel"`,
			`const char *request_id`,
			`char *request_id`,
			"cni_cancel: the prototype changed"},
		{"a default changes", `"options": {`,
			`"default": 60000`,
			`"default": 30000`,
			"cni_add request.options.timeoutMs: the default changed"},
		{"a default is removed", `"common": {`,
			`"default": "eth0",`,
			``,
			"cni_add request.ifName: the default changed"},
		{"a key becomes required", `"delRequest": {`,
			`"required": ["containerId"]`,
			`"required": ["containerId", "netns"]`,
			"cni_del request.netns became required"},
		{"a choice is added", `"attachmentsRequest": {`,
			`"patternProperties"`,
			`"anyOf": [{"required": ["network"]}], "patternProperties"`,
			"cni_attachments request: other keys are required"},
		{"a type narrows", `"common": {`,
			`{"$ref": "#/$defs/networkConfig"},`,
			``,
			"cni_add request.network: the type object is gone"},
		{"a type changes", `"delRequest": {`,
			`"type": "boolean"`,
			`"type": "string"`,
			"cni_del request.force: the type changed from boolean to string"},
		{"a limit narrows", `"connectMs": {`,
			`"maximum": 9223372036854`,
			`"maximum": 1000`,
			"volumeTimeouts.connectMs: the limits are narrower"},
		{"a pattern narrows", `"common": {`,
			`"pattern": "^[^/:\\s]+$"`,
			`"pattern": "^[a-z]+$"`,
			"ifName: the pattern changed"},
		{"a value of a request is removed", `"builtinsMode": {`,
			`"only", `,
			``,
			`builtins: the value "only" is gone`},
		{"a unit changes", `"options": {`,
			`"unit": "ms"`,
			`"unit": "s"`,
			"timeoutMs: the unit changed"},
		{"a key of a response may be absent", `"mountpointResponse": {`,
			`"required": ["mountpoint"]`,
			`"required": []`,
			"cni_volume_mount response.mountpoint may be absent now"},
		{"a kind is removed", `"kinds": [`,
			`"kind": "busy"`,
			`"kind": "in-use"`,
			"kind busy is gone"},
		{"an errno changes", `"kind": "exists"`,
			`["EEXIST"]`,
			`["EBUSY"]`,
			"kind exists: errno changed"},
		{"a code changes", `"kind": "exists"`,
			`"code": 999`,
			`"code": 11`,
			"kind exists: the code changed"},
		{"retryable changes", `"kind": "busy"`,
			`"retryable": true`,
			`"retryable": false`,
			"kind busy: retryable changed"},
		{"a capability is removed", `"type": "portmap"`,
			`["portMappings"]`,
			`[]`,
			"plugin portmap: capability portMappings is gone"},
	}
	before := load(t, description(t))
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			found := Breaks(before, load(t, change(t, test.within, test.old, test.new)))
			if !strings.Contains(strings.Join(found, "\n"), test.want) {
				t.Errorf("found %q, want %q", found, test.want)
			}
		})
	}
}

// Here the release has one key more.
func TestRemovedKeysAreFound(t *testing.T) {
	after := load(t, description(t))
	for within, want := range map[string]string{
		`"common": {`:         "cni_add request.more is gone",
		`"options": {`:        "cni_add request.options.more is gone",
		`"capabilityArgs": {`: "capabilityArgs.more is gone",
		`"netnsResponse": {`:  "cni_netns_create response.more is gone",
		`"interface": {`:      "cni_add response.interfaces[].more is gone",
		`"error": {`:          "error.more is gone",
		`"event": {`:          "cni_log_fn.more is gone",
		`"firewallConfig": {`: "plugin firewall.more is gone",
		`"cacheRecord": {`:    "file attachment.libcni.more is gone",
	} {
		found := Breaks(load(t, change(t, "\n    "+within, `"properties": {`, added("more"))), after)
		if !strings.Contains(strings.Join(found, "\n"), want) {
			t.Errorf("%s: found %q, want %q", within, found, want)
		}
	}
}

func TestExtensionsBreakNothing(t *testing.T) {
	tests := []struct{ name, within, old, new string }{
		{"a key is added to requests", `"common": {`,
			`"properties": {`,
			added("grace")},
		{"a key is added to a response", `"netnsResponse": {`,
			`"properties": {`,
			added("inode")},
		{"a value is added", `"attachmentState": {`, `"unknown"]`, `"unknown", "frozen"]`},
		{"a limit is lifted", `"connectMs": {`, `"maximum": 9223372036854,`, ``},
		{"a text changes", `"connectMs": {`, `"description": "each`, `"description": "Each`},
	}
	before := load(t, description(t))
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if found := Breaks(before, load(t, change(t, test.within, test.old, test.new))); found != nil {
				t.Errorf("%q", found)
			}
		})
	}
}

// Another ABI is another library.
func TestAnotherABIMayDifferInEverything(t *testing.T) {
	other := change(t, `"soname"`, `"name": "cni_strerror"`, `"name": "cni_describe_code"`)
	other = strings.Replace(other, `"abi": 0`, `"abi": 1`, 1)
	other = strings.Replace(other, `"libcni.so.0"`, `"libcni.so.1"`, 1)
	if found := Breaks(load(t, description(t)), load(t, other)); found != nil {
		t.Errorf("%q", found)
	}
}

// added begins properties with one more key.
func added(name string) string {
	return `"properties": {"` + name + `": {"type": "string", "description": "d", "since": "0.2"}, `
}

// change replaces the first text after a line of the description.
func change(t *testing.T, within, old, new string) string {
	t.Helper()
	text := description(t)
	at := strings.Index(text, within)
	if at < 0 || !strings.Contains(text[at:], old) {
		t.Fatalf("there is no %q after %q", old, within)
	}
	return text[:at] + strings.Replace(text[at:], old, new, 1)
}
