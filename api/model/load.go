package model

import (
	"fmt"
	"slices"
	"strings"
)

// Load reads a description and checks that it is complete.
func Load(data []byte) (*API, error) {
	d, err := decode(data)
	if err != nil {
		return nil, err
	}
	l := loader{
		document: d, types: map[string]*Type{}, schemas: map[string]*schema{},
		functions: map[string]bool{}, used: map[string]bool{"error": true, "common": true},
	}
	api := l.load()
	if len(l.problems) > 0 {
		return nil, fmt.Errorf("cni.api.json: %w", l.problems)
	}
	return api, nil
}

// loader collects what is wrong with a description rather than ending at the first problem.
type loader struct {
	*document
	types     map[string]*Type
	schemas   map[string]*schema
	used      map[string]bool
	functions map[string]bool
	problems  problems
}

type problems []string

func (p problems) Error() string {
	text := p[0]
	for _, problem := range p[1:] {
		text += "\n" + problem
	}
	return text
}

func (l *loader) problem(format string, args ...any) {
	l.problems = append(l.problems, fmt.Sprintf(format, args...))
}

// need reports a text that is missing.
func (l *loader) need(where, what, text string) {
	if text == "" {
		l.problem("%s: %s is missing", where, what)
	}
}

func (l *loader) load() *API {
	api := &API{
		Title: l.Title, ABI: l.ABI, Version: l.Version, Soname: l.Soname,
		MaxRequestBytes: l.MaxRequestBytes,
		Sections:        l.Sections, Kinds: l.Kinds, Codes: l.Codes, Errnos: l.Errnos,
	}
	api.Types = l.loadTypes()
	api.Common, api.Options = l.named("common", "common"), l.named("options", "options")
	api.Error = l.named("error", "error")
	api.CapabilityArgs = l.named("capabilityArgs", "capabilityArgs")
	if len(l.problems) > 0 {
		return nil
	}
	l.checkKinds(api)
	l.checkTimeouts(api)
	for _, f := range l.Functions {
		api.Functions = append(api.Functions, l.function(api, f))
	}
	for _, c := range l.Callbacks {
		api.Callbacks = append(api.Callbacks, l.callback(api, c))
	}
	for _, b := range l.Builtins {
		api.Builtins = append(api.Builtins, l.builtin(api, b))
	}
	for _, f := range l.Files {
		where := "file " + f.Name
		l.need(where, "path", f.Path)
		l.need(where, "summary", f.Summary)
		l.need(where, "since", f.Since)
		api.Files = append(api.Files, &File{Name: f.Name, Path: f.Path, Summary: f.Summary,
			Content: l.named(where, f.Content.name()), Since: f.Since})
	}
	for _, t := range api.Types {
		if !l.used[t.Name] {
			l.problem("$defs/%s is not used", t.Name)
		}
	}
	return api
}

func (l *loader) checkKinds(api *API) {
	for _, k := range api.Kinds {
		where := "kind " + k.Name
		l.need(where, "description", k.Description)
		l.need(where, "since", k.Since)
		l.need(where, "returns", k.Returns)
		if k.Code <= 0 {
			l.problem("%s: the code must be positive", where)
		}
		for _, errno := range k.Errnos {
			if !slices.ContainsFunc(api.Errnos, func(e Errno) bool { return e.Name == errno }) {
				l.problem("%s: %s is not in errnos", where, errno)
			}
		}
	}
}

// checkTimeouts holds the description of options.timeoutMs to the defaults of the sections.
func (l *loader) checkTimeouts(api *API) {
	key := api.Options.Key("timeoutMs")
	for _, s := range api.Sections {
		clause := fmt.Sprintf("for %s the default is %d", s.Name, s.TimeoutMs)
		if s.TimeoutMs != 0 && (key == nil || !strings.Contains(key.Description, clause)) {
			l.problem("options.timeoutMs: the description must say %q", clause)
		}
	}
}

func (l *loader) section(api *API, where, name string) *Section {
	for _, s := range api.Sections {
		if s.Name == name {
			return s
		}
	}
	l.problem("%s: there is no section %q", where, name)
	return &Section{}
}

func (l *loader) function(api *API, from function) *Function {
	f := &Function{
		Name: from.Name, Method: from.Method, Prototype: from.Prototype, Since: from.Since,
		Summary: from.Summary, Command: from.Command, Text: from.Text, Parameters: from.Parameters,
		Blocks: from.Blocks, Cancellable: from.Cancellable, Codes: from.Codes, Returns: from.Returns,
		Section: l.section(api, from.Name, from.Section),
	}
	f.Section.Functions = append(f.Section.Functions, f)
	if l.functions[f.Name] {
		l.problem("%s: there are two functions of this name", f.Name)
	}
	l.functions[f.Name] = true
	l.need(f.Name, "since", f.Since)
	l.need(f.Name, "summary", f.Summary)
	l.need(f.Name, "prototype", f.Prototype)
	if from.Response.Ref != "" {
		f.Response = l.named(f.Name, from.Response.name())
	}
	if from.Request.Ref != "" {
		f.Request = l.named(f.Name, from.Request.name())
		l.verb(api, f, from)
	}
	return f
}

// verb reads what only functions with a request have.
func (l *loader) verb(api *API, f *Function, from function) {
	if want := "int " + f.Name + "(const char *request, char **response)"; f.Prototype != want {
		l.problem("%s: the prototype of a verb is %q", f.Name, want)
	}
	if want := methodOf(f.Name); f.Method != want {
		l.problem("%s: its method is %q", f.Name, want)
	}
	if f.Response == nil {
		l.problem("%s: response is missing", f.Name)
	}
	f.Keys = append(l.keys(f.Name, f.Request, from.Keys), f.Request.Own...)
	f.Positional = l.keys(f.Name, f.Request, from.Positional)
	for _, key := range f.Request.Own {
		if slices.Contains(from.Keys, key.Name) {
			l.problem("%s: keys names common keys, not its own key %s", f.Name, key.Name)
		}
	}
	for _, k := range api.Kinds {
		named := slices.Contains(from.Kinds, k.Name)
		if named {
			f.Kinds = append(f.Kinds, k)
		}
		if named || k.Any {
			f.AllKinds = append(f.AllKinds, k)
		}
		if named && k.Any {
			l.problem("%s: kind %s is one of those that every verb may return", f.Name, k.Name)
		}
	}
	if len(f.Kinds) != len(from.Kinds) {
		l.problem("%s: a kind is unknown or named twice", f.Name)
	}
}

// methodOf names the method of a verb: a dot takes the place of the underscore after these words.
func methodOf(function string) string {
	name := function[len("cni_"):]
	for _, group := range []string{"netns", "volume", "plugin"} {
		if len(name) > len(group) && name[:len(group)+1] == group+"_" {
			return group + "." + name[len(group)+1:]
		}
	}
	return name
}

func (l *loader) keys(where string, of *Type, names []string) []*Key {
	var keys []*Key
	for _, name := range names {
		if key := of.Key(name); key != nil {
			keys = append(keys, key)
		} else {
			l.problem("%s: %s has no key %q", where, of.Name, name)
		}
	}
	return keys
}

func (l *loader) callback(api *API, from callback) *Callback {
	c := &Callback{
		Name: from.Name, Section: l.section(api, from.Name, from.Section),
		Prototype: from.Prototype, Since: from.Since, Summary: from.Summary, Text: from.Text,
		Event: l.named(from.Name, from.Event.name()),
	}
	c.Section.Callbacks = append(c.Section.Callbacks, c)
	l.need(c.Name, "since", c.Since)
	l.need(c.Name, "summary", c.Summary)
	return c
}

func (l *loader) builtin(api *API, from builtin) *Builtin {
	where := "plugin " + from.Type
	l.need(where, "summary", from.Summary)
	l.need(where, "since", from.Since)
	if !slices.Contains([]string{"interface", "ipam", "chained"}, from.Role) {
		l.problem("%s: %q is not a role", where, from.Role)
	}
	b := &Builtin{
		Type: from.Type, Role: from.Role, Summary: from.Summary, Args: from.Args, Since: from.Since,
		Config:       l.named(where, from.Config.name()),
		Capabilities: l.keys(where, api.CapabilityArgs, from.Capabilities),
	}
	for _, key := range b.Keys() {
		if CompareVersions(key.Since, b.Since) < 0 {
			l.problem("%s: key %s is older than the plugin", where, key.Name)
		}
	}
	return b
}
