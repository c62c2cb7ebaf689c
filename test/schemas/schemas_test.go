// Package schemas tests the JSON Schemas of configurations with an independent validator.
package schemas

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/libcni/libcni/core"
)

const root = "../.."

// example is a value for the schema that the library returns for a type.
type example struct {
	pluginType string
	value      json.RawMessage
}

// schemaOf returns what the library answers.
func schemaOf(t *testing.T, pluginType string) json.RawMessage {
	t.Helper()
	request, err := json.Marshal(map[string]string{"type": pluginType})
	if err != nil {
		t.Fatal(err)
	}
	rc, response := core.New(core.Options{}).Call(t.Context(), core.Caller{}, "schema", request)
	var answer struct{ Schema json.RawMessage }
	if err := json.Unmarshal(response, &answer); err != nil || rc != 0 {
		t.Fatalf("%d, %v: %s", rc, err, response)
	}
	return answer.Schema
}

// violations validates examples, and returns what is wrong with each, "" for nothing.
func violations(t *testing.T, examples []example) []string {
	t.Helper()
	var lines bytes.Buffer
	encoder := json.NewEncoder(&lines)
	schemas := map[string]json.RawMessage{}
	for _, e := range examples {
		if schemas[e.pluginType] == nil {
			schemas[e.pluginType] = schemaOf(t, e.pluginType)
		}
	}
	if err := encoder.Encode(schemas); err != nil {
		t.Fatal(err)
	}
	for _, e := range examples {
		err := encoder.Encode(map[string]any{"schema": e.pluginType, "value": e.value})
		if err != nil {
			t.Fatalf("%s: %v", e.value, err)
		}
	}

	python := filepath.Join(root, "build/venv/bin/python")
	if _, err := os.Stat(python); err != nil {
		t.Fatalf("%v; run make deps", err)
	}
	validate := exec.Command(python, "schemas.py")
	validate.Stdin, validate.Stderr = &lines, os.Stderr
	out, err := validate.Output()
	if err != nil {
		t.Fatal(err)
	}
	found := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	if len(found) != len(examples) {
		t.Fatalf("%d verdicts on %d examples", len(found), len(examples))
	}
	return found
}

func TestGoodConfigurationsFollowTheirSchema(t *testing.T) {
	examples := []example{}
	for _, text := range []string{
		`{"$schema":"conflist.schema.json","cniVersion":"1.1.0","cniVersions":["1.0.0"],"name":"a","disableCheck":"true","x-mine":1,"nerdctlID":"7",
		"plugins":[{"type":"bridge","bridge":"cni0","isGateway":true,"mtu":1400,"vlanTrunk":[{"id":3},{"minID":5,"maxID":7}],
		"ipam":{"type":"host-local","ranges":[[{"subnet":"10.1.0.0/16","gateway":""}],[{"subnet":"fd00::/64","rangeStart":"fd00::10"}]],"routes":[{"dst":"0.0.0.0/0"}],"x-mine":1}},
		{"type":"portmap","capabilities":{"portMappings":true},"snat":false},{"type":"firewall","ingressPolicy":"isolated"},
		{"type":"acme","whatever":{"key":1}}]}`,
		`{"cniVersion":"1.0.0","name":"b","plugins":[{"type":"ptp","args":{"labels":{"a":"b"}},"ipam":{"type":"static","addresses":[{"address":"10.1.0.2/16"}],"dns":{"nameservers":["9.9.9.9"]}}}]}`,
		`{"cniVersion":"1.0.0","name":"c","plugins":[{"type":"bridge","ipam":{"type":"dhcp","daemonSocketPath":"/run/x"}}]}`,
		`{"cniVersion":"0.3.1","name":"lo","plugins":[{"type":"loopback"}]}`,
		`{"cniVersion":"1.0.0","name":"l2","plugins":[{"type":"bridge","ipam":{}}]}`,
	} {
		examples = append(examples, example{"", json.RawMessage(text)})
	}
	examples = append(examples,
		example{"bridge", json.RawMessage(`{"cniVersion":"1.0.0","name":"d","type":"bridge"}`)},
		example{"host-local", json.RawMessage(`{"type":"host-local","subnet":"10.0.0.0/24"}`)},
		example{"capabilities", json.RawMessage(
			`{"portMappings":[{"hostPort":80,"containerPort":80,"hostIP":"::1"}],"mac":"02:00:00:00:00:01","ips":["10.0.0.3","fd00::3/64"],"mine":true}`)})
	for i, violation := range violations(t, examples) {
		if violation != "" {
			t.Errorf("%s: %s", examples[i].value, violation)
		}
	}
}

// Each mistake is found, at its place.
func TestWrongConfigurationsViolateTheirSchema(t *testing.T) {
	list := func(plugins string) string {
		return `{"cniVersion":"1.0.0","name":"a","plugins":[` + plugins + `]}`
	}
	ipam := func(keys string) string {
		return list(`{"type":"bridge","ipam":{"type":"host-local",` + keys + `}}`)
	}
	tests := []struct{ name, pluginType, value, want string }{
		{"misspelled key", "", list(`{"type":"bridge","isGatway":true}`), "isGatway"},
		{"key of another plugin", "", list(`{"type":"firewall","bridge":"cni0"}`), "bridge"},
		{"misspelled key of ipam", "", ipam(`"subnett":"10.0.0.0/8"`), "subnett"},
		{"misspelled key of a range", "", ipam(`"ranges":[[{"subnet":"10.0.0.0/8","rangestart":"10.0.0.1"}]]`),
			"rangestart"},
		{"prefix length", "", ipam(`"subnet":"10.0.0.0/33"`), "10.0.0.0/33"},
		{"prefix length of IPv6", "", ipam(`"subnet":"fd00::/129"`), "fd00::/129"},
		{"octet", "", ipam(`"subnet":"10.0.0.256/8"`), "10.0.0.256/8"},
		{"subnet without a length", "", ipam(`"subnet":"10.0.0.0"`), "10.0.0.0"},
		{"address with a length", "", ipam(`"subnet":"10.0.0.0/8","rangeEnd":"10.0.0.1/8"`), "rangeEnd"},
		{"type of a value", "", list(`{"type":"bridge","isGateway":"yes"}`), "isGateway"},
		{"number out of range", "", list(`{"type":"bridge","vlan":4095}`), "4095"},
		{"unknown value", "", list(`{"type":"firewall","ingressPolicy":"shut"}`), "shut"},
		{"long name", "", list(`{"type":"bridge","bridge":"abcdefghijklmnop"}`), "abcdefghijklmnop"},
		{"ptp without ipam", "", list(`{"type":"ptp"}`), "ipam"},
		{"plugin without a type", "", list(`{"bridge":"cni0"}`), "type"},
		{"type with a path", "", list(`{"type":"../evil"}`), "type"},
		{"version", "", `{"cniVersion":"1.2.0","name":"a","plugins":[{"type":"loopback"}]}`, "1.2.0"},
		{"no name", "", `{"cniVersion":"1.0.0","plugins":[{"type":"loopback"}]}`, "name"},
		{"no plugins in the list", "", list(""), "plugins"},
		{"capability", "", list(`{"type":"portmap","capabilities":{"portMappings":"yes"}}`),
			"portMappings"},
		{"another type", "bridge", `{"type":"ptp"}`, "type"},
		{"port", "capabilities", `{"portMappings":[{"hostPort":70000,"containerPort":80}]}`, "70000"},
		{"no port", "capabilities", `{"portMappings":[{"hostPort":80}]}`, "containerPort"},
		{"protocol", "capabilities",
			`{"portMappings":[{"hostPort":80,"containerPort":80,"protocol":"icmp"}]}`, "icmp"},
		{"MAC address", "capabilities", `{"mac":"02:00:00:00:00"}`, "mac"},
		{"address", "capabilities", `{"ips":["10.0.0"]}`, "10.0.0"},
	}
	var examples []example
	for _, test := range tests {
		examples = append(examples, example{test.pluginType, json.RawMessage(test.value)})
	}
	for i, violation := range violations(t, examples) {
		if !strings.Contains(violation, tests[i].want) {
			t.Errorf("%s: violation %q, want one of %s", tests[i].name, violation, tests[i].want)
		}
	}
}

// configuration matches the beginning of a configuration in a text, written as JSON or in a string
// of C.
var configuration = regexp.MustCompile(`\{\s*"cniVersion": ?"[^"]*",\s*"name"`)

// The configurations that people copy from the documents and the examples follow the schema.
func TestConfigurationsOfDocumentsFollowTheirSchema(t *testing.T) {
	var examples []example
	var places []string
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/man/*.in", "examples/*", "python/*.md",
		"capi/*.h", "include/*.h", "api/*.in", "python/cni/*.py"} {
		paths, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			for _, found := range configurations(t, path) {
				examples, places = append(examples, found), append(places, path)
			}
		}
	}
	if len(examples) < 4 {
		t.Fatalf("found only %d configurations", len(examples))
	}
	for i, violation := range violations(t, examples) {
		if violation != "" {
			t.Errorf("%s: %s\n%s", places[i], violation, examples[i].value)
		}
	}
}

// configurations returns the lists in a file, and the configurations of single plugins.
func configurations(t *testing.T, path string) []example {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	if strings.HasSuffix(path, ".c") { // the literals, joined
		text = strings.ReplaceAll(text, `\"`, "\x00")
		text = regexp.MustCompile(`"\s*[A-Z]*\s*"`).ReplaceAllString(text, "")
		text = strings.ReplaceAll(text, "\x00", `"`)
		text = regexp.MustCompile(`:\s*%[0-9$]*s`).ReplaceAllString(text, `:"x"`) // a quoted argument
	}
	if strings.Contains(text, "True") { // Python
		text = regexp.MustCompile(`,(\s*[\]}])`).ReplaceAllString(text, "$1")
		text = strings.NewReplacer("True", "true", "False", "false", ` f"`, ` "`).Replace(text)
	}
	var found []example
	for _, at := range configuration.FindAllStringIndex(text, -1) {
		var value json.RawMessage
		var keys struct{ Type string }
		err := json.NewDecoder(strings.NewReader(text[at[0]:])).Decode(&value)
		if err == nil {
			err = json.Unmarshal(value, &keys)
		}
		if err != nil {
			t.Errorf("%s: %v in %.60q", path, err, text[at[0]:])
		}
		found = append(found, example{keys.Type, value})
	}
	return found
}

// place is where a test puts an optional key of a definition: %s.
type place struct{ definition, template string }

var optionalKeys = []place{
	{"", `{"name":"a","plugins":[{"type":"loopback"}],%s}`},
	{"bridge", `{"cniVersion":"1.1.0","name":"a","type":"bridge",%s}`},
	{"bridge", `{"name":"a","type":"bridge",%s}`},
	{"loopback", listOf(`{"type":"loopback",%s}`)},
	{"bridge", listOf(`{"type":"bridge",%s}`)},
	{"ptp", listOf(`{"type":"ptp","ipam":{"type":"static","addresses":[{"address":"10.1.0.2/16"}]},%s}`)},
	{"portmap", listOf(`{"type":"bridge"},{"type":"portmap",%s}`)},
	{"firewall", listOf(`{"type":"bridge"},{"type":"firewall",%s}`)},
	{"host-local", listOf(`{"type":"bridge","ipam":{"type":"host-local","ranges":[[{"subnet":"10.1.0.0/16"}]],%s}}`)},
	{"static", listOf(`{"type":"bridge","ipam":{"type":"static","addresses":[{"address":"10.1.0.2/16"}],%s}}`)},
	{"ipRange", listOf(`{"type":"bridge","ipam":{"type":"host-local","ranges":[[{"subnet":"10.1.0.0/16",%s}]]}}`)},
	{"staticAddress", listOf(`{"type":"bridge","ipam":{"type":"static","addresses":[{"address":"10.1.0.2/16",%s}]}}`)},
	{"route", listOf(`{"type":"bridge","ipam":{"type":"host-local","ranges":[[{"subnet":"10.1.0.0/16"}]],"routes":[{"dst":"0.0.0.0/0",%s}]}}`)},
	{"dns", listOf(`{"type":"bridge","ipam":{"type":"static","addresses":[{"address":"10.1.0.2/16"}],"dns":{%s}}}`)},
	{"portMapping", listOf(`{"type":"bridge"},{"type":"portmap","runtimeConfig":{"portMappings":[{"hostPort":80,"containerPort":80,%s}]}}`)},
	{"capabilityArgs", listOf(`{"type":"bridge"},{"type":"portmap","runtimeConfig":{%s}}`)},
	{"macArgs", listOf(`{"type":"bridge","args":{%s}}`)},
	{"macArgsCNI", listOf(`{"type":"bridge","args":{"cni":{%s}}}`)},
	{"vlanRange", listOf(`{"type":"bridge","vlanTrunk":[{"id":3,%s}]}`)},
}

// has reports whether the template has a key at the place of the optional keys.
func (p place) has(key string) bool {
	inList := key == "name" || key == "cniVersion"
	return strings.Contains(p.template, `"`+key+`":`) &&
		(p.definition == "" || !inList || !strings.Contains(p.template, `"plugins":`))
}

func listOf(plugins string) string {
	return `{"cniVersion":"1.1.0","name":"a","plugins":[` + plugins + `]}`
}

// The schema and the readers agree on null and on the empty string as the value of each optional
// key.
func TestSchemaAcceptsWhatValidateAccepts(t *testing.T) {
	var whole struct {
		Properties map[string]json.RawMessage
		Required   []string
		Defs       map[string]struct {
			Properties map[string]json.RawMessage
			Required   []string
		} `json:"$defs"`
	}
	if err := json.Unmarshal(schemaOf(t, ""), &whole); err != nil {
		t.Fatal(err)
	}

	var examples []example
	for _, place := range optionalKeys {
		properties, required := whole.Properties, whole.Required
		if place.definition != "" {
			definition := whole.Defs[place.definition]
			properties, required = definition.Properties, definition.Required
		}
		if len(properties) == 0 {
			t.Errorf("there is no definition %q", place.definition)
		}
		for key := range properties {
			if slices.Contains(required, key) || place.has(key) {
				continue
			}
			for _, value := range values(properties[key]) {
				member := fmt.Sprintf("%q:%s", key, value)
				examples = append(examples, example{"",
					json.RawMessage(fmt.Sprintf(place.template, member))})
			}
		}
	}

	for i, violation := range violations(t, examples) {
		if refusal := refusal(t, examples[i].value); (refusal == "") != (violation == "") {
			t.Errorf("%s\nschema: %s\nvalidate: %s", examples[i].value, violation, refusal)
		}
	}
}

// values are null and, for a key whose value is a text, the empty string. The other types are left
// out, because validate does not look at keys that a plugin does not read.
func values(property json.RawMessage) []string {
	for _, words := range []string{`"string"`, `Backend"`, `Policy"`, `cniVersion"`, `protocol"`} {
		if bytes.Contains(property, []byte(words)) && !bytes.Contains(property, []byte(`"items"`)) {
			return []string{"null", `""`}
		}
	}
	return []string{"null"}
}

// Of null as a value, the reader of configurations and its schema think as Go's libcni does. It
// refuses null for each key of a list, and reads it as an absent key of a plugin.
func TestNullIsReadAsByGoLibcni(t *testing.T) {
	const plugin = `{"name":"a","cniVersion":"1.1.0","type":"bridge","ipam":{},"dns":{},` +
		`"capabilities":{},"prevResult":{}}`
	const list = `{"name":"a","cniVersion":"1.1.0","cniVersions":["1.0.0"],"disableCheck":false,` +
		`"disableGC":false,"loadOnlyInlinedPlugins":false,"plugins":[{"type":"bridge"}]}`
	var examples []example
	var refused []bool
	for _, config := range []struct {
		text, within string
		refuses      []string // by Go's libcni 1.3.1
	}{
		{list, "%s", []string{"name", "cniVersion", "cniVersions", "disableCheck", "disableGC",
			"loadOnlyInlinedPlugins", "plugins"}},
		{plugin, "%s", []string{"name", "type"}}, // the name when it runs the plugin
		{plugin, listOf("%s"), []string{"type"}},
	} {
		var members map[string]json.RawMessage
		if err := json.Unmarshal([]byte(config.text), &members); err != nil {
			t.Fatal(err)
		}
		for key := range members {
			with := maps.Clone(members)
			with[key] = json.RawMessage("null")
			text, err := json.Marshal(with)
			if err != nil {
				t.Fatal(err)
			}
			text = fmt.Appendf(nil, config.within, text)
			examples = append(examples, example{"", text})
			refused = append(refused, slices.Contains(config.refuses, key))
		}
	}

	for i, violation := range violations(t, examples) {
		read := refusal(t, examples[i].value)
		if (read != "") != refused[i] || (violation != "") != refused[i] {
			t.Errorf("%s\nschema: %s\nvalidate: %s\nGo's libcni refuses it: %t", examples[i].value,
				violation, read, refused[i])
		}
	}
}

// refusal is why the verb validate finds a configuration invalid, "" if it does not. A key that
// needs an executable is valid.
func refusal(t *testing.T, config json.RawMessage) string {
	t.Helper()
	request, err := json.Marshal(map[string]any{"network": config,
		"options": map[string]any{"builtins": "only"}})
	if err != nil {
		t.Fatal(err)
	}
	rc, response := core.New(core.Options{}).Call(t.Context(), core.Caller{}, "validate", request)
	if rc == 0 || bytes.Contains(response, []byte(`"kind":"unsupported"`)) {
		return ""
	}
	return string(response)
}
