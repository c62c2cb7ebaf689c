package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/libcni/libcni/api/model"
)

// dateMark stands for the date of the manual pages until they are written.
const dateMark = "@DATE@"

// dated writes the day of the release into a page.
func dated(api *source, page string) ([]byte, error) {
	day, err := releaseDay(api)
	return []byte(strings.Replace(page, dateMark, day.Format("January 2, 2006"), 1)), err
}

// manualPages are the targets in section 3: a page for each function and callback, and libcni(3)
// with the rules that hold for all of them.
func manualPages(api *source) []target {
	targets := []target{{"docs/man/libcni.3", overview}}
	add := func(name string, page func() string) {
		write := func(from *source) ([]byte, error) { return dated(from, page()) }
		targets = append(targets, target{"docs/man/" + name + ".3", write})
	}
	for _, f := range api.Functions {
		add(f.Name, func() string { return elsewhere(api.API, f).function(f) })
	}
	for _, c := range api.Callbacks {
		add(c.Name, func() string { return elsewhere(api.API, nil).callback(c) })
	}
	return targets
}

// keyLists describes keys, and the keys of the objects in them. It names the page of an object that
// another page describes.
type keyLists map[*model.Type]string

// elsewhere returns the objects that the page of a function refers to.
func elsewhere(description *model.API, f *model.Function) keyLists {
	pages := keyLists{}
	for _, other := range description.Functions {
		switch name := other.Name; name {
		case "cni_add":
			pages[other.Response] = name
		case "cni_attachments":
			pages[other.Response.Key("attachments").Value.Element.Type] = name
		}
	}
	for _, key := range description.Common.Keys {
		if t := innerObject(key.Value); t != nil {
			pages[t] = "libcni"
		}
	}
	for t, name := range pages {
		if f != nil && name == f.Name {
			delete(pages, t)
		}
	}
	return pages
}

// pageHead begins a page.
func pageHead(name, summary string) string {
	return `.\" SPDX-License-Identifier: Apache-2.0
.\" ` + generatedFrom("api/cni.api.json") + `
.Dd ` + dateMark + `
.Dt ` + strings.ToUpper(name) + ` 3
.Os libcni
.Sh NAME
.Nm ` + name + `
.Nd ` + roff(lowerFirst(strings.TrimSuffix(summary, "."))) + `
.Sh LIBRARY
libcni (libcni, \-lcni)
.Sh SYNOPSIS
.In cni.h
`
}

// function writes the page of a function.
func (k keyLists) function(f *model.Function) string {
	result, parameters := splitPrototype(f.Prototype)
	text := pageHead(f.Name, f.Summary) + ".Ft " + result + "\n.Fn " + f.Name
	for _, p := range parameters {
		text += ` "` + p + `"`
	}
	text += "\n.Sh DESCRIPTION\n" + roffLines(f.Summary) + roffParagraphs(f.Text)
	for _, p := range f.Parameters {
		text += ".Pp\n.Fa " + p.Name + "\nis " + roffLines(p.Description+".")
	}
	if f.IsVerb() {
		text += ".Ss Request\n" + k.request(f) + ".Ss Response\n" + k.response(f.Response)
	}
	if returned := returnedText(f); returned != "" {
		text += ".Sh RETURN VALUES\n" + returned
	}
	if f.Kinds != nil {
		text += ".Sh ERRORS\nBeside the kinds of every function, which\n.Xr libcni 3\nlists:\n"
		text += kindList(f.Kinds)
	}
	return text + pageEnd(f.Name, f.Since)
}

// callback writes the page of a function that the host implements.
func (k keyLists) callback(c *model.Callback) string {
	return pageHead(c.Name, c.Summary) + ".Bd -literal\n" + roff(c.Prototype) + ";\n.Ed\n" +
		".Sh DESCRIPTION\n" + roffLines(c.Summary) + roffParagraphs(c.Text) +
		".Ss Event\n" + k.list(c.Event.Keys, true, nil) + pageEnd(c.Name, c.Since)
}

func pageEnd(name, since string) string {
	return ".Sh HISTORY\n.Nm " + name + "\nappeared in libcni " + since + ".\n" +
		".Sh SEE ALSO\n.Xr cni 1 ,\n.Xr libcni 3\n"
}

// splitPrototype returns the result and the parameters of a function.
func splitPrototype(prototype string) (result string, parameters []string) {
	head, rest, _ := strings.Cut(prototype, "(")
	result = strings.TrimSpace(head[:strings.LastIndexAny(head, " *")+1])
	rest = strings.TrimSuffix(rest, ")")
	return result, strings.Split(rest, ", ")
}

// request lists the keys that a function uses.
func (k keyLists) request(f *model.Function) string {
	var described []*model.Key
	var common []string
	keys := append(slices.Clone(f.Keys), f.Request.Key("requestId"), f.Request.Key("options"))
	for _, key := range keys {
		if key.Required || chosen(f.Request, key) || f.Request.Base.Key(key.Name) == nil {
			described = append(described, key)
		} else {
			common = append(common, ".Fa "+key.Name)
		}
	}
	text := ""
	if described != nil {
		text = k.list(described, false, f.Request) + ".Pp\n"
	}
	return text + "Optional keys, which\n.Xr libcni 3\ndescribes:\n" +
		strings.Join(common, " ,\n") + " .\n"
}

func (k keyLists) response(t *model.Type) string {
	if len(t.Keys) == 0 {
		return roffLines("An object: " + t.Description + ".")
	}
	text := asSentence(t.Description)
	if strings.HasPrefix(t.Description, "response of ") {
		text = "An object with these keys:"
	}
	return roffLines(text) + k.list(t.Keys, true, nil)
}

// list describes keys. In responses a key that may be absent
// is marked, elsewhere one that is required, or that is one of those to choose from.
func (k keyLists) list(keys []*model.Key, response bool, request *model.Type) string {
	var b strings.Builder
	b.WriteString(".Bl -tag -width Ds\n")
	for _, key := range keys {
		traits := []string{roff(strings.ReplaceAll(valueName(key.Value), "`", ""))}
		switch {
		case response && !key.Required:
			traits = append(traits, "optional")
		case !response && key.Required:
			traits = append(traits, "required")
		case request != nil && chosen(request, key):
			traits = append(traits, "one of these is required")
		}
		b.WriteString(".It Fa " + key.Name + " Pq " + strings.Join(traits, ", ") + "\n")
		text := cellText(key)
		if key.Value.Form == model.Enum && text == key.Description {
			text += `: "` + strings.Join(key.Value.Type.Values, `", "`) + `"`
		}
		if key.Unit == "byte" || key.Unit == "ms" && key.Default == nil {
			text += " (" + key.Unit + ")"
		}
		if key.Default != nil {
			text += "; default " + defaultText(key)
		}
		b.WriteString(roffLines(asSentence(text)))
		switch inner := innerObject(key.Value); {
		case inner == nil:
		case k[inner] != "":
			b.WriteString("See\n.Xr " + k[inner] + " 3 .\n")
		default:
			b.WriteString(k.list(inner.Keys, response, nil))
		}
	}
	return b.String() + ".El\n"
}

// innerObject returns the object with keys in a value, or nil.
func innerObject(v model.Value) *model.Type {
	if v.Element != nil {
		return innerObject(*v.Element)
	}
	for _, alternative := range v.Alternatives {
		if t := innerObject(alternative); t != nil {
			return t
		}
	}
	if v.Form != model.Object || v.Type == nil || len(v.Type.Keys) == 0 {
		return nil
	}
	return v.Type
}

// valueName names the type of a value in words.
func valueName(v model.Value) string {
	switch v.Form {
	case model.Enum:
		return "string"
	case model.Object:
		return "object"
	case model.List:
		return "list of " + valueName(*v.Element)
	case model.Union:
		var words []string
		for _, alternative := range v.Alternatives {
			words = append(words, valueName(alternative))
		}
		return list(words, "or")
	}
	return valueText(v)
}

// returnedText lists what a function returns.
func returnedText(f *model.Function) string {
	var values [][2]string
	for _, returned := range f.Returns {
		code, text, _ := strings.Cut(returned, ": ")
		values = append(values, [2]string{code, text})
	}
	if f.IsVerb() {
		values = append(values, [2]string{"0", "success"})
		for _, code := range f.Codes {
			values = append(values, [2]string{fmt.Sprint(code.Code), code.Description})
		}
		values = append(values,
			[2]string{"> 0", "the code of a plugin or of the CNI specification"},
			[2]string{"< 0", "-errno"})
	}
	if values == nil {
		return ""
	}
	if len(values) == 1 && values[0][1] == "" {
		return roffLines(asSentence(values[0][0]))
	}
	text := ".Bl -tag -width Ds\n"
	for _, value := range values {
		text += ".It " + roff(value[0]) + "\n"
		if value[1] != "" {
			text += roffLines(asSentence(value[1]))
		} else {
			text += "Success.\n"
		}
	}
	return text + ".El\n"
}

// kindList describes kinds of errors.
func kindList(kinds []*model.Kind) string {
	text := ".Bl -tag -width Ds\n"
	for _, kind := range kinds {
		text += kindEntry(kind, "")
	}
	return text + ".El\n"
}
