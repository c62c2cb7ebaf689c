package main

import (
	"fmt"
	"strings"
	"text/template"

	"github.com/libcni/libcni/api/model"
)

// answers writes the response types of core, and the functions that write them and the error
// object.
func answers(api *source) ([]byte, error) {
	responses := map[*model.Type]bool{}
	var from []*model.Type
	for _, f := range api.Functions {
		if f.IsVerb() && rawTypes[f.Response.Name] == "" {
			responses[f.Response] = true
			from = append(from, f.Response)
		}
	}
	return renderGo("answers", `package core

import (
	"github.com/go-json-experiment/json/jsontext"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/jsonobject"
)
{{range .Types}}{{$type := goType .}}
{{- if outside .}}
{{- if ne .Name "error"}}
{{comment (printf "%s: %s." (goName .Name) .Description)}}
type {{goName .Name}} = {{$type}}
{{end}}
{{- else}}
{{comment (printf "%s: %s." $type .Description)}}
type {{$type}} struct {
{{- range fields .}}
	{{comment .Description}}
	{{.Field}} {{.Type}} `+"`json:\"{{.Tag}}\"`"+`
{{- end}}
}
{{if isResponse .}}
func (v *{{$type}}) appendJSON(dst []byte) []byte { return {{appender .}}(dst, v) }
{{end}}{{end}}
func {{appender .}}(dst []byte, v *{{$type}}) []byte {
	dst = append(dst, '{')
{{- range fields .}}
	{{write .}}
{{- end}}
	return append(dst, '}')
}
{{end}}`, template.FuncMap{
		"comment":    goComment,
		"goName":     goName,
		"goType":     goType,
		"outside":    func(t *model.Type) bool { return strings.Contains(goType(t), ".") },
		"isResponse": func(t *model.Type) bool { return responses[t] },
		"fields":     answerFields,
		"appender":   appenderName,
		"write":      writeField,
	}, struct{ Types []*model.Type }{structs(append(from, api.Error)...)})
}

// faultTypes writes the error object, and the objects within it, for package fault.
func faultTypes(api *source) ([]byte, error) {
	return renderGo("fault", `package fault

import "github.com/go-json-experiment/json/jsontext"
{{range .}}{{$type := goType .}}
{{comment (printf "%s: %s." $type .Description)}}
type {{$type}} struct {
{{- range fields .}}
	{{comment .Description}}
	{{.Field}} {{.Type}} `+"`json:\"{{.Tag}}\"`"+`
{{- end}}
{{- if eq $type "Error"}}

	origin `+"`json:\"-\"`"+`
{{- end}}
}
{{end}}`, template.FuncMap{
		"comment": goComment,
		"goType":  func(t *model.Type) string { return strings.TrimPrefix(goType(t), "fault.") },
		"fields": func(t *model.Type) []goField {
			all := answerFields(t)
			for i := range all {
				all[i].Type = strings.ReplaceAll(all[i].Type, "fault.", "")
			}
			return all
		},
	}, structs(api.Error))
}

// eventType writes the event of the log for package event. The engine encodes it with
// encoding/json: a log is not set in calls that have to be fast.
func eventType(api *source) ([]byte, error) {
	return renderGo("event", `package event
{{with index .Callbacks 0}}
{{comment (printf "Event: %s." .Event.Description)}}
type Event struct {
{{- range fields .Event}}
	{{comment .Description}}
	{{.Field}} {{.Type}} `+"`json:\"{{.Tag}}\"`"+`
{{- end}}
}
{{end}}`, template.FuncMap{"comment": goComment, "fields": answerFields}, api)
}

func answerFields(t *model.Type) []goField {
	var all []goField
	for _, key := range t.Keys {
		f := field(key, false)
		if t.Name == "error" && key.Name == "code" {
			f.Type = "int64"
		}
		all = append(all, f)
	}
	return all
}

// appenderName is the function that writes an object.
func appenderName(t *model.Type) string {
	name := goType(t)
	if strings.HasPrefix(name, "fault.") {
		name = goName(t.Name)
	}
	return "append" + name
}

// writeField is the statement that writes a key. Keys that are not required are left out when they
// are empty.
func writeField(f goField) string {
	value, key := "v."+f.Field, fmt.Sprintf("%q", f.Name)
	call := func(function string, value string) string {
		return fmt.Sprintf("dst = %s(dst, %s, %s)", function, key, value)
	}
	when := func(condition, statement string) string {
		return "if " + condition + " {\n" + statement + "\n}"
	}
	switch f.Value.Form {
	case model.String, model.Enum:
		if f.Type != "string" {
			value = "string(" + value + ")"
		}
		if f.Required {
			return call("appendString", value)
		}
		return call("appendNonempty", value)
	case model.Boolean:
		if f.Required {
			return call("appendBool", value)
		}
		return when(value+" != nil", call("appendBool", "*"+value))
	case model.Integer:
		number := value
		if f.Type != "int64" {
			number = "int64(" + value + ")"
		}
		if f.Required {
			return call("appendInt", number)
		}
		return when(value+" != 0", call("appendInt", number))
	case model.List:
		return writeList(f, value, key)
	}
	return writeObject(f, value, key)
}

func writeList(f goField, value, key string) string {
	function := ", appendPair"
	name := "appendList"
	switch element := f.Value.Element; {
	case element.Form == model.String:
		name, function = "appendStrings", ""
	case isStruct(element.Type):
		function = ", " + appenderName(element.Type)
	}
	write := fmt.Sprintf("dst = %s(dst, %s, %s%s)", name, key, value, function)
	if f.Required {
		return write
	}
	return fmt.Sprintf("if len(%s) > 0 {\n%s\n}", value, write)
}

func writeObject(f goField, value, key string) string {
	switch {
	case f.Type == "jsontext.Value":
		return fmt.Sprintf("dst = appendRaw(dst, %s, %s)", key, value)
	case strings.HasPrefix(f.Type, "map"):
		return fmt.Sprintf("dst = appendMembers(dst, %s, %s)", key, value)
	}
	write := func(value string) string {
		function := appenderName(f.Value.Type)
		return fmt.Sprintf("dst = %s(jsonobject.AppendKey(dst, %s), %s)", function, key, value)
	}
	if f.Required {
		return write("&" + value)
	}
	condition := value + " != nil"
	if canBeEmpty(f.Value.Type) {
		condition += fmt.Sprintf(" && *%s != (%s{})", value, goType(f.Value.Type))
	}
	return "if " + condition + " {\n" + write(value) + "\n}"
}

// canBeEmpty reports whether no key of an object is always written.
func canBeEmpty(t *model.Type) bool {
	for _, key := range t.Keys {
		if key.Required {
			return false
		}
	}
	return true
}
