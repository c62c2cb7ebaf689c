package main

import (
	"fmt"
	"strings"
	"text/template"

	"github.com/libcni/libcni/api/model"
)

// requests writes the request types of core, and the tables by which they are read.
func requests(api *source) ([]byte, error) {
	from := []*model.Type{api.Common}
	for _, f := range api.Functions {
		if f.IsVerb() {
			from = append(from, f.Request)
		}
	}
	return renderGo("requests", `package core

import (
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/libcni/libcni/core/internal/invoke"
	"github.com/libcni/libcni/core/internal/jsonobject"
)
{{range .Types}}
{{comment (printf "%s: %s." (goType .) .Description)}}
type {{goType .}} struct {
{{- if isRequest .}}
	Common
{{- end}}
{{- range fields .}}
	{{comment .Description}}
	{{.Field}} {{.Type}} `+"`json:\"{{.Tag}}\"`"+`
{{- end}}
}

func (r *{{goType .}}) fields() jsonobject.Fields {
{{- if isRequest .}}
	return {{if .Own}}append(r.Common.fields(), jsonobject.Fields{ {{- range fields .}}
		{"{{.Name}}", {{target .}}},{{end}}
	}...){{else}}r.Common.fields(){{end}}
{{- else}}
	return jsonobject.Fields{ {{- range fields .}}
		{"{{.Name}}", {{target .}}},{{end}}
	}
{{- end}}
}
{{end}}
// fillDefaults sets the options that are absent and whose default is a string or a list.
func (o *RequestOptions) fillDefaults() {
{{- range fields .Options}}{{with fill .}}
	{{.}}
{{- end}}{{end}}
}

// Defaults of keys that are not filled in.
const (
{{- range fields .Common}}{{if .Default}}
	default{{.Field}} = {{printf "%s" .Default}}
{{- end}}{{end}}
{{- range fields .Options}}{{if and .Default (eq (slice .Type 0 1) "*")}}
	{{constant "default" .}}
{{- end}}{{end}}
{{- range timeouts .Options}}{{range fields .}}
	{{constant "defaultVolume" .}}
{{- end}}{{end}}
{{- range .Sections}}{{if .TimeoutMs}}
	default{{sectionName .}}Timeout = {{.TimeoutMs}} * time.Millisecond
{{- end}}{{end}}
)
`, template.FuncMap{
		"comment":   goComment,
		"goType":    goType,
		"isRequest": func(t *model.Type) bool { return t.Base != nil },
		"fields": func(t *model.Type) []goField {
			var all []goField
			for _, key := range t.Own {
				all = append(all, field(key, true))
			}
			return all
		},
		"target":   readTarget,
		"constant": defaultConstant,
		"fill":     fillDefault,
		"sectionName": func(s *model.Section) string {
			name := strings.TrimSuffix(s.Name, "s")
			return strings.ToUpper(name[:1]) + name[1:]
		},
		"timeouts": func(t *model.Type) []*model.Type { return structs(t)[1:] },
	}, struct {
		Types           []*model.Type
		Common, Options *model.Type
		Sections        []*model.Section
	}{structs(from...), api.Common, api.Options, api.Sections})
}

// goComment writes a comment of Go.
func goComment(text string) string {
	const indent = "\t" // of a field; the comment of a type is as narrow
	return strings.ReplaceAll(wrap(indent+"// ", text), indent, "")
}

// readTarget is where jsonobject puts the value of a key.
func readTarget(f goField) string {
	place := "r." + f.Field
	switch v := f.Value; {
	case f.Type == "Args":
		return place + ".read"
	case v.Form == model.Enum && f.Type != "string":
		return "(*string)(&" + place + ")"
	case v.Form == model.Object && isStruct(v.Type):
		return place + ".fields()"
	case v.Form == model.List && isStruct(v.Element.Type):
		element := goType(v.Element.Type)
		list := fmt.Sprintf("jsonobject.List(%%s, func(v *%s) any { return v.fields() })", element)
		if strings.HasPrefix(f.Type, "*") {
			read := fmt.Sprintf("func(list *[]%s) any { return %s }", element, fmt.Sprintf(list, "list"))
			return fmt.Sprintf("jsonobject.Optional(&%s, %s)", place, read)
		}
		return fmt.Sprintf(list, "&"+place)
	}
	return "&" + place
}

// fillDefault sets a string or a list that is absent to its default.
func fillDefault(f goField) string {
	switch f.Value.Form {
	case model.String, model.Enum:
		if f.Default != nil {
			return fmt.Sprintf("setDefault(&o.%s, %s)", f.Field, f.Default)
		}
	case model.List:
		if f.Default != nil {
			items := strings.Trim(string(f.Default), "[]")
			return fmt.Sprintf("if o.%[1]s == nil {\no.%[1]s = %[2]s{%[3]s}\n}", f.Field, f.Type, items)
		}
	}
	return ""
}

// defaultConstant is the constant for the default of an option that tells its zero value from
// absence. Milliseconds become a duration.
func defaultConstant(prefix string, f goField) string {
	if f.Unit == "ms" {
		name := prefix + strings.TrimSuffix(f.Field, "Ms")
		return fmt.Sprintf("%s = %s * time.Millisecond", name, f.Default)
	}
	return fmt.Sprintf("%s%s = %s", prefix, f.Field, f.Default)
}
