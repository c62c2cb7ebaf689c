package structure

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"reflect"
	"sort"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/libcni/libcni/core"
)

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

func TestKindsAreTheSameEverywhere(t *testing.T) {
	d := describe(t)
	var described []string
	for _, k := range d.Kinds {
		described = append(described, k.Kind)
	}
	if diff := cmp.Diff(described, kindsOfCore(t)); diff != "" {
		t.Errorf("fault.Kind (-description +Go):\n%s", diff)
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
