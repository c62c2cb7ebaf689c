package conf

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/libcni/libcni/core/internal/fault"
)

// describe returns a list as one line.
func describe(l *List) string {
	var s strings.Builder
	fmt.Fprintf(&s, "%s %s", l.Name, l.CNIVersion)
	for _, p := range l.Plugins {
		s.WriteString(" " + p.Type)
		if p.IPAM != "" {
			s.WriteString("+" + p.IPAM)
		}
	}
	for _, flag := range []string{"disableCheck", "disableGC"} {
		if flag == "disableCheck" && l.DisableCheck || flag == "disableGC" && l.DisableGC {
			s.WriteString(" " + flag)
		}
	}
	return s.String()
}

func TestParse(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{
			"list",
			`{"cniVersion":"1.0.0","name":"web","plugins":[{"type":"bridge","ipam":{"type":"host-local"}},{"type":"portmap"}]}`, "web 1.0.0 bridge+host-local portmap",
		},
		{"single plugin", `{"cniVersion":"0.3.1","name":"web","type":"bridge","ipam":{"type":"dhcp"}}`,
			"web 0.3.1 bridge+dhcp"},
		{"a list that has a type too", `{"name":"web","type":"x","plugins":[{"type":"bridge"}]}`,
			"web 0.2.0 bridge"},
		{"no version", `{"name":"web","plugins":[{"type":"bridge"}]}`, "web 0.2.0 bridge"},
		{"empty version", `{"name":"web","cniVersion":"","plugins":[{"type":"bridge"}]}`,
			"web 0.2.0 bridge"},
		{"single plugin without version", `{"name":"web","type":"bridge"}`, "web 0.2.0 bridge"},
		{"oldest version", `{"cniVersion":"0.1.0","name":"web","plugins":[{"type":"bridge"}]}`,
			"web 0.1.0 bridge"},

		{"highest of cniVersions",
			`{"cniVersions":["0.4.0","1.1.0","1.0.0"],"name":"web","plugins":[{"type":"bridge"}]}`,
			"web 1.1.0 bridge"},
		{"cniVersion is one of them",
			`{"cniVersion":"1.0.0","cniVersions":["0.4.0"],"name":"web","plugins":[{"type":"bridge"}]}`,
			"web 1.0.0 bridge"},
		{"later versions are ignored",
			`{"cniVersion":"2.0.0","cniVersions":["0.4.0","1.2.0"],"name":"web","plugins":[{"type":"bridge"}]}`, "web 0.4.0 bridge"},
		{
			"no cniVersions",
			`{"cniVersion":"0.4.0","cniVersions":[],"name":"web","plugins":[{"type":"bridge"}]}`,
			"web 0.4.0 bridge",
		},
		{"an empty one", `{"cniVersions":[""],"name":"web","plugins":[{"type":"bridge"}]}`,
			"web 0.2.0 bridge"},
		{"a version that never was",
			`{"cniVersion":"0.4.0","cniVersions":["1.0.5"],"name":"web","plugins":[{"type":"bridge"}]}`,
			"web 0.4.0 bridge"},
		{"not for a single plugin",
			`{"cniVersion":"0.4.0","cniVersions":["1.1.0"],"name":"web","type":"bridge"}`,
			"web 0.4.0 bridge"},

		{"flags", `{"name":"web","disableCheck":true,"disableGC":false,"plugins":[{"type":"bridge"}]}`,
			"web 0.2.0 bridge disableCheck"},
		{
			"flags as strings",
			`{"name":"web","disableCheck":"False","disableGC":"TRUE","loadOnlyInlinedPlugins":"true","plugins":[{"type":"bridge"}]}`, "web 0.2.0 bridge disableGC",
		},

		{
			"keys in another case",
			`{"CNIVersion":"1.0.0","NAME":"web","DisableGC":true,"Plugins":[{"TYPE":"bridge","Ipam":{"Type":"static"}}]}`, "web 1.0.0 bridge+static disableGC",
		},
		{
			"the exact key wins",
			`{"name":"web","Name":"other","plugins":[{"type":"bridge","Type":"other"}]}`, "web 0.2.0 bridge",
		},
		{"the last of a key twice",
			`{"name":"other","name":"web","plugins":[{"type":"x"}],"plugins":[{"type":"y","type":"bridge"}]}`, "web 0.2.0 bridge"},
		{"a null version of a single plugin", `{"name":"web","type":"bridge","cniVersion":null}`,
			"web 0.2.0 bridge"},
		{
			"nulls within a plugin",
			`{"name":"web","plugins":[{"type":"bridge","ipam":null,"capabilities":null,"dns":null,"prevResult":null}]}`, "web 0.2.0 bridge",
		},
		{"an empty ipam", `{"name":"web","plugins":[{"type":"bridge","ipam":{}}]}`, "web 0.2.0 bridge"},
		{"space around", " \n{\"name\":\"web\",\"plugins\":[{\"type\":\"bridge\"}]}\r\n",
			"web 0.2.0 bridge"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			list, err := Parse([]byte(test.text))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, describe(list)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			again, err := Parse(list.Raw)
			if err != nil {
				t.Fatalf("Raw %s: %v", list.Raw, err)
			}
			if diff := cmp.Diff(test.want, describe(again)); diff != "" {
				t.Errorf("from Raw (-want +got)\n%s", diff)
			}
		})
	}
}

func TestParseKeepsTheTextAsWritten(t *testing.T) {
	const text = `{ "plugins":[ {"z":18446744073709551615, "type":"bridge"} ], "name" : "web" }`
	list, err := Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(text, string(list.Raw)); diff != "" {
		t.Errorf("list (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff(`{"z":18446744073709551615, "type":"bridge"}`,
		string(list.Plugins[0].Raw)); diff != "" {
		t.Errorf("plugin (-want +got)\n%s", diff)
	}
	single, err := Parse([]byte(`{"type":"bridge", "name":"web", "CniVersion":"1.0.0"}`))
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"cniVersion":"1.0.0","name":"web","plugins":[{"type":"bridge", "name":"web", "CniVersion":"1.0.0"}]}`
	if diff := cmp.Diff(want, string(single.Raw)); diff != "" {
		t.Errorf("single plugin (-want +got)\n%s", diff)
	}
}

const versions = "0.1.0, 0.2.0, 0.3.0, 0.3.1, 0.4.0, 1.0.0, 1.1.0"

func TestParseRefuses(t *testing.T) {
	list := func(members string) string {
		return `{"name":"web","plugins":[{"type":"bridge"}],` + members + `}`
	}
	plugin := func(members string) string {
		return `{"name":"web","plugins":[{"type":"bridge"},{` + members + `}]}`
	}
	tests := []struct{ name, text, key, want string }{
		{"nothing", "", "", "it is empty"},
		{"a byte order mark", "\xef\xbb\xbf{}", "", "begins with a byte order mark"},
		{"text behind", `{"name":"web"} x`, "", "more text follows the value at line 1 column 16"},
		{"a comment", "{\n// hello\n}", "", "not valid JSON at line 2 column 1"},
		{"invalid UTF-8", "{\"name\":\"\xff\"}", "name", "invalid UTF-8"},
		{"an array", `[]`, "", "expected an object, got an array"},
		{"no name", `{"plugins":[{"type":"bridge"}]}`, "name", "name: missing"},
		{"a name of a wrong type", `{"name":1}`, "name", "name: expected a string, got a number"},
		{"a null name", `{"name":null}`, "name", "name: expected a string, got null"},
		{"a name that leads elsewhere", `{"name":"../web"}`, "name",
			`"../web" is not allowed: it must consist of letters`},
		{"single plugin without name", `{"type":"bridge"}`, "name", "name: missing"},
		{"no plugins", `{"name":"web"}`, "plugins", "plugins: missing"},
		{"no plugins, only inlined", `{"name":"web","loadOnlyInlinedPlugins":true}`, "plugins",
			"loadOnlyInlinedPlugins is true"},
		{"empty plugins", `{"name":"web","plugins":[]}`, "plugins", "empty; give at least one plugin"},
		{"plugins of a wrong type", `{"name":"web","plugins":{}}`, "plugins",
			"plugins: expected an array, got an object"},
		{"null plugins", `{"name":"web","plugins":null}`, "plugins", "expected an array, got null"},
		{"a plugin of a wrong type", `{"name":"web","plugins":["bridge"]}`, "plugins[0]",
			"plugins[0]: expected an object, got a string"},
		{"a flag of a wrong type", list(`"disableCheck":1`), "disableCheck",
			"expected true or false, got a number"},
		{"a flag of a wrong text", list(`"disableGC":"yes"`), "disableGC",
			`expected true or false, got "yes"`},
		{"a null flag", list(`"loadOnlyInlinedPlugins":null`), "loadOnlyInlinedPlugins",
			"expected true or false, got null"},

		{"a version to come", list(`"cniVersion":"1.2.0"`), "cniVersion",
			"1.2.0 is not supported; supported versions are " + versions},
		{"a version that never was", list(`"cniVersion":"0.3.2"`), "cniVersion",
			"0.3.2 is not supported; supported versions are " + versions},
		{"an invalid version", list(`"cniVersion":"v1.0.0"`), "cniVersion",
			`"v1.0.0" is not a version; supported versions are ` + versions},
		{"a version of a wrong type", list(`"cniVersion":1.0`), "cniVersion",
			"expected a string, got a number"},
		{"only versions to come", list(`"cniVersions":["1.2.0","2.0.0"]`), "cniVersion",
			"1.2.0, 2.0.0 is not supported"},
		{"cniVersions of a wrong type", list(`"cniVersions":"1.0.0"`), "cniVersions",
			"expected an array, got a string"},
		{"a number in cniVersions", list(`"cniVersions":["1.0.0",1]`), "cniVersions[1]",
			"expected a string, got a number"},
		{"a word in cniVersions", list(`"cniVersions":["one"]`), "cniVersions[0]",
			`"one" is not a version`},

		{"no type", plugin(`"x":1`), "plugins[1].type", "type: missing"},
		{"an empty type", plugin(`"type":""`), "plugins[1].type", "empty; give the name"},
		{"a null type", plugin(`"type":null`), "plugins[1].type", "type: missing"},
		{"a type of a wrong type", plugin(`"type":[]`), "plugins[1].type",
			"expected a string, got an array"},
		{"a type with a path", plugin(`"type":"../bin/sh"`), "plugins[1].type",
			`"../bin/sh" is not a plugin name`},
		{"a type with a slash", plugin(`"type":"a/b"`), "plugins[1].type", `"a/b" is not a plugin name`},
		{"a type with a dot in front", plugin(`"type":".x"`), "plugins[1].type",
			`".x" is not a plugin name`},
		{"a type with NUL", plugin(`"type":"a\u0000"`), "plugins[1].type", "is not a plugin name"},
		{"an ipam type with a slash", plugin(`"type":"x","ipam":{"type":"a/b"}`), "plugins[1].ipam.type",
			"is not a plugin name"},
		{"an ipam type of a wrong type", plugin(`"type":"x","ipam":{"type":1}`), "plugins[1].ipam.type",
			"expected a string, got a number"},
		{"ipam of a wrong type", plugin(`"type":"x","ipam":"host-local"`), "plugins[1].ipam",
			"expected an object, got a string"},
		{"capabilities of a wrong type", plugin(`"type":"x","capabilities":["mac"]`),
			"plugins[1].capabilities", "expected an object, got an array"},
		{"a capability of a wrong type", plugin(`"type":"x","capabilities":{"mac":"true"}`),
			"plugins[1].capabilities.mac", "expected true or false, got a string"},
		{"dns of a wrong type", plugin(`"type":"x","dns":[]`), "plugins[1].dns",
			"expected an object, got an array"},
		{"nameservers of a wrong type", plugin(`"type":"x","dns":{"nameservers":"1.1.1.1"}`),
			"plugins[1].dns.nameservers", "expected an array, got a string"},
		{"a nameserver of a wrong type", plugin(`"type":"x","dns":{"nameservers":[1]}`),
			"plugins[1].dns.nameservers[0]", "expected a string, got a number"},
		{"a domain of a wrong type", plugin(`"type":"x","dns":{"domain":1}`), "plugins[1].dns.domain",
			"expected a string, got a number"},
		{"prevResult of a wrong type", plugin(`"type":"x","prevResult":[]`), "plugins[1].prevResult",
			"expected an object, got an array"},
		{"a single plugin's keys", `{"name":"web","type":"x","ipam":1}`, "ipam",
			"ipam: expected an object, got a number"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := Parse([]byte(test.text))
			var got *fault.Error
			if !errors.As(err, &got) {
				t.Fatalf("got %v, want a *fault.Error", err)
			}
			if got.Kind != fault.KindInvalidConfig || got.Details != test.key ||
				!strings.Contains(got.Msg, test.want) {
				t.Errorf("got  %s, key %q: %s\nwant invalid-config, key %q: %s", got.Kind, got.Details, got.Msg,
					test.key, test.want)
			}
		})
	}
}

func TestParseRefusesSize(t *testing.T) {
	text := fmt.Sprintf(`{"name":"web","x":%q,"plugins":[{"type":"bridge"}]}`,
		strings.Repeat("a", 16<<20))
	_, err := Parse([]byte(text))
	if err == nil || !strings.Contains(err.Error(), "16 MiB are allowed") {
		t.Errorf("got %v", err)
	}
}

func TestErrorNamesTheNetwork(t *testing.T) {
	_, err := Parse([]byte(`{"name":"web","plugins":[{}]}`))
	var got *fault.Error
	if !errors.As(err, &got) || got.Network != "web" {
		t.Errorf("got %#v", err)
	}
}
