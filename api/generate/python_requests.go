package main

import (
	"fmt"
	"slices"
	"strings"
	"text/template"

	"github.com/libcni/libcni/api/model"
)

// pythonDiscards are verbs whose response says what the caller gave.
var pythonDiscards = []string{"netns.delete"}

// networkText describes the parameter that stands for the keys network and networkFile.
const networkText = "a network: its name, its configuration, or a path object of its file"

// requestTools and argumentTools are the functions and types of modules _request and _arguments.
var (
	requestTools = []string{
		"AsyncCaller", "Call", "CallOptions", "Caller", "Unpack", "nothing", "options_of",
	}
	argumentTools = []string{
		"Args", "NetworkLike", "NetworkName", "Path", "PluginName", "Valid", "VolumePluginName",
		"chosen", "cni_args", "fspath", "fspaths", "given", "milliseconds", "named", "own_id",
		"own_name", "valid_keys",
	}
)

// callOptions is the parameter that takes every option of a client for one call.
const (
	callOptions     = "**options: Unpack[CallOptions]"
	callOptionsText = ":param options: options of this call, which take precedence over those of " +
		"the client: timeout, ``on_existing`` and the other fields of :class:`cni.Client`"
)

// parameter is an argument of a verb.
type parameter struct {
	name       string
	annotation string // with the default, if it has one
	positional bool
	key        string // of the request; "" for the network, whose key depends on the value
	sent       string // the value of the key
	text       string
}

// pythonRequests writes the functions that describe the calls of verbs.
func pythonRequests(api *source) ([]byte, error) { return newPython(api).requests(false) }

// pythonVolume writes those of the verbs about volumes.
func pythonVolume(api *source) ([]byte, error) { return newPython(api).requests(true) }

func (p *python) requests(volumes bool) ([]byte, error) {
	var code strings.Builder
	page := "requests.py.in"
	shown := []string{"Args", "Call", "CallOptions", "Network", "NetworkLike", "Path", "Valid"}
	if volumes {
		page, shown = "volume.py.in", nil
		for _, t := range p.classes {
			if name := className(t); strings.HasPrefix(t.Name, "volume") {
				shown = append(shown, name)
			}
		}
	}
	for _, f := range p.verbs(volumes) {
		code.WriteString(p.describe(f))
		shown = append(shown, verbName(f))
	}
	all := code.String() + strings.Join(shown, " ")
	return p.page(page, code.String(), template.FuncMap{
		"exported": func() string { return exported(shown) },
		"imports": func() string {
			return pythonImport("collections.abc", abstractTypes, all) +
				pythonImport("typing", typingNames, all) + "\n" +
				pythonImport("._arguments", argumentTools, all) +
				pythonImport("._reading", readers, all) +
				pythonImport("._request", requestTools, all) +
				pythonImport(".models", p.classNames(), all)
		},
	})
}

var (
	abstractTypes = []string{"Iterable", "Mapping", "Sequence"}
	typingNames   = []string{"Any", "Optional", "Union"}
)

func (p *python) classNames() []string {
	var names []string
	for _, t := range p.classes {
		names = append(names, className(t))
	}
	return names
}

// describe writes the function that describes a call.
func (p *python) describe(f *model.Function) string {
	parameters := p.parameters(f)
	returned, decode := p.response(f)
	code := "\n\n" + signature("", "def "+verbName(f), nil, parameters, "Call["+returned+"]")
	code += docstring("    ", p.verbText(f, p.verbHead(f), parameters)...)
	base, keys := "{}", []string(nil)
	for _, a := range parameters {
		if a.key == "" {
			base = a.sent
		} else {
			keys = append(keys, a.key+"="+a.sent)
		}
	}
	code += bracketed("    ", "request = given(", append([]string{base}, keys...), ")")
	arguments := []string{fmt.Sprintf("%q", f.Method), "request", decode, "options_of(options)"}
	return code + bracketed("    ", "return Call(", arguments, ")")
}

// signature writes the head of a function.
func signature(
	indent, name string, first []string, parameters []parameter, returned string,
) string {
	arguments := slices.Clone(first)
	keywords := false
	for _, a := range parameters {
		if !a.positional && !keywords {
			arguments = append(arguments, "*")
			keywords = true
		}
		arguments = append(arguments, a.name+": "+a.annotation)
	}
	return bracketed(indent, name+"(", append(arguments, callOptions), ") -> "+returned+":")
}

// verbHead describes what a verb does.
func (p *python) verbHead(f *model.Function) []string {
	text := []string{p.text(f.Summary)}
	for _, paragraph := range f.Text {
		text = append(text, p.text(paragraph))
	}
	return text
}

// verbText adds the errors and the parameters of a verb to the text about what it does.
func (p *python) verbText(f *model.Function, text []string, parameters []parameter) []string {
	if f.Kinds != nil {
		var names []string
		for _, k := range f.Kinds {
			names = append(names, errorName(k))
		}
		text = append(text, "Raises "+list(names, "or")+", apart from the errors of every call.")
	}
	for _, a := range parameters {
		text = append(text, ":param "+a.name+": "+a.text)
	}
	return append(text, callOptionsText)
}

// parameters returns the arguments of a verb, those by position first.
func (p *python) parameters(f *model.Function) []parameter {
	var positional, keywords []parameter
	for _, key := range append(slices.Clone(f.Keys), f.Request.Key("requestId")) {
		if key.Name == "networkFile" {
			continue
		}
		a := p.parameter(f, key)
		if a.positional = slices.Contains(f.Positional, key); a.positional {
			positional = append(positional, a)
		} else {
			keywords = append(keywords, a)
		}
	}
	return append(positional, keywords...)
}

func (p *python) parameter(f *model.Function, key *model.Key) parameter {
	name := fieldName(f.Request, key)
	if key.Unit == "ms" { // seconds, as everywhere in Python
		name = optionField(key.Name)
	}
	a := parameter{name: name, key: key.Name, sent: name, text: p.keyText(key)}
	required := key.Required
	if key.Name == "network" && f.Uses("networkFile") {
		a.key, a.sent, a.text = "", "chosen("+name+")", networkText
		a.annotation = "NetworkLike"
		required = len(f.Request.Choices) > 0
	} else {
		a.annotation, a.sent = argument(key, name)
	}
	if key.Unit == "ms" {
		a.text = thousands.ReplaceAllString(p.text(key.Description), "$1") + " (seconds)"
	}
	if key.Default != nil && key.Value.Form != model.Boolean {
		a.text += "; default " + pythonDefault(key)
	}
	switch {
	case required:
	case key.Value.Form == model.Boolean && string(key.Default) == "false":
		a.annotation += " = False"
		a.sent = name + " or None"
	default:
		a.annotation = "Optional[" + a.annotation + "] = None"
	}
	return a
}

// argument returns the type of a key as an argument, and the value to send.
func argument(key *model.Key, name string) (annotation, sent string) {
	paths := slices.Contains(pythonPaths, key.Name)
	switch v := key.Value; {
	case pythonListed[key.Name] != "" && v.Form != model.Map:
		return pythonListed[key.Name], "named(" + name + ")"
	case key.Name == "args":
		return "Args", "cni_args(" + name + ")"
	case v.Form == model.List && paths:
		return "Sequence[Path]", "fspaths(" + name + ")"
	case v.Form == model.List && v.Element.Type != nil && v.Element.Type.Name == "validAttachment":
		return "Iterable[Valid]", "valid_keys(" + name + ")"
	case v.Form == model.List && v.Element.Form == model.Object:
		return "Sequence[Mapping[str, Any]]", name
	case v.Form == model.List:
		return "Sequence[str]", name
	case v.Form == model.Map && v.Element.Form == model.String:
		return "Mapping[str, str]", name
	case v.Form == model.Object && v.Type != nil && v.Type.Name == "result":
		return "Union[Result, Mapping[str, Any]]", name
	case v.Form == model.Object || v.Form == model.Map:
		return "Mapping[str, Any]", name
	case v.Form == model.Boolean:
		return "bool", name
	case key.Unit == "ms":
		return "float", fmt.Sprintf("milliseconds(%s, %q)", name, strings.TrimPrefix(name, "self."))
	case v.Form == model.Integer:
		return "int", name
	case paths:
		return "Path", "fspath(" + name + ")"
	}
	return "str", name
}

// response returns what a verb returns, and the expression of the function that makes it.
func (p *python) response(f *model.Function) (returned, decode string) {
	t := f.Response
	if len(t.Keys) == 0 || slices.Contains(pythonDiscards, f.Method) {
		return "None", "nothing"
	}
	key := unwrapped(t)
	if key == nil {
		return className(t), className(t) + ".from_dict"
	}
	value := p.field(t, key)
	if key.Value.Form == model.Object && key.Value.Type == nil {
		return "dict[str, Any]", fmt.Sprintf("lambda data: dict(nested(data, %q))", key.Name)
	}
	if key.Value.Form == model.Object {
		class := className(key.Value.Type)
		return class, fmt.Sprintf("lambda data: %s.from_dict(nested(data, %q))", class, key.Name)
	}
	return value.annotation, "lambda data: " + value.read
}
