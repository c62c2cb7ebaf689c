package main

import (
	"fmt"
	"slices"
	"strings"
	"text/template"

	"github.com/libcni/libcni/api/model"
)

// header writes include/cni.h: its opening pages are api/cni.h.in, the rest is generated.
func header(api *source) ([]byte, error) {
	text, err := api.read("api/cni.h.in")
	if err != nil {
		return nil, err
	}
	m := newManual(api.API)
	return render("cni.h.in", text, template.FuncMap{
		"generated": generatedFrom,
		"keys":      func(t *model.Type) string { return m.page(requestsPage, t, false) },
		"error":     func(t *model.Type) string { return m.page(errorsPage, t, true) },
		"kinds":     kindTable,
		"version":   func(part int) string { return strings.Split(api.Version, ".")[part] },
		"functions": func() string { return m.functions(api.API) },
	}, api)
}

// Pages of cni.h.in that describe objects.
const (
	requestsPage = "REQUESTS"
	errorsPage   = "ERRORS"
)

// manual writes tables of keys. Each object is described in one place, its home: a page, or the
// comment of a function. Elsewhere the table refers to that place.
type manual struct {
	homes map[*model.Type]string
	place string // where the table is that is being written
}

func newManual(description *model.API) *manual {
	m := &manual{homes: map[*model.Type]string{}}
	m.settle(requestsPage, description.Common)
	for _, f := range description.Functions {
		m.settle(f.Name, f.Request)
		m.settle(f.Name, f.Response)
	}
	m.settle(errorsPage, description.Error)
	for _, c := range description.Callbacks {
		m.settle(c.Name, c.Event)
	}
	return m
}

// settle makes a place the home of an object, and of those within it, that have none.
func (m *manual) settle(place string, t *model.Type) {
	if t == nil || m.homes[t] != "" {
		return
	}
	m.homes[t] = place
	for _, key := range t.Keys {
		_, object := m.word(key.Value)
		m.settle(place, object)
	}
}

const comment = " * "

// page writes the table of an object's keys for a page.
func (m *manual) page(place string, t *model.Type, response bool) string {
	m.place = place
	return strings.Join(m.table(t.Keys, 4, response), "\n")
}

// table writes a line for each key, and indented below it the keys of an object whose home is here.
// In responses a key that may be absent is marked.
func (m *manual) table(keys []*model.Key, indent int, response bool) []string {
	var lines []string
	widths := m.widths(keys, response)
	for _, key := range keys {
		word, object := m.word(key.Value)
		if response && !key.Required {
			word += "?"
		}
		text := key.Description
		if key.Value.Form == model.Enum {
			text += ": " + values(key.Value.Type)
		}
		if object != nil && m.homes[object] != m.place {
			text += "; see " + m.homes[object]
			object = nil
		}
		if key.Default != nil {
			text += "; default " + defaultText(key)
		}
		lines = append(lines, column(comment+strings.Repeat(" ", indent), widths, key.Name, word, text))
		if object != nil {
			lines = append(lines, m.table(object.Keys, indent+2, response)...)
		}
	}
	return lines
}

// widths returns the widths of the columns for names and types.
func (m *manual) widths(keys []*model.Key, response bool) []int {
	widths := []int{16, 12}
	for _, key := range keys {
		word, _ := m.word(key.Value)
		widths[0] = max(widths[0], len(key.Name)+2)
		widths[1] = max(widths[1], len(word)+2)
	}
	return []int{min(widths[0], 24), min(widths[1], 20)}
}

// word names the type of a value as the header does, and returns the object within it.
func (m *manual) word(v model.Value) (string, *model.Type) {
	switch v.Form {
	case model.Boolean:
		return "bool", nil
	case model.Integer, model.Number:
		return "number", nil
	case model.Object:
		if v.Type != nil && len(v.Type.Keys) > 0 {
			return "object", v.Type
		}
		return "object", nil
	case model.Map:
		return "object", nil
	case model.Pair:
		return "[k,v]", nil
	case model.List:
		word, object := m.word(*v.Element)
		return "[" + word + "]", object
	case model.Union:
		var words []string
		for _, alternative := range v.Alternatives {
			word, _ := m.word(alternative)
			words = append(words, word)
		}
		return strings.Join(words, " or "), nil
	}
	return "string", nil
}

// values describes an enumeration. A description that does not explain each value is completed by
// the values.
func values(t *model.Type) string {
	if len(t.Values) > 0 && strings.Contains(t.Description, t.Values[0]) {
		return t.Description
	}
	return `one of "` + strings.Join(t.Values, `", "`) + `"`
}

func defaultText(key *model.Key) string {
	text := strings.Trim(string(key.Default), "[]")
	if key.Unit == "ms" {
		return text + " ms"
	}
	return text
}

// kindTable writes the table of kinds.
func kindTable(kinds []*model.Kind) string {
	prefix := comment + "    "
	widths := []int{27, 18, 6, 10}
	lines := []string{column(prefix, widths, "kind", "returns", "code", "retryable", "when")}
	for _, kind := range kinds {
		name := kind.Name
		if kind.Any {
			name += " *"
		}
		code := fmt.Sprint(kind.Code)
		if len(kind.Errnos) == 0 {
			code = "" // the one it returns
		}
		lines = append(lines, column(prefix, widths, name, kind.Returns, code, retries(kind),
			kind.Description))
	}
	return strings.Join(lines, "\n")
}

// retries says whether errors of a kind are retryable. Of several errnos some are.
func retries(kind *model.Kind) string {
	switch {
	case len(kind.Errnos) > 1:
		return "by errno"
	case kind.Retryable:
		return "yes"
	default:
		return "no"
	}
}

// functions writes the declarations, section by section.
func (m *manual) functions(description *model.API) string {
	var b strings.Builder
	for _, section := range description.Sections {
		rule := "/* ---- " + section.Title + " "
		b.WriteString(rule + strings.Repeat("-", columns-len(rule)-3) + " */\n\n")
		if section.Text != nil {
			b.WriteString("/*" + strings.TrimPrefix(paragraphs(comment, section.Text), " *") + " */\n\n")
		}
		for _, c := range section.Callbacks {
			b.WriteString(m.callback(c) + "\n")
		}
		for _, f := range section.Functions {
			b.WriteString(m.function(f) + "\n")
		}
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func (m *manual) callback(c *model.Callback) string {
	m.place = c.Name
	text := "/**\n" + wrap(comment, c.Summary) + "\n" + paragraphs(comment, c.Text)
	text += " *\n * Event:\n" + strings.Join(m.table(c.Event.Keys, 2, true), "\n") + "\n"
	return text + " *\n * @since " + c.Since + "\n */\n" + c.Prototype + ";\n"
}

// function writes the comment and the declaration of a function.
func (m *manual) function(f *model.Function) string {
	m.place = f.Name
	text := "/**\n" + wrap(comment, f.Summary) + "\n" + paragraphs(comment, f.Text)
	if f.IsVerb() {
		text += " *\n" + m.request(f) + m.response(f)
	}
	if f.Parameters != nil || f.Returns != nil || f.IsVerb() {
		text += " *\n"
	}
	for _, p := range f.Parameters {
		text += wrap(comment, "@param "+p.Name+" "+p.Description) + "\n"
	}
	if returns := returnText(f); returns != "" {
		text += hanging("@return ", returns) + "\n"
	}
	if !strings.HasSuffix(text, " *\n") && f.Parameters == nil && f.Returns == nil && !f.IsVerb() {
		text += " *\n"
	}
	return text + " * @since " + f.Since + "\n */\nCNI_API " + f.Prototype + ";\n"
}

// hanging wraps text below the word it begins with.
func hanging(word, text string) string {
	wrapped := wrap(comment+strings.Repeat(" ", len(word)), text)
	return comment + word + wrapped[len(comment)+len(word):]
}

// request lists the keys that a verb uses, and describes its own.
func (m *manual) request(f *model.Function) string {
	var required, optional []string
	for _, choice := range f.Request.Choices {
		for _, key := range choice {
			required = append(required, key.Name)
		}
	}
	if required != nil {
		required = []string{list(required, "or")}
	}
	for _, key := range f.Keys {
		switch {
		case key.Required:
			required = append(required, key.Name)
		case !slices.Contains(slices.Concat(f.Request.Choices...), key):
			optional = append(optional, key.Name)
		}
	}
	optional = append(optional, "requestId", "options")
	text := "optional " + strings.Join(optional, ", ") + "."
	if required != nil {
		text = "required " + strings.Join(required, ", ") + "; " + text
	}
	text = hanging("Request: ", text) + "\n"
	for _, line := range m.table(f.Request.Own, 2, false) {
		text += line + "\n"
	}
	return text
}

// response describes the response of a verb.
func (m *manual) response(f *model.Function) string {
	t := f.Response
	if len(t.Keys) == 0 {
		return " * Response: {}.\n"
	}
	if home := m.homes[t]; home != m.place {
		return wrap(comment, "Response: "+t.Description+"; see "+home+".") + "\n"
	}
	return " * Response:\n" + strings.Join(m.table(t.Keys, 2, true), "\n") + "\n"
}

// returnText lists what a function returns.
func returnText(f *model.Function) string {
	if !f.IsVerb() {
		return strings.Join(f.Returns, "; ")
	}
	text := "0"
	for _, code := range f.Codes {
		text += fmt.Sprintf("; %d: %s", code.Code, code.Description)
	}
	var names []string
	for _, kind := range f.Kinds {
		names = append(names, kind.Name)
	}
	if names == nil {
		return text
	}
	return text + "; kinds " + strings.Join(names, ", ")
}
