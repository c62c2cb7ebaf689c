package main

import (
	"bytes"
	"strings"
	"unicode"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/libcni/libcni/api/model"
)

// schema is an object of JSON Schema whose members keep their order.
type schema []member

type member struct {
	name  string
	value any
}

// MarshalJSONTo writes the members in order.
func (s schema) MarshalJSONTo(enc *jsontext.Encoder) error {
	if err := enc.WriteToken(jsontext.BeginObject); err != nil {
		return err
	}
	for _, m := range s {
		if err := enc.WriteToken(jsontext.String(m.name)); err != nil {
			return err
		}
		if err := json.MarshalEncode(enc, m.value); err != nil {
			return err
		}
	}
	return enc.WriteToken(jsontext.EndObject)
}

// types writes api/types_generated.json, the objects for generators of code: each request lists the
// keys that its functions use and no others, nothing is inherited, and what only validators
// understand is left out.
func types(api *source) ([]byte, error) {
	inFiles := onlyInFiles(api.API)
	var definitions schema
	for _, t := range api.Types {
		if t == api.Common || inFiles[t] {
			continue
		}
		definitions = append(definitions, member{typeName(t), definition(api.API, t)})
	}
	text, err := json.Marshal(schema{
		{"$schema", "https://json-schema.org/draft/2020-12/schema"},
		{"$comment", generatedFrom("api/cni.api.json")},
		{"title", "Libcni"},
		{"$defs", definitions},
	}, jsontext.WithIndent("  "))
	return append(bytes.TrimSpace(text), '\n'), err
}

// typeName is the name that generators give to a type.
func typeName(t *model.Type) string {
	runes := []rune(t.Name)
	runes[0] = unicode.ToUpper(runes[0])
	return string(runes)
}

// onlyInFiles returns the types that programs meet in no request and no response.
func onlyInFiles(api *model.API) map[*model.Type]bool {
	only := map[*model.Type]bool{}
	for _, f := range api.Files {
		markWithin(f.Content, only, true)
	}
	for _, f := range api.Functions {
		markWithin(f.Request, only, false)
		markWithin(f.Response, only, false)
	}
	markWithin(api.CapabilityArgs, only, false)
	return only
}

// markWithin sets the mark of a type and of the types within it.
func markWithin(t *model.Type, marks map[*model.Type]bool, mark bool) {
	if was, marked := marks[t]; t == nil || marked && was == mark {
		return
	}
	marks[t] = mark
	for _, key := range t.Keys {
		for v := &key.Value; v != nil; v = v.Element {
			markWithin(v.Type, marks, mark)
		}
	}
}

func definition(api *model.API, t *model.Type) schema {
	s := schema{{"title", typeName(t)}, {"description", t.Description}}
	switch {
	case t.Name == "kind":
		// The description lists the kinds elsewhere.
		var names []string
		for _, kind := range api.Kinds {
			names = append(names, kind.Name)
		}
		return append(s, member{"type", "string"}, member{"enum", names})
	case t.Form == model.Enum:
		return append(s, member{"type", "string"}, member{"enum", t.Values})
	case t.Form == model.String:
		return append(s, member{"type", "string"})
	}
	properties, required := schema{}, []string{}
	for _, key := range usedKeys(api, t) {
		properties = append(properties, member{key.Name, property(key)})
		if key.Required {
			required = append(required, key.Name)
		}
	}
	s = append(s, member{"type", "object"}, member{"properties", properties})
	if len(required) > 0 {
		s = append(s, member{"required", required})
	}
	return append(s, member{"additionalProperties", isOpen(t)})
}

// isOpen reports whether an object of this type may have further keys: responses and what is CNI's.
func isOpen(t *model.Type) bool { return t.Open && !t.Private }

// usedKeys are the keys of an object; of a request those that its functions use.
func usedKeys(api *model.API, t *model.Type) []*model.Key {
	used := map[string]bool{"requestId": true, "options": true}
	isRequest := false
	for _, f := range api.Functions {
		if f.Request != t {
			continue
		}
		isRequest = true
		for _, key := range f.Keys {
			used[key.Name] = true
		}
	}
	if !isRequest {
		return t.Keys
	}
	var keys []*model.Key
	for _, key := range t.Keys {
		if used[key.Name] {
			keys = append(keys, key)
		}
	}
	return keys
}

func property(key *model.Key) schema {
	s := value(key.Value)
	if s[0].name == "$ref" {
		// Beside "$ref" generators ignore a description, or make a second type of it.
		s = schema{{"anyOf", []schema{s}}}
	}
	s = append(s, member{"description", sentence(key)})
	if key.Default != nil {
		s = append(s, member{"default", key.Default})
	}
	return s
}

// sentence is the description of a key with its unit.
func sentence(key *model.Key) string {
	if key.Unit == "ms" {
		return key.Description + " (milliseconds)"
	}
	return key.Description
}

func value(v model.Value) schema {
	switch v.Form {
	case model.Enum, model.Object:
		if v.Type != nil {
			return schema{{"$ref", "#/$defs/" + typeName(v.Type)}}
		}
		return schema{{"type", "object"}, {"additionalProperties", true}}
	case model.List:
		return schema{{"type", "array"}, {"items", value(*v.Element)}}
	case model.Map:
		return schema{{"type", "object"}, {"additionalProperties", value(*v.Element)}}
	case model.Pair:
		return schema{
			{"type", "array"}, {"items", schema{{"type", "string"}}}, {"minItems", 2}, {"maxItems", 2},
		}
	case model.Union:
		var alternatives []schema
		for _, alternative := range v.Alternatives {
			alternatives = append(alternatives, value(alternative))
		}
		return schema{{"anyOf", alternatives}}
	}
	if v.Type != nil {
		return schema{{"$ref", "#/$defs/" + typeName(v.Type)}}
	}
	return schema{{"type", strings.ToLower(string(v.Form))}}
}
