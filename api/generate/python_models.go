package main

import (
	"cmp"
	"strings"
	"text/template"

	"github.com/libcni/libcni/api/model"
)

// pythonAdditions are members that follow from no key.
var pythonAdditions = map[string]string{
	"result": `
    @property
    def addresses(self) -> tuple[IPInterface, ...]:
        """All addresses, in the order of the result."""
        return tuple(config.address for config in self.ips)
`,
}

// pythonBases are the base classes of classes that have methods.
var pythonBases = map[string]string{"attachment": "Handle, Record", "result": "Attached, Record"}

// pythonHidden are the fields that the representation of an object leaves out.
var pythonHidden = map[string]bool{"attachment.result": true}

// readers are the functions and types of module _reading.
var readers = []string{
	"IPAddress", "IPInterface", "IPNetwork", "Raw", "address", "addresses", "each", "errno_number",
	"Record", "SHORT", "nested", "number", "objects", "optional", "pairs", "parsed", "plugin_types",
	"routes", "text", "texts", "whole",
}

// pythonModels writes the classes of responses.
func pythonModels(api *source) ([]byte, error) {
	p := newPython(api)
	var code strings.Builder
	for _, t := range p.classes {
		code.WriteString(p.class(t))
	}
	return p.page("models.py.in", code.String(), template.FuncMap{
		"imports": func() string {
			return pythonImport("collections.abc", []string{"Iterator"}, code.String()) +
				"from dataclasses import dataclass, field\n" +
				pythonImport("ipaddress", []string{"ip_address", "ip_network"}, code.String()) +
				pythonImport("typing", []string{"Optional"}, code.String()) + "\n" +
				pythonImport("._handle", []string{"Attached", "Handle"}, code.String()) +
				pythonImport("._reading", readers, code.String())
		},
	})
}

// page fills a page of the Python package, whose hand-written part is in api/python.
func (p *python) page(name, code string, functions template.FuncMap) ([]byte, error) {
	text, err := p.read("api/python/" + name)
	if err != nil {
		return nil, err
	}
	all := fromDescription()
	all["code"] = func() string { return strings.Trim(code, "\n") }
	for function, f := range functions {
		all[function] = f
	}
	page, err := render(name, text, all, p)
	return []byte(strings.TrimRight(string(page), "\n") + "\n"), err
}

// class writes the dataclass of an object.
func (p *python) class(t *model.Type) string {
	var b strings.Builder
	bases := cmp.Or(pythonBases[t.Name], "Record")
	b.WriteString("\n\n@dataclass(frozen=True, repr=False)\n")
	b.WriteString("class " + className(t) + "(" + bases + "):\n")
	var reads []string
	keys, withDefault := ordered(t)
	b.WriteString(docstring("    ", p.classText(t, keys)...) + "\n")
	for _, key := range keys {
		f := p.field(t, key)
		if f.isMapping() {
			continue
		}
		name := fieldName(t, key)
		reads = append(reads, name+"="+f.read)
		b.WriteString("    " + name + ": " + f.annotation)
		switch {
		case pythonHidden[t.Name+"."+key.Name]:
			b.WriteString(" = field(default=" + f.missing + ", repr=False)")
		case withDefault[key]:
			b.WriteString(" = " + f.missing)
		}
		b.WriteString("\n" + docstring("    ", asSentence(p.fieldText(t, key))))
	}
	b.WriteString("    raw: Raw = field(default_factory=dict, compare=False, repr=False)\n")
	b.WriteString("\n    @classmethod\n    def from_dict(cls, data: Raw) -> " + className(t) + ":\n")
	b.WriteString(bracketed("        ", "return cls(", append(reads, "raw=data"), ")"))
	for _, key := range keys {
		if f := p.field(t, key); f.isMapping() {
			b.WriteString(p.property(key, "Raw", `nested(self.raw, "`+key.Name+`")`))
		}
	}
	return b.String() + iteration(t) + pythonAdditions[t.Name]
}

// classText describes a class and its attributes.
func (p *python) classText(t *model.Type, keys []*model.Key) []string {
	text := []string{asSentence(p.text(t.Description))}
	for _, key := range keys {
		name := fieldName(t, key)
		text = append(text, ":ivar "+name+": "+asSentence(p.fieldText(t, key)))
	}
	return append(text, ":ivar raw: The JSON object that it was made from.")
}

// property writes a member that is read from raw when it is asked for.
func (p *python) property(key *model.Key, annotation, read string) string {
	return "\n    @property\n    def " + snake(key.Name) + "(self) -> " + annotation + ":\n" +
		docstring("        ", asSentence(p.keyText(key))) + "        return " + read + "\n"
}

// iteration makes a list of what a response lists.
func iteration(t *model.Type) string {
	key := pythonLists[t.Name]
	if key == "" {
		return ""
	}
	element := className(t.Key(key).Value.Element.Type)
	return "\n    def __iter__(self) -> Iterator[" + element + "]:\n" +
		"        return iter(self." + snake(key) + ")\n" +
		"\n    def __len__(self) -> int:\n" +
		"        return len(self." + snake(key) + ")\n"
}
