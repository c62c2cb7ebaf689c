package main

import (
	"bytes"
	"maps"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/libcni/libcni/api/model"
)

const (
	configSchemaPath     = "api/schema_generated.json"
	compressedSchemaPath = configSchemaPath + ".gz"
)

// openObjects are the objects that others add keys to. All other objects of a built-in plugin are
// closed, so that misspelled keys are found.
var openObjects = []string{"capabilityArgs", "macArgs", "macArgsCNI", "ipsArgs", "ipsArgsCNI"}

// strictInLists are the optional keys of a list that may not be null. singlePlugin adds cniVersion.
var strictInLists = map[string]bool{
	"cniVersions": true, "disableCheck": true, "disableGC": true,
	"loadOnlyInlinedPlugins": true, "plugins": true,
}

// compressedSchema writes the copy of the schema that is part of the library.
func compressedSchema(api *source) ([]byte, error) {
	text, err := json.Marshal(newSchemaSet(api.API).document())
	if err != nil {
		return nil, err
	}
	return compress(api, compressedSchemaPath, text)
}

// configSchema writes api/schema_generated.json: the JSON Schema of a configuration list. The
// configuration of each built-in plugin is a definition in it.
func configSchema(api *source) ([]byte, error) {
	text, err := json.Marshal(newSchemaSet(api.API).document(), jsontext.WithIndent("  "))
	return append(bytes.TrimSpace(text), '\n'), err
}

// schemaSet holds the definitions that the schema is made of.
type schemaSet struct {
	api         *model.API
	definitions map[string]schema
}

func newSchemaSet(api *model.API) *schemaSet {
	s := &schemaSet{api: api, definitions: map[string]schema{}}
	for _, t := range api.Types {
		switch {
		case t.Form == model.Enum:
			s.definitions[t.Name] = schema{{"description", t.Description}, {"enum", t.Values}}
		case t.Form == model.Object && t.Name != "kind":
			s.definitions[t.Name] = s.object(t, t.Keys, slices.Contains(openObjects, t.Name))
		}
	}
	for _, b := range api.Builtins {
		s.definitions[b.Type] = s.builtin(b)
	}
	s.definitions["ipamConfig"] = orEmpty(s.byType("ipamConfig", "ipam"))
	s.definitions["pluginConfig"] = s.byType("pluginConfig", "interface", "chained")
	return s
}

func refTo(name string) schema { return schema{{"$ref", "#/$defs/" + name}} }

// builtin describes the configuration of a built-in plugin; of an IPAM plugin the key ipam.
func (s *schemaSet) builtin(b *model.Builtin) schema {
	t := b.Config
	if b.Role == "ipam" {
		t = b.Config.Key("ipam").Value.Type
	}
	object := s.object(t, t.Keys, false)
	for i, m := range object {
		if m.name == "description" {
			object[i].value = b.Summary
		}
		if properties, found := m.value.(schema); found && m.name == "properties" {
			properties[0] = member{"type", schema{
				{"description", b.Summary}, {"const", b.Type}, {"since", b.Since},
			}}
		}
	}
	return object
}

// byType describes a configuration whose type selects its keys. Types that are not built in have
// any keys.
func (s *schemaSet) byType(name string, roles ...string) schema {
	var types []string
	var choices []schema
	for _, b := range s.api.Builtins {
		if !slices.Contains(roles, b.Role) {
			continue
		}
		types = append(types, b.Type)
		choices = append(choices, schema{
			{"if", schema{
				{"properties", schema{{"type", schema{{"const", b.Type}}}}}, {"required", []string{"type"}},
			}},
			{"then", refTo(b.Type)},
		})
	}
	return schema{
		{"description", s.typeNamed(name).Description},
		{"type", "object"},
		{"properties", schema{{"type", schema{
			{"description", "type of the plugin: a built-in one, or the name of an executable"},
			{"anyOf", []schema{
				{{"enum", types}}, {{"type", "string"}, {"pattern", "^[^./][^/]*$"}},
			}},
		}}}},
		{"required", []string{"type"}},
		{"allOf", choices},
	}
}

// orEmpty allows the empty object, too: "ipam": {} asks for an interface without addresses.
func orEmpty(o schema) schema {
	for i := range o {
		if o[i].name == "required" {
			o[i] = member{"anyOf", []schema{{o[i]}, {{"maxProperties", 0}}}}
		}
	}
	return o
}

func (s *schemaSet) typeNamed(name string) *model.Type {
	i := slices.IndexFunc(s.api.Types, func(t *model.Type) bool { return t.Name == name })
	return s.api.Types[i]
}

func (s *schemaSet) object(t *model.Type, keys []*model.Key, open bool) schema {
	properties, required := schema{}, []string{}
	for _, key := range keys {
		properties = append(properties, member{key.Name, s.property(t, key)})
		if key.Required {
			required = append(required, key.Name)
		}
	}
	o := schema{{"description", t.Description}, {"type", "object"}, {"properties", properties}}
	if len(required) > 0 {
		o = append(o, member{"required", required})
	}
	if !open {
		o = append(o, member{"patternProperties", schema{{"^x-", true}}},
			member{"additionalProperties", false})
	}
	return o
}

// property describes a key of an object. An optional one of a plugin may be null, which
// counts as absent.
func (s *schemaSet) property(t *model.Type, key *model.Key) schema {
	var p schema
	switch key.Name {
	case "cniVersion":
		p = schema{{"anyOf", []schema{refTo("cniVersion"), {{"const", ""}}}}}
	case "disableCheck", "disableGC", "loadOnlyInlinedPlugins":
		p = schema{{"anyOf", []schema{
			{{"type", "boolean"}},
			{{"type", "string"}, {"pattern", "^([Tt][Rr][Uu][Ee]|[Ff][Aa][Ll][Ss][Ee])$"}},
		}}}
	case "cniVersions":
		p = schema{{"type", "array"}, {"items", refTo("cniVersion")}}
	case "plugins":
		p = append(s.value(key.Value, key.Required), member{"minItems", 1})
	case "capabilities":
		p = s.capabilities()
	default:
		p = s.value(key.Value, key.Required)
	}
	if !key.Required && !(t.Name == "networkConfig" && strictInLists[key.Name]) {
		p = orAbsent(p, key.Value.Form == model.Enum && !emptyDiffers(key, t.Name))
	}
	p = append(p, member{"description", key.Description})
	if key.Default != nil {
		p = append(p, member{"default", key.Default})
	}
	if key.Unit != "" {
		p = append(p, member{"unit", key.Unit})
	}
	return append(p, member{"since", key.Since})
}

// orAbsent allows null, too, and the empty string if it counts as absent.
func orAbsent(p schema, empty bool) schema {
	absent := schema{{"type", "null"}}
	if empty {
		absent = schema{{"enum", []any{"", nil}}}
	}
	for i := range p {
		if p[i].name == "type" {
			p[i].value = []any{p[i].value, "null"}
			return p
		}
		if alternatives, union := p[i].value.([]schema); union && p[i].name == "anyOf" {
			p[i].value = append(alternatives, absent)
			return p
		}
	}
	return schema{{"anyOf", []schema{p, absent}}}
}

// capabilities describes the object that declares capabilities.
func (s *schemaSet) capabilities() schema {
	properties := schema{}
	for _, key := range s.api.CapabilityArgs.Keys {
		properties = append(properties, member{key.Name, schema{
			{"type", "boolean"}, {"description", key.Description}, {"since", key.Since},
		}})
	}
	return schema{{"type", "object"}, {"properties", properties},
		{"additionalProperties", schema{{"type", "boolean"}}}}
}

// value describes a value. An optional string with a format may be empty.
func (s *schemaSet) value(v model.Value, required bool) schema {
	switch v.Form {
	case model.Enum, model.Object:
		if v.Type != nil {
			return refTo(v.Type.Name)
		}
		return schema{{"type", "object"}}
	case model.List:
		return schema{{"type", "array"}, {"items", s.value(*v.Element, true)}}
	case model.Map:
		return schema{{"type", "object"}, {"additionalProperties", s.value(*v.Element, true)}}
	case model.Union:
		var alternatives []schema
		for _, alternative := range v.Alternatives {
			alternatives = append(alternatives, s.value(alternative, true))
		}
		return schema{{"anyOf", alternatives}}
	}
	return scalar(v, required)
}

// scalar describes a string, a boolean or a number with its limits.
func scalar(v model.Value, required bool) schema {
	p := schema{{"type", string(v.Form)}}
	if v.Pattern != "" {
		p = append(p, member{"pattern", v.Pattern})
	}
	if expression := model.Formats[v.Format]; expression != "" {
		if !required {
			expression = "|" + expression
		}
		p = append(p, member{"pattern", "^(?:" + expression + ")$"})
	}
	for _, limit := range []struct {
		name  string
		value *int64
	}{{"maxLength", v.MaxLength}, {"minimum", v.Minimum}, {"maximum", v.Maximum}} {
		if limit.value != nil {
			p = append(p, member{limit.name, *limit.value})
		}
	}
	return p
}

// document describes a configuration list, with all definitions that it refers to.
func (s *schemaSet) document() schema {
	list := s.typeNamed("networkConfig")
	root := s.object(list, list.Keys, true)
	used := map[string]bool{}
	s.collect(root, used)
	definitions := schema{}
	for _, name := range slices.Sorted(maps.Keys(used)) {
		definitions = append(definitions, member{name, s.definitions[name]})
	}
	head := schema{
		{"$schema", "https://json-schema.org/draft/2020-12/schema"},
		{"$comment", generatedFrom("api/cni.api.json")},
		{"title", "network configuration list"},
	}
	root = append(root, singlePlugin()...)
	return append(append(head, root...), member{"$defs", definitions})
}

// singlePlugin describes the configuration of a single plugin, which is that of one in a list. As
// in Go's libcni, only such a configuration may have a null cniVersion.
func singlePlugin() schema {
	isSingle := schema{{"required", []string{"type"}},
		{"not", schema{{"required", []string{"plugins"}}}}}
	notNull := schema{{"not", schema{{"type", "null"}}}}
	return schema{
		{"if", isSingle}, {"then", refTo("pluginConfig")},
		{"else", schema{{"properties", schema{{"cniVersion", notNull}}}}},
	}
}

// collect adds the definitions that a schema refers to, directly or through others.
func (s *schemaSet) collect(value any, used map[string]bool) {
	switch value := value.(type) {
	case schema:
		for _, m := range value {
			if m.name == "$ref" {
				if name := m.value.(string)[len("#/$defs/"):]; !used[name] {
					used[name] = true
					s.collect(s.definitions[name], used)
				}
				continue
			}
			s.collect(m.value, used)
		}
	case []schema:
		for _, element := range value {
			s.collect(element, used)
		}
	}
}
