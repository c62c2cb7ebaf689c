package main

import (
	"fmt"
	"strings"

	"github.com/libcni/libcni/api/model"
)

// goTypeNames are the Go types of definitions whose name is not that of the definition. Types of
// package fault are generated there, so that errors can carry them.
var goTypeNames = map[string]string{
	"options":           "RequestOptions",
	"plugin":            "PluginInfo",
	"empty":             "none",
	"error":             "fault.Error",
	"attachment":        "fault.Attachment",
	"drift":             "fault.Drift",
	"errorPlugin":       "fault.Plugin",
	"errorVolumePlugin": "fault.VolumePlugin",
	"kind":              "fault.Kind",
	"builtinsMode":      "invoke.Builtins",
}

// rawTypes are the objects that core handles as JSON text.
var rawTypes = map[string]string{
	"result":         "jsontext.Value",
	"networkConfig":  "jsontext.Value",
	"capabilityArgs": "map[string]jsontext.Value",
}

// goType is the Go type of a definition, such as DelRequest and DelAnswer.
func goType(t *model.Type) string {
	if raw := rawTypes[t.Name]; raw != "" {
		return raw
	}
	if name := goTypeNames[t.Name]; name != "" {
		return name
	}
	if t.Form == model.Enum || t.Form == model.String {
		return "string"
	}
	name := goName(t.Name)
	if stem, isResponse := strings.CutSuffix(name, "Response"); isResponse {
		return stem + "Answer"
	}
	return name
}

// isStruct reports whether an object becomes a Go struct.
func isStruct(t *model.Type) bool {
	return t != nil && t.Form == model.Object && rawTypes[t.Name] == "" && len(t.Keys) > 0
}

// goField is a key as a field of a struct.
type goField struct {
	*model.Key
	Field, Type string
	Tag         string
}

// field returns the Go field of a key. A request distinguishes a number from its absence, a bool
// only if it is true by default.
func field(key *model.Key, request bool) goField {
	f := goField{Key: key, Field: goName(key.Name), Type: valueType(key.Value, request), Tag: key.Name}
	switch {
	case request:
		if optional := key.Value.Form == model.Integer || string(key.Default) == "true" ||
			key.Required && key.Value.Form == model.List; optional {
			f.Type = "*" + f.Type
		}
	case !key.Required:
		f.Tag += ",omitempty"
		if key.Value.Form == model.Boolean || isStruct(key.Value.Type) {
			f.Type = "*" + f.Type
		}
		if key.Value.Form == model.Integer {
			f.Tag = key.Name + ",omitzero"
		}
	}
	return f
}

func valueType(v model.Value, request bool) string {
	switch v.Form {
	case model.String:
		if v.Type != nil {
			return goType(v.Type)
		}
		return "string"
	case model.Enum:
		return goType(v.Type)
	case model.Boolean:
		return "bool"
	case model.Integer:
		if request {
			return "int64"
		}
		return "int"
	case model.Number:
		return "float64"
	case model.Pair:
		return "[2]string"
	case model.List:
		return "[]" + valueType(*v.Element, request)
	case model.Map:
		return "map[string]" + valueType(*v.Element, request)
	case model.Object:
		if v.Type != nil {
			return goType(v.Type)
		}
		return "jsontext.Value"
	case model.Union:
		return unionType(v)
	}
	panic(fmt.Sprintf("form %s has no Go type", v.Form))
}

// unionType is the type of the keys args, which has a type of its own, and network, which is raw.
func unionType(v model.Value) string {
	for _, alternative := range v.Alternatives {
		if alternative.Form == model.List && alternative.Element.Form == model.Pair {
			return "Args"
		}
	}
	return "jsontext.Value"
}

// structs returns the objects that become Go structs among those that are reachable from a list.
func structs(from ...*model.Type) []*model.Type {
	var all []*model.Type
	seen := map[*model.Type]bool{}
	var visit func(*model.Type)
	visitValue := func(v *model.Value) {
		for ; v != nil; v = v.Element {
			visit(v.Type)
		}
	}
	visit = func(t *model.Type) {
		if !isStruct(t) || seen[t] {
			return
		}
		seen[t] = true
		all = append(all, t)
		for _, key := range t.Own {
			visitValue(&key.Value)
		}
	}
	for _, t := range from {
		visit(t)
	}
	return all
}
