package strictjson

import (
	"encoding"
	"reflect"
	"strings"

	"github.com/go-json-experiment/json"
)

// fields returns the keys of a struct and their types, those of embedded structs included.
func fields(t reflect.Type) map[string]reflect.Type {
	keys := make(map[string]reflect.Type, t.NumField())
	collect(keys, t)
	return keys
}

func collect(keys map[string]reflect.Type, t reflect.Type) {
	for i := range t.NumField() {
		field := t.Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		switch {
		case name == "-":
		case name == "" && field.Anonymous && deref(field.Type).Kind() == reflect.Struct:
			collect(keys, deref(field.Type))
		case !field.IsExported():
		case name == "":
			keys[field.Name] = field.Type
		default:
			keys[name] = field.Type
		}
	}
}

func deref(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t
}

// isCustom tells whether the type decodes itself, so that its keys are its own affair. jsontext.Value is such a type.
func isCustom(t reflect.Type) bool {
	if t == nil {
		return false
	}
	pointer := reflect.PointerTo(deref(t))
	return pointer.Implements(reflect.TypeFor[json.Unmarshaler]()) ||
		pointer.Implements(reflect.TypeFor[json.UnmarshalerFrom]()) ||
		pointer.Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}

func isInteger(t reflect.Type) bool {
	return t != nil && t.Kind() >= reflect.Int && t.Kind() <= reflect.Uintptr
}

// expected says what JSON a type is written as.
func expected(t reflect.Type) string {
	if t == nil {
		return "another type"
	}
	switch kind := deref(t).Kind(); {
	case kind == reflect.String:
		return "a string"
	case kind == reflect.Bool:
		return "true or false"
	case kind >= reflect.Int && kind <= reflect.Float64:
		return "a number"
	case kind == reflect.Slice || kind == reflect.Array:
		return "an array"
	case kind == reflect.Struct || kind == reflect.Map:
		return "an object"
	}
	return "another type"
}
