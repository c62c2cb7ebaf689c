package main

import (
	"strings"
	"text/template"

	"github.com/libcni/libcni/api/model"
)

// pythonErrors writes the exceptions: the base class has the keys of the error object, and each
// kind has a subclass.
func pythonErrors(api *source) ([]byte, error) {
	p := newPython(api)
	attributes := p.attributes()
	var kinds strings.Builder
	for _, k := range p.Kinds {
		kinds.WriteString(p.kind(k))
	}
	models := p.classNames()
	code := attributes + kinds.String()
	return p.page("errors.py.in", kinds.String(), template.FuncMap{
		"attributes": func() string { return attributes },
		"imports": func() string {
			return pythonImport("._reading", readers, code+" SHORT ") +
				pythonImport("._words", []string{"in_python"}, code) +
				pythonImport(".models", models, code)
		},
	})
}

// attributes assigns the attributes of an error from its object.
func (p *python) attributes() string {
	var b strings.Builder
	for _, key := range p.Error.Keys {
		if ofOneKind(key) {
			continue
		}
		f := p.field(p.Error, key)
		name := snake(key.Name)
		if strings.HasPrefix(f.read, "data.get") { // a value of any type
			name += ": " + f.annotation
		}
		b.WriteString("        self." + name + " = " + f.read + "\n")
		b.WriteString(docstring("        ", asSentence(p.fieldText(p.Error, key))))
	}
	return b.String()
}

// builtinBase returns the built-in exception that the errors of a kind are, too.
func builtinBase(k *model.Kind) string {
	base := ""
	for _, errno := range k.Errnos {
		switch other := pythonErrnos[errno]; {
		case base == "" || base == other:
			base = other
		default:
			return ", OSError"
		}
	}
	if base == "" {
		return ""
	}
	return ", " + base
}

func ofOneKind(key *model.Key) bool {
	for _, name := range pythonKindKeys {
		if name == key.Name {
			return true
		}
	}
	return false
}

// kind writes the class of a kind.
func (p *python) kind(k *model.Kind) string {
	text := "\n\nclass " + errorName(k) + "(CNIError" + builtinBase(k) + "):\n" +
		docstring("    ", asSentence(p.text(k.Description))) + "\n    kind = \"" + k.Name + "\"\n"
	name := pythonKindKeys[k.Name]
	if name == "" {
		return text
	}
	key := new(model.Key)
	*key = *p.Error.Key(name)
	key.Description = strings.TrimPrefix(key.Description, "for kind "+k.Name+", ")
	f := p.field(p.Error, key)
	read := strings.ReplaceAll(f.read, "data,", "self.raw,")
	annotation := f.annotation
	if key.Value.Form == model.Object { // an empty one if it is absent
		annotation = className(key.Value.Type)
		read = annotation + `.from_dict(nested(self.raw, "` + name + `")).bound(self.client)`
	}
	return text + p.property(key, annotation, read)
}
