package main

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/libcni/libcni/api/model"
)

var (
	cName      = regexp.MustCompile(`\bcni_[a-z_]+[a-z]\b`)
	optionName = regexp.MustCompile(`\boptions\.([A-Za-z]+)`)
	camelName  = regexp.MustCompile(`\b(?:[a-z]+[A-Z][A-Za-z]*|netns)\b`)
	thousands  = regexp.MustCompile(`\b(\d+)000\b`)
)

// oneNetwork puts the parameter network in place of the keys that it stands for.
var oneNetwork = strings.NewReplacer(
	"network, networkFile and", "network and",
	"network and networkFile", "network",
	"network or networkFile", "network",
)

// text puts Python's names in place of those of C and JSON.
func (p *python) text(s string) string {
	s = oneNetwork.Replace(s)
	for _, k := range p.Kinds {
		s = strings.ReplaceAll(s, "return kind "+k.Name, "raise "+errorName(k))
		s = strings.ReplaceAll(s, "causes kind "+k.Name, "raises "+errorName(k))
	}
	s = cName.ReplaceAllStringFunc(s, func(name string) string {
		for _, f := range p.Functions {
			switch {
			case f.Name == name && f.IsVerb() && ofVolumes(f):
				return "``volumes." + verbName(f) + "``"
			case f.Name == name && f.IsVerb():
				return "``" + verbName(f) + "``"
			case f.Name == name:
				return "``" + f.Verb() + "``"
			}
		}
		return name
	})
	s = optionName.ReplaceAllStringFunc(s, func(name string) string {
		return "``" + optionField(strings.TrimPrefix(name, "options.")) + "``"
	})
	return camelName.ReplaceAllStringFunc(s, func(name string) string {
		switch {
		case p.Options.Key(name) != nil:
			return "``" + optionField(name) + "``"
		case p.keys[name]:
			return "``" + snake(name) + "``"
		}
		return name
	})
}

// keyText describes a key: what it is, its values and its unit.
func (p *python) keyText(key *model.Key) string {
	text := key.Description
	if key.Value.Form == model.Enum {
		text += ": " + values(key.Value.Type)
	}
	if slices.Contains([]string{"byte", "bit", "bit/s", "ms"}, key.Unit) {
		text += " (" + key.Unit + ")"
	}
	return p.text(text)
}

// fieldText describes a field.
func (p *python) fieldText(t *model.Type, key *model.Key) string {
	if text := pythonTexts[t.Name+"."+key.Name]; text != "" {
		return text
	}
	return p.keyText(key)
}

// docstring writes paragraphs as a docstring.
func docstring(indent string, text ...string) string {
	if len(text) == 1 && len(indent)+len(text[0])+6 <= columns {
		return indent + `"""` + text[0] + `"""` + "\n"
	}
	var b strings.Builder
	for i, paragraph := range text {
		switch {
		case i == 0:
			b.WriteString(indent + wrap(indent, `"""`+paragraph)[len(indent):] + "\n")
		case isField(paragraph):
			b.WriteString(parameterText(indent, paragraph))
		default:
			b.WriteString("\n" + wrap(indent, paragraph) + "\n")
		}
		if i+1 < len(text) && isField(text[i+1]) && !isField(paragraph) {
			b.WriteString("\n")
		}
	}
	return b.String() + indent + `"""` + "\n"
}

// isField reports whether a paragraph describes a parameter or an attribute.
func isField(paragraph string) bool {
	return strings.HasPrefix(paragraph, ":param ") || strings.HasPrefix(paragraph, ":ivar ")
}

// parameterText wraps the text of a parameter below its name.
func parameterText(indent, text string) string {
	wrapped := wrap(indent, text)
	first, _, more := strings.Cut(wrapped, "\n")
	if !more {
		return wrapped + "\n"
	}
	rest := strings.Join(strings.Fields(text)[len(strings.Fields(first)):], " ")
	return first + "\n" + wrap(indent+"    ", rest) + "\n"
}

// bracketed writes elements between brackets: on one line if they fit, otherwise each on its own.
func bracketed(indent, open string, elements []string, end string) string {
	if line := indent + open + strings.Join(elements, ", ") + end; len(line) <= columns {
		return line + "\n"
	}
	var b strings.Builder
	b.WriteString(indent + open + "\n")
	for _, element := range elements {
		b.WriteString(indent + "    " + element + ",\n")
	}
	return b.String() + indent + end + "\n"
}

// literals are docstrings and strings, which use no name.
var literals = regexp.MustCompile(`(?s)""".*?"""|"[^"\n]*"`)

// pythonImport imports those of the names that the code uses.
func pythonImport(module string, names []string, code string) string {
	code = literals.ReplaceAllString(code, "")
	var used []string
	for _, name := range names {
		if regexp.MustCompile(`(^|[^.\w])` + name + `([^\w=]|$)`).MatchString(code) {
			used = append(used, name)
		}
	}
	if used == nil {
		return ""
	}
	sortNames(used, strings.ToLower)
	line := "from " + module + " import " + strings.Join(used, ", ")
	if len(line) <= columns {
		return line + "\n"
	}
	return bracketed("", "from "+module+" import (", used, ")")
}

// sortNames puts constants before classes, and classes before functions; within these by fold.
func sortNames(names []string, fold func(string) string) {
	group := func(name string) int {
		switch {
		case name == strings.ToUpper(name):
			return 0
		case unicode.IsUpper(rune(name[0])):
			return 1
		}
		return 2
	}
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(group(a)-group(b), strings.Compare(fold(a), fold(b)))
	})
}

// exported writes __all__.
func exported(names []string) string {
	quoted := slices.Clone(names)
	sortNames(quoted, func(name string) string { return name })
	for i, name := range quoted {
		quoted[i] = `"` + name + `"`
	}
	return bracketed("", "__all__ = [", slices.Compact(quoted), "]")
}

// optionField names an option among the fields of a client.
func optionField(key string) string { return strings.TrimSuffix(snake(key), "_ms") }
