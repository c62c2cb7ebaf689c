package main

import (
	"cmp"
	"strings"
	"text/template"

	"github.com/libcni/libcni/api/model"
)

// mixin is a class whose methods are verbs.
type mixin struct {
	name, base, doc string
	volumes, async  bool
}

var mixins = []mixin{
	{"Verbs", "Caller", "The verbs, as methods.", false, false},
	{"AsyncVerbs", "AsyncCaller", "The verbs, as coroutines.", false, true},
	{"VolumeVerbs", "Caller", "The verbs about volumes, as methods.", true, false},
	{"AsyncVolumeVerbs", "AsyncCaller", "The verbs about volumes, as coroutines.", true, true},
}

// pythonVerbMethods writes the classes that clients inherit their verbs from.
func pythonVerbMethods(api *source) ([]byte, error) {
	p := newPython(api)
	var code strings.Builder
	for _, m := range mixins {
		code.WriteString("\n\nclass " + m.name + "(" + m.base + "):\n" + docstring("    ", m.doc))
		for _, f := range p.verbs(m.volumes) {
			code.WriteString(p.method(m, f))
		}
		for _, b := range blocks {
			if f := p.verb(b.verb); ofVolumes(f) == m.volumes {
				code.WriteString(p.block(m, f, b))
			}
		}
	}
	return p.page("verbs.py.in", code.String(), template.FuncMap{
		"imports": func() string {
			return pythonImport("collections.abc", abstractTypes, code.String()) +
				pythonImport("typing", typingNames, code.String()) +
				"\nfrom . import requests, volume\n" +
				pythonImport("._arguments", argumentTools, code.String()) +
				pythonImport("._block", []string{"AsyncBlock", "Block"}, code.String()) +
				pythonImport("._request", requestTools, code.String()) +
				pythonImport(".models", p.classNames(), code.String())
		},
	})
}

// method writes the method that makes a call.
func (p *python) method(m mixin, f *model.Function) string {
	parameters := p.parameters(f)
	returned, _ := p.response(f)
	head, call := "def ", "return self.make(call)"
	if m.async {
		head, call = "async def ", "return await self.make_async(call)"
	}
	return "\n" + signature("    ", head+verbName(f), []string{"self"}, parameters, returned) +
		docstring("        ", p.verbText(f, p.verbHead(f), parameters)...) +
		described(m, f, parameters, nil) + "        " + call + "\n"
}

// described writes the call of the function that describes a verb's call.
func described(
	m mixin, f *model.Function, parameters []parameter, values map[string]string,
) string {
	module := "requests"
	if m.volumes {
		module = "volume"
	}
	var passed []string
	for _, a := range parameters {
		value := cmp.Or(values[a.name], a.name)
		if a.positional {
			passed = append(passed, value)
		} else {
			passed = append(passed, a.name+"="+value)
		}
	}
	passed = append(passed, "**options")
	return bracketed("        ", "call = "+module+"."+verbName(f)+"(", passed, ")")
}

// block is a context manager: a verb makes something at its beginning, which is removed at its end.
type block struct {
	verb, name string
	text       []string
	values     map[string]string // of parameters that may be left out
}

var blocks = []block{
	{verb: "add", name: "attach", text: []string{
		"Attach a container for the duration of a block, as ``add`` and ``delete`` do.",
		"If the block and the removal fail, the error of the block is raised, with a note."}},
	{verb: "netns.create", name: "netns", text: []string{
		"Create a network namespace for the duration of a block, and return its path.",
		"Without name and path, the namespace gets a new name."},
		values: map[string]string{"name": "own_name(name, path)"}},
	{verb: "volume.mount", name: "mounted", text: []string{
		"Mount a volume for the duration of a block, and return its mountpoint.",
		"Without id, the mount gets a new one."},
		values: map[string]string{"id": "own_id(id)"}},
}

// block writes the method that returns a context manager.
func (p *python) block(m mixin, f *model.Function, b block) string {
	parameters := p.parameters(f)
	for i, a := range parameters {
		if b.values[a.name] != "" && !strings.HasPrefix(a.annotation, "Optional") {
			parameters[i].annotation = "Optional[" + a.annotation + "] = None"
		}
	}
	returned, _ := p.response(f)
	class := "Block"
	if m.async {
		class = "AsyncBlock"
	}
	first := []string{"self"}
	return "\n" + signature("    ", "def "+b.name, first, parameters, class+"["+returned+"]") +
		docstring("        ", p.verbText(f, b.text, parameters)...) +
		described(m, f, parameters, b.values) + "        return self.block(call)\n"
}

// pythonOptionFields writes the class that clients inherit their options from.
func pythonOptionFields(api *source) ([]byte, error) {
	p := newPython(api)
	fields, values := p.optionFields()
	return p.page("options.py.in", fields, template.FuncMap{
		"ifName": func() string { return string(p.Common.Key("ifName").Default) },
		"text": func() string {
			head := "Options of calls. An option that is None has the library's default."
			return docstring("    ", append([]string{head}, p.optionTexts...)...)
		},
		"typed": func() string { return strings.Trim(optionTypes(fields), "\n") },
		"values": func() string {
			return strings.TrimRight(bracketed("        ", "return given(", values, ")"), "\n")
		},
		"imports": func() string {
			code := fields + strings.Join(values, " ") + " dict[str, Any] TypedDict"
			return pythonImport("collections.abc", abstractTypes, code) +
				"from dataclasses import dataclass\n" +
				pythonImport("typing", append(typingNames, "TypedDict"), code) + "\n" +
				pythonImport("._arguments", argumentTools, code+" given(") +
				pythonImport("._reading", []string{"Record"}, "Record")
		},
	})
}

// optionTypes returns the fields as those of a TypedDict, which have no default.
func optionTypes(fields string) string {
	return strings.ReplaceAll(literals.ReplaceAllString(fields, ""), " = None\n    \n", "\n")
}

// optionFields returns the fields, and the arguments that make an object of them. The time limits
// in an object have fields of their own.
func (p *python) optionFields() (fields string, values []string) {
	values = []string{"{}"}
	keys, _ := ordered(p.Options)
	for _, key := range keys {
		if key.Value.Form != model.Object {
			annotation, sent := argument(key, "self."+optionField(key.Name))
			fields += p.optionField(optionField(key.Name), annotation, key)
			values = append(values, key.Name+"="+sent)
			continue
		}
		limits := []string{"{}"}
		for _, limit := range key.Value.Type.Keys {
			name := limitField(key.Name, limit.Name)
			annotation, sent := argument(limit, "self."+name)
			named := *limit
			named.Description = "time limit in seconds: " + limit.Description
			fields += p.optionField(name, annotation, &named)
			limits = append(limits, limit.Name+"="+sent)
		}
		text := bracketed("            ", key.Name+"=given(", limits, ")")
		values = append(values, strings.TrimSpace(text)+"\n            or None")
	}
	return fields, values
}

// limitField names a time limit within an option: connectMs of volumeTimeouts is
// volume_connect_timeout.
func limitField(option, limit string) string {
	return strings.TrimSuffix(snake(option), "_timeouts") + "_" + optionField(limit) + "_timeout"
}

func (p *python) optionField(name, annotation string, key *model.Key) string {
	text := p.optionText(key)
	p.optionTexts = append(p.optionTexts, ":ivar "+name+": "+text)
	return "    " + name + ": Optional[" + annotation + "] = None\n" + docstring("    ", text)
}

func (p *python) optionText(key *model.Key) string {
	text := key.Description
	if key.Value.Form == model.Enum {
		text += ": " + values(key.Value.Type)
	}
	if key.Unit == "ms" {
		text = thousands.ReplaceAllString(text, "$1")
	}
	text = asSentence(p.text(text))
	if key.Default != nil {
		text += " Default: " + pythonDefault(key) + "."
	}
	return text
}

// pythonDefault is the default of a key as Python writes it; that of a time limit in seconds.
func pythonDefault(key *model.Key) string {
	text := strings.ReplaceAll(strings.Trim(string(key.Default), "[]"), `"`, "")
	switch {
	case key.Unit == "ms":
		return thousands.ReplaceAllString(text, "$1") + " seconds"
	case key.Value.Form == model.Boolean:
		return "``" + strings.ToUpper(text[:1]) + text[1:] + "``"
	}
	return "``" + strings.Join(strings.Fields(strings.ReplaceAll(text, ",", " ")), "``, ``") + "``"
}
