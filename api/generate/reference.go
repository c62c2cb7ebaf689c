package main

import (
	"strconv"
	"strings"

	"github.com/libcni/libcni/api/model"
)

func number(n int64) string { return strconv.FormatInt(n, 10) }

const introduction = "`cni.h` is the manual: it describes the rules that hold for every " +
	"function. This page lists what the functions take and return. A function that takes a request " +
	"accepts " +
	"every key of [common](#common), and uses those that are listed with it. Its prototype is"

// reference writes docs/api.md: every function, kind and object.
func reference(api *source) ([]byte, error) {
	var b strings.Builder
	b.WriteString("<!-- " + generatedFrom("api/cni.api.json") + " -->\n")
	b.WriteString("# Interface of libcni " + api.Version + "\n\n" + wrap("", introduction))
	b.WriteString("\n\n```c\nint cni_VERB(const char *request, char **response);\n```")
	b.WriteString("\n\n")
	for _, section := range api.Sections {
		b.WriteString("- [" + section.Title + "](#" + anchor(section.Title) + ")\n")
	}
	b.WriteString("- [Kinds of errors](#kinds-of-errors)\n- [Objects](#objects)\n")
	for _, section := range api.Sections {
		b.WriteString("\n## " + section.Title + "\n" + markdownText(section.Text))
		for _, f := range section.Functions {
			b.WriteString("\n" + functionText(f))
		}
		for _, c := range section.Callbacks {
			b.WriteString("\n### " + c.Name + "\n\n" + wrap("", c.Summary) + "\n" + markdownText(c.Text) +
				"\n```c\n" + c.Prototype + ";\n```\n\nEvent: " + link(c.Event) + ". Since " + c.Since + ".\n")
		}
	}
	b.WriteString("\n## Kinds of errors\n\n" + kindsTable(api) + "\n## Objects\n")
	requested := map[*model.Type]bool{}
	within(requested, model.Value{Type: api.Common})
	for _, f := range api.Functions {
		within(requested, model.Value{Type: f.Request})
	}
	for _, plugin := range api.Builtins {
		within(requested, model.Value{Type: plugin.Config})
	}
	for _, t := range api.Types {
		if t.Form == model.Object && len(t.Own) > 0 && !configuresBuiltin(api, t) {
			b.WriteString("\n" + objectText(t, requested[t]))
		}
	}
	return []byte(b.String()), nil
}

// within adds the types within a value to a set.
func within(types map[*model.Type]bool, v model.Value) {
	if v.Element != nil {
		within(types, *v.Element)
	}
	for _, alternative := range v.Alternatives {
		within(types, alternative)
	}
	if v.Type == nil || types[v.Type] {
		return
	}
	types[v.Type] = true
	for _, key := range v.Type.Keys {
		within(types, key.Value)
	}
}

// configuresBuiltin reports whether docs/plugins.md describes an object.
func configuresBuiltin(api *source, t *model.Type) bool {
	for _, b := range api.Builtins {
		if b.Config == t || b.Role == "ipam" && b.Config.Key("ipam").Value.Type == t {
			return true
		}
	}
	return false
}

// functionText describes a function.
func functionText(f *model.Function) string {
	text := "### " + f.Name + "\n\n" + wrap("", f.Summary) + "\n" + markdownText(f.Text)
	if !f.IsVerb() {
		text += "\n```c\n" + f.Prototype + ";\n```\n"
		if f.Returns != nil {
			text += "\n" + wrap("", "Returns "+strings.Join(f.Returns, "; ")+".") + "\n"
		}
		return text + "\nSince " + f.Since + ".\n"
	}
	rows := [][]string{
		{"request", requestText(f)},
		{"response", link(f.Response)},
		{"kinds", kindLinks(f.Kinds)},
		{"method", "`" + f.Method + "`, since " + f.Since},
	}
	return text + "\n" + markdown(append([][]string{{"", ""}}, rows...))
}

// requestText lists the keys of a request, and marks those that are required.
func requestText(f *model.Function) string {
	own := map[*model.Key]bool{}
	for _, key := range f.Request.Own {
		own[key] = true
	}
	var names []string
	for _, key := range f.Keys {
		name := "`" + key.Name + "`"
		switch {
		case key.Required:
			name += " (required)"
		case chosen(f.Request, key):
			name += " (one of these)"
		}
		names = append(names, name)
	}
	text := strings.Join(names, ", ")
	if len(f.Request.Own) > 0 {
		text += "; see " + link(f.Request)
	}
	if text == "" {
		return "no keys of its own"
	}
	return text
}

// chosen reports whether a key is one of those that must be given.
func chosen(t *model.Type, key *model.Key) bool {
	for _, choice := range t.Choices {
		for _, k := range choice {
			if k.Name == key.Name {
				return true
			}
		}
	}
	return false
}

func kindLinks(kinds []*model.Kind) string {
	if kinds == nil {
		return "those of every function"
	}
	var names []string
	for _, kind := range kinds {
		names = append(names, "`"+kind.Name+"`")
	}
	return "those of every function, " + strings.Join(names, ", ")
}

func kindsTable(api *source) string {
	rows := [][]string{{"kind", "returns", "code", "retryable", "when", "since"}}
	for _, kind := range api.Kinds {
		name, retryable := "`"+kind.Name+"`", ""
		if kind.Any {
			name += " (every function)"
		}
		if kind.Retryable {
			retryable = "yes"
		}
		rows = append(rows, []string{
			name, kind.Returns, number(kind.Code), retryable, kind.Description, kind.Since,
		})
	}
	return markdown(rows)
}

// objectText describes an object of requests or of responses.
func objectText(t *model.Type, request bool) string {
	text := "### " + t.Name + "\n\n" + wrap("", asSentence(t.Description))
	if t.Base != nil {
		text += " It has the keys of " + link(t.Base) + " as well."
	}
	if request {
		return text + "\n\n" + keyTable(t.Own)
	}
	return text + "\n\n" + answerTable(t.Own)
}

// link refers to an object of the page.
func link(t *model.Type) string {
	if len(t.Own) == 0 {
		return "`{}`"
	}
	return "[" + t.Name + "](#" + strings.ToLower(t.Name) + ")"
}

func anchor(title string) string {
	return strings.ReplaceAll(strings.ToLower(strings.ReplaceAll(title, ",", "")), " ", "-")
}

// markdownText writes paragraphs; one that begins with a blank is preformatted.
func markdownText(text []string) string {
	var b strings.Builder
	for _, paragraph := range text {
		if strings.HasPrefix(paragraph, " ") {
			b.WriteString("\n```\n" + paragraph + "\n```\n")
		} else {
			b.WriteString("\n" + wrap("", paragraph) + "\n")
		}
	}
	return b.String()
}
