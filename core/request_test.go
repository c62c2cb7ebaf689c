package core

import (
	"fmt"
	"reflect"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/libcni/libcni/core/internal/strictjson"
)

// allRequests has one of each type.
func allRequests() []request {
	return []request{
		&AddRequest{}, &DelRequest{}, &CheckRequest{}, &GCRequest{}, &StatusRequest{}, &AttachmentsRequest{}, &NetworksRequest{},
		&ValidateRequest{}, &PluginsRequest{}, &PluginInfoRequest{}, &ConvertRequest{}, &RepairRequest{}, &NetnsCreateRequest{},
		&NetnsDeleteRequest{}, &VolumeRequest{}, &VolumeCreateRequest{}, &VolumeMountRequest{}, &VolumePluginRequest{}, &VolumePluginsRequest{},
	}
}

// The tags of a request are its documentation, which is held against the public one; the fields are what is read.
func TestRequestsAreReadByTheKeysOfTheirTags(t *testing.T) {
	for _, want := range allRequests() {
		t.Run(fmt.Sprintf("%T", want), func(t *testing.T) {
			fill(t, reflect.ValueOf(want).Elem())
			text, err := json.Marshal(want, json.Deterministic(true))
			if err != nil {
				t.Fatal(err)
			}
			got := reflect.New(reflect.TypeOf(want).Elem()).Interface().(request)
			if err := new(strictjson.Decoder).Decode(text, got.fields(), got.ignoreUnknown()); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s (-written +read)\n%s", text, diff)
			}
		})
	}
}

// fill sets everything within v to something that is not its zero value, and differs from what is beside it.
func fill(t *testing.T, v reflect.Value) {
	t.Helper()
	switch v.Interface().(type) {
	case jsontext.Value:
		v.SetBytes([]byte(`{"raw":1}`))
		return
	case Args, [][2]string:
		v.Set(reflect.ValueOf([][2]string{{"K", "a"}, {"K", "b"}}).Convert(v.Type()))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if !v.Field(i).CanSet() {
				continue
			}
			fill(t, v.Field(i))
			if v.Field(i).Kind() == reflect.String {
				v.Field(i).SetString(v.Type().Field(i).Name)
			}
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(t, v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(t, v.Index(0))
		fill(t, v.Index(1))
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		value := reflect.New(v.Type().Elem()).Elem()
		fill(t, value)
		v.SetMapIndex(reflect.ValueOf("key"), value)
	case reflect.String:
		v.SetString("text")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int64, reflect.Int:
		v.SetInt(1<<53 + 1)
	default:
		t.Fatalf("%s is not filled", v.Type())
	}
}
