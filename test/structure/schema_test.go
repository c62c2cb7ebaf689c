package structure

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"reflect"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/libcni/libcni/core"
	"github.com/libcni/libcni/include"
)

var reference = regexp.MustCompile(`"\$ref": ?"([^"]*)"`)

func TestSchemaReferencesLeadSomewhereAndEverythingIsUsed(t *testing.T) {
	d := describe(t)
	used := map[string]bool{"error": true} // what any function answers when it fails
	for _, m := range reference.FindAllStringSubmatch(string(include.APIDescription), -1) {
		name, found := strings.CutPrefix(m[1], "#/$defs/")
		if !found || d.Defs[name] == nil {
			t.Errorf("$ref %q leads nowhere", m[1])
		}
		used[name] = true
	}
	for name := range d.Defs {
		if !used[name] {
			t.Errorf("$defs/%s is used nowhere", name)
		}
	}
}

func TestEveryVerbHasSchemasAndKinds(t *testing.T) {
	d := describe(t)
	for _, f := range d.Functions {
		if f.Method == "" || f.Method == "describe" {
			continue
		}
		if f.Request.Ref == "" || f.Response.Ref == "" || len(f.Kinds) == 0 {
			t.Errorf("%s lacks a request, a response or kinds", f.Name)
		}
	}
}

// requests are the Go types behind the schemas.
var requests = map[string]any{
	"common":             core.Common{},
	"options":            core.RequestOptions{},
	"delRequest":         core.DelRequest{},
	"gcRequest":          core.GCRequest{},
	"attachmentsRequest": core.AttachmentsRequest{},
	"pluginInfoRequest":  core.PluginInfoRequest{},
	"convertRequest":     core.ConvertRequest{},
	"netnsRequest":       core.CreateNetnsRequest{},

	"volumeTimeouts":            core.VolumeTimeouts{},
	"volumeRequest":             core.VolumeRequest{},
	"volumeCreateRequest":       core.VolumeCreateRequest{},
	"volumeMountRequest":        core.VolumeMountRequest{},
	"volumeListRequest":         core.VolumePluginRequest{},
	"volumeCapabilitiesRequest": core.VolumePluginRequest{},
	"volumePluginsRequest":      core.VolumePluginsRequest{},

	"mountpointResponse":         core.MountpointAnswer{},
	"volume":                     core.Volume{},
	"volumeResponse":             core.VolumeGetAnswer{},
	"volumePluginError":          core.VolumePluginError{},
	"volumeListResponse":         core.VolumeListAnswer{},
	"volumeCapabilitiesResponse": core.VolumeCapabilitiesAnswer{},
	"volumePlugin":               core.VolumePlugin{},
	"volumePluginsResponse":      core.VolumePluginsAnswer{},

	"delResponse":         core.DelAnswer{},
	"gcResponse":          core.GCAnswer{},
	"networksResponse":    core.NetworksAnswer{},
	"attachmentsResponse": core.AttachmentsAnswer{},
	"attachment":          core.Attachment{},
	"pluginsResponse":     core.PluginsAnswer{},
	"plugin":              core.PluginInfo{},
	"validateResponse":    core.ValidateAnswer{},
	"netnsResponse":       core.NetnsAnswer{},
	"fileError":           core.FileError{},
	"error":               core.Error{},
}

func TestSchemasHaveTheKeysOfTheirGoTypes(t *testing.T) {
	d := describe(t)
	for name, value := range requests {
		var schema struct {
			Properties map[string]any `json:"properties"`
		}
		if err := json.Unmarshal(d.Defs[name], &schema); err != nil {
			t.Errorf("$defs/%s: %v", name, err)
			continue
		}
		var described []string
		for key := range schema.Properties {
			described = append(described, key)
		}
		sort.Strings(described)
		if diff := cmp.Diff(described, keys(reflect.TypeOf(value))); diff != "" {
			t.Errorf("%T (-$defs/%s +Go):\n%s", value, name, diff)
		}
	}
}

// keys are the JSON names of a struct's own fields.
func keys(of reflect.Type) []string {
	var names []string
	for i := range of.NumField() {
		if tag := of.Field(i).Tag.Get("json"); tag != "" {
			names = append(names, strings.Split(tag, ",")[0])
		}
	}
	sort.Strings(names)
	return names
}

func TestHeaderListsTheCommonKeysAndOptions(t *testing.T) {
	manual := read(t, "include/cni.h")
	for _, of := range []any{core.Common{}, core.RequestOptions{}} {
		for _, key := range keys(reflect.TypeOf(of)) {
			if !regexp.MustCompile(`(?m)^ \*     (  )?` + key + ` `).MatchString(manual) {
				t.Errorf("cni.h does not list the key %s", key)
			}
		}
	}
}

func TestKindsAreTheSameEverywhere(t *testing.T) {
	d := describe(t)
	var described, inHeader []string
	returns := map[string]string{}
	for _, k := range d.Kinds {
		described = append(described, k.Kind)
		if k.Meaning == "" {
			t.Errorf("kind %s has no meaning", k.Kind)
		}
		for _, number := range k.Errno {
			returns[k.Kind] += " -" + number
		}
	}
	manual := read(t, "include/cni.h")
	table := manual[strings.Index(manual, "kind                   returns"):strings.Index(manual, "Any verb may answer")]
	for _, m := range regexp.MustCompile(`(?m)^ \*     ([a-z-]+)  +(-E[A-Z]+|the)`).FindAllStringSubmatch(table, -1) {
		inHeader = append(inHeader, m[1])
		if wanted := returns[m[1]]; wanted != "" && !strings.HasPrefix(wanted, " "+m[2]) {
			t.Errorf("kind %s returns%s, and %s in cni.h", m[1], wanted, m[2])
		}
	}
	if diff := cmp.Diff(inHeader, described); diff != "" {
		t.Errorf("cni.api.json (-cni.h +description):\n%s", diff)
	}
	if diff := cmp.Diff(inHeader, kindsOfCore(t)); diff != "" {
		t.Errorf("fault.Kind (-cni.h +Go):\n%s", diff)
	}
	known := map[string]bool{}
	for _, kind := range described {
		known[kind] = true
	}
	for _, f := range d.Functions {
		for _, kind := range f.Kinds {
			if !known[kind] {
				t.Errorf("%s: kind %s is not in the list", f.Name, kind)
			}
		}
	}
	python := read(t, "python/cni/errors.py")
	for _, kind := range described {
		if !strings.Contains(python, `"`+kind+`"`) {
			t.Errorf("python/cni/errors.py does not know kind %s", kind)
		}
	}
}

// kindsOfCore returns the constants of type Kind; the package is internal to core.
func kindsOfCore(t *testing.T) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), root+"/core/internal/fault/kind.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var kinds []string
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if of, ok := spec.Type.(*ast.Ident); ok && of.Name == "Kind" {
			text, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			kinds = append(kinds, text)
		}
		return true
	})
	return kinds
}
