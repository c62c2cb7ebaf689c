package structure

import (
	"encoding/json"
	"reflect"
	"sort"
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
	"netnsRequest":       core.NetnsCreateRequest{},

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

func TestPythonKnowsEveryKind(t *testing.T) {
	python := read(t, "python/cni/errors.py")
	for _, kind := range describe(t).Kinds {
		if !strings.Contains(python, `"`+kind.Kind+`"`) {
			t.Errorf("python/cni/errors.py does not know kind %s", kind.Kind)
		}
	}
}
