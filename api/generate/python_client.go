package main

import (
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
	}
	return p.page("verbs.py.in", code.String(), template.FuncMap{
		"imports": func() string {
			return pythonImport("collections.abc", abstractTypes, code.String()) +
				pythonImport("typing", typingNames, code.String()) +
				"\nfrom . import requests, volume\n" +
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
	module := "requests"
	if m.volumes {
		module = "volume"
	}
	var passed []string
	for _, a := range parameters {
		if a.positional {
			passed = append(passed, a.name)
		} else {
			passed = append(passed, a.name+"="+a.name)
		}
	}
	return "\n" + signature("    ", head+verbName(f), []string{"self"}, parameters, returned) +
		docstring("        ", p.verbText(f, parameters)...) +
		bracketed("        ", "call = "+module+"."+verbName(f)+"(", passed, ")") +
		"        " + call + "\n"
}

// pythonOptionFields writes the class that clients inherit their options from.
func pythonOptionFields(api *source) ([]byte, error) {
	p := newPython(api)
	fields, values := p.optionFields()
	return p.page("options.py.in", fields, template.FuncMap{
		"values": func() string {
			return strings.TrimRight(bracketed("        ", "return given(", values, ")"), "\n")
		},
		"imports": func() string {
			code := fields + strings.Join(values, " ") + " dict[str, Any]"
			return pythonImport("collections.abc", abstractTypes, code) +
				"from dataclasses import dataclass\n" +
				pythonImport("typing", typingNames, code) + "\n" +
				pythonImport("._request", requestTools, code+" given(")
		},
	})
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
	return "    " + name + ": Optional[" + annotation + "] = None\n" + docstring("    ", text)
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
